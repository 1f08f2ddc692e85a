/* Over fork: handlers and mask are handed on, pending signals are not. */
#include "kit.h"
static volatile int got;
static void h(int s) { got = s; }
int main(void)
{
    sigset_t set, now;
    signal(SIGUSR1, h);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    raise(SIGUSR1);
    pid_t pid = kit_fork();
    if (pid == 0) {
        sigpending(&now);
        IS(!sigismember(&now, SIGUSR1));
        sigprocmask(SIG_SETMASK, NULL, &now);
        IS(sigismember(&now, SIGUSR1));
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        SHOW(got);
        raise(SIGUSR1);
        IS(got == SIGUSR1);
        fflush(stdout);
        _exit(0);
    }
    reap("child", pid);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    IS(got == SIGUSR1);
    return 0;
}
