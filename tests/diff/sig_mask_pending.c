/* Blocked signals wait, once each; sigpending tells; unblocking delivers. */
#include "kit.h"
static volatile int count[NSIG];
static void h(int s) { count[s]++; }
int main(void)
{
    sigset_t set, old, p;
    signal(SIGUSR1, h);
    signal(SIGUSR2, h);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    SHOW(sigprocmask(SIG_BLOCK, &set, &old));
    IS(!sigismember(&old, SIGUSR1));
    raise(SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR2);
    printf("%d %d\n", count[SIGUSR1], count[SIGUSR2]);
    MUST(sigpending(&p));
    IS(sigismember(&p, SIGUSR1) && !sigismember(&p, SIGUSR2));
    SHOW(sigprocmask(SIG_UNBLOCK, &set, NULL));
    printf("%d\n", count[SIGUSR1]);
    MUST(sigpending(&p));
    IS(!sigismember(&p, SIGUSR1));
    /* A pending signal that is then ignored is gone. */
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR1, h);
    MUST(sigprocmask(SIG_UNBLOCK, &set, NULL));
    printf("%d\n", count[SIGUSR1]);
    /* KILL and STOP cannot be blocked. */
    sigfillset(&set);
    MUST(sigprocmask(SIG_SETMASK, &set, NULL));
    MUST(sigprocmask(SIG_SETMASK, NULL, &old));
    IS(!sigismember(&old, SIGKILL) && !sigismember(&old, SIGSTOP) && sigismember(&old, SIGTERM));
    SHOW(syscall(SYS_rt_sigprocmask, 9, &set, NULL, 8));
    SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4));
    SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8));
    return 0;
}
