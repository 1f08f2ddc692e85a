/* prctl: the name of a process, the signal at the parent's death. */
#include "kit.h"
#include <sys/prctl.h>
int main(void)
{
    char n[17] = "";
    int p[2];
    char c;
    SHOW(prctl(PR_GET_NAME, n));
    printf("%s\n", n);
    SHOW(prctl(PR_SET_NAME, "a name that is far too long"));
    SHOW(prctl(PR_GET_NAME, n));
    printf("%s\n", n);
    cat_file("/proc/self/comm");
    SHOW(prctl(12345));
    SHOW(prctl(PR_SET_NAME, 8));
    MUST(pipe(p));
    pid_t pid = kit_fork();
    if (pid == 0) {
        if (kit_fork() == 0) {
            close(p[0]);
            MUST(prctl(PR_SET_PDEATHSIG, SIGKILL));
            MUST(write(p[1], "x", 1));
            for (;;)
                pause();
        }
        MUST(read(p[0], &c, 1));
        _exit(0);
    }
    close(p[1]);
    reap("parent", pid);
    SHOW(read(p[0], &c, 1)); /* its end closes when the grandchild dies */
    return 0;
}
