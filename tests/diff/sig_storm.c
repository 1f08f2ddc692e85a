/* Two processes exchange five thousand signals without losing the count. */
#include "kit.h"
static volatile int got;
static void h(int s)
{
    (void)s;
    got++;
}
int main(void)
{
    sigset_t block, none;
    signal(SIGUSR1, h);
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &block, NULL));
    pid_t pid = kit_fork();
    if (pid == 0) {
        while (got < 2500) {
            sigsuspend(&none);
            kill(getppid(), SIGUSR1);
        }
        _exit(0);
    }
    while (got < 2500) {
        kill(pid, SIGUSR1);
        sigsuspend(&none);
    }
    reap("child", pid);
    SHOW(got);
    return 0;
}
