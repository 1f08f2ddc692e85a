/* statfs: that it answers, that its numbers fit together. */
#include "kit.h"
#include <sys/statvfs.h>
int main(void)
{
    struct statfs s;
    struct statvfs v;
    SHOW(statfs(".", &s));
    IS(s.f_bsize >= 512 && s.f_blocks > 0 && s.f_bfree <= s.f_blocks && s.f_bavail <= s.f_bfree);
    IS(s.f_namelen == 255);
    SHOW(statfs("/proc", &s));
    printf("%lx\n", (long)s.f_type);
    SHOW(statfs("missing", &s));
    SHOW(fstatfs(0, &s));
    SHOW(fstatfs(999, &s));
    SHOW(statvfs(".", &v));
    IS(v.f_namemax == 255);
    return 0;
}
