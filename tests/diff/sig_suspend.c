/* sigsuspend: the mask for the wait, and the old one after it. */
#include "kit.h"
static volatile int got;
static void h(int s) { got = s; }
int main(void)
{
    sigset_t block, none, now;
    signal(SIGUSR1, h);
    signal(SIGUSR2, h);
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigaddset(&block, SIGUSR2);
    MUST(sigprocmask(SIG_BLOCK, &block, NULL));
    raise(SIGUSR1);
    SHOW(got);
    SHOW(sigsuspend(&none));
    IS(got == SIGUSR1);
    MUST(sigprocmask(SIG_SETMASK, NULL, &now));
    IS(sigismember(&now, SIGUSR1));
    pid_t pid = kit_fork();
    if (pid == 0) {
        msleep(30);
        kill(getppid(), SIGUSR1);
        kill(getppid(), SIGUSR2);
        _exit(0);
    }
    sigset_t only2 = none;
    sigaddset(&only2, SIGUSR1);
    got = 0;
    SHOW(sigsuspend(&only2));
    IS(got == SIGUSR2);
    reap("child", pid);
    MUST(sigpending(&now));
    IS(sigismember(&now, SIGUSR1));
    return 0;
}
