/* siginfo: who sent it and how: kill, sigqueue, a timer, a child, a fault. */
#include "kit.h"
static volatile siginfo_t got;
static void h(int s, siginfo_t *i, void *u)
{
    (void)s;
    (void)u;
    memcpy((void *)&got, i, sizeof *i);
}
int main(void)
{
    struct sigaction a = { .sa_sigaction = h, .sa_flags = SA_SIGINFO };
    int s[] = { SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD, SIGFPE, SIGILL, SIGTRAP };
    for (size_t i = 0; i < sizeof s / sizeof *s; i++)
        sigaction(s[i], &a, NULL);
    kill(getpid(), SIGUSR1);
    IS(got.si_signo == SIGUSR1 && got.si_code == SI_USER && got.si_pid == getpid() && got.si_uid == 0);
    raise(SIGUSR2);
    IS(got.si_signo == SIGUSR2 && got.si_code == SI_TKILL && got.si_pid == getpid());
    union sigval v = { .sival_int = 4711 };
    SHOW(sigqueue(getpid(), SIGUSR1, v));
    IS(got.si_code == SI_QUEUE && got.si_value.sival_int == 4711 && got.si_pid == getpid());
    struct itimerval t = { .it_value = { 0, 10000 } };
    setitimer(ITIMER_REAL, &t, NULL);
    pause();
    IS(got.si_signo == SIGALRM && got.si_code == SI_KERNEL);
    pid_t pid = kit_fork();
    if (pid == 0)
        _exit(42);
    while (got.si_signo != SIGCHLD)
        msleep(5);
    IS(got.si_code == CLD_EXITED && got.si_pid == pid && got.si_status == 42);
    reap("child", pid);
    got.si_signo = 0;
    pid = kit_fork();
    if (pid == 0) {
        msleep(10);
        kill(getppid(), SIGUSR2);
        pause();
    }
    while (got.si_signo != SIGUSR2)
        msleep(5);
    IS(got.si_pid == pid);
    kill(pid, SIGKILL);
    while (got.si_signo != SIGCHLD)
        msleep(5);
    IS(got.si_code == CLD_KILLED && got.si_pid == pid && got.si_status == SIGKILL);
    reap("child", pid);
    return 0;
}
