/* SIGCHLD: for exit, stop, continue; SA_NOCLDSTOP, SA_NOCLDWAIT, ignored. */
#include "kit.h"
static volatile int count, code;
static void h(int s, siginfo_t *i, void *u)
{
    (void)s;
    (void)u;
    count++;
    code = i->si_code;
}
static void await(int n)
{
    for (int i = 0; i < 200 && count < n; i++)
        msleep(5);
}
int main(void)
{
    struct sigaction a = { .sa_sigaction = h, .sa_flags = SA_SIGINFO };
    int st;
    sigaction(SIGCHLD, &a, NULL);
    pid_t pid = kit_fork();
    if (pid == 0)
        for (;;)
            pause();
    kill(pid, SIGSTOP);
    await(1);
    IS(count == 1 && code == CLD_STOPPED);
    kill(pid, SIGCONT);
    await(2);
    IS(count == 2 && code == CLD_CONTINUED);
    a.sa_flags |= SA_NOCLDSTOP;
    sigaction(SIGCHLD, &a, NULL);
    kill(pid, SIGSTOP);
    MUST(waitpid(pid, &st, WUNTRACED));
    show_status("child", st);
    IS(count == 2);
    kill(pid, SIGKILL);
    await(3);
    IS(count == 3 && code == CLD_KILLED);
    reap("child", pid);
    a.sa_flags = SA_SIGINFO | SA_NOCLDWAIT;
    sigaction(SIGCHLD, &a, NULL);
    pid = kit_fork();
    if (pid == 0)
        _exit(1);
    SHOW(waitpid(pid, &st, 0));
    signal(SIGCHLD, SIG_IGN);
    pid = kit_fork();
    if (pid == 0)
        _exit(1);
    SHOW(waitpid(-1, &st, 0));
    return 0;
}
