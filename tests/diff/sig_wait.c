/* sigwait, sigtimedwait: taken without a handler, in time or not. */
#include "kit.h"
int main(void)
{
    sigset_t set;
    siginfo_t i;
    int s;
    struct timespec none = { 0, 0 }, little = { 0, 20000000 };
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    SHOW(sigtimedwait(&set, &i, &none));
    SHOW(sigtimedwait(&set, &i, &little));
    raise(SIGUSR1);
    SHOW(sigwait(&set, &s));
    IS(s == SIGUSR1);
    union sigval v = { .sival_int = 3 };
    sigqueue(getpid(), SIGRTMIN, v);
    v.sival_int = 4;
    sigqueue(getpid(), SIGRTMIN, v);
    for (int n = 0; n < 2; n++) {
        IS(sigwaitinfo(&set, &i) == SIGRTMIN);
        SHOW(i.si_value.sival_int);
    }
    pid_t pid = kit_fork();
    if (pid == 0) {
        msleep(20);
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    IS(sigwaitinfo(&set, &i) == SIGUSR1 && i.si_pid == pid);
    reap("child", pid);
    return 0;
}
