/* uname, sysinfo, sysconf: what is the same on every machine of this kind. */
#include "kit.h"
#include <sys/sysinfo.h>
int main(void)
{
    struct utsname u;
    struct sysinfo s;
    SHOW(uname(&u));
    printf("%s %s\n", u.sysname, u.machine);
    IS(u.release[0] >= '3' && strchr(u.release, '.'));
    SHOW(uname((struct utsname *)8));
    SHOW(sysinfo(&s));
    IS(s.totalram > 0 && s.freeram <= s.totalram && s.mem_unit >= 1 && s.procs > 0);
    IS(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    SHOW(sysconf(_SC_CLK_TCK));
    SHOW(sethostname("k42-test", 8));
    SHOW(uname(&u));
    printf("%s\n", u.nodename);
    SHOW(sethostname("k42", 3));
    MUST(setuid(1000));
    SHOW(sethostname("x", 1));
    return 0;
}
