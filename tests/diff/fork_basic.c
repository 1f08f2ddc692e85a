/* fork: two processes, their numbers, copied memory, the status. */
#include "kit.h"
int main(void)
{
    int x = 1, p[2];
    pid_t me = getpid(), told;
    MUST(pipe(p));
    pid_t pid = kit_fork();
    if (pid == 0) {
        x = 2;
        told = getpid();
        IS(getppid() == me && told != me);
        MUST(write(p[1], &told, sizeof told));
        fflush(stdout);
        _exit(x);
    }
    MUST(read(p[0], &told, sizeof told));
    IS(told == pid);
    reap("child", pid);
    SHOW(x);
    return 0;
}
