/* wait, waitpid, waitid: which child, without waiting, without reaping, errors. */
#include "kit.h"
int main(void)
{
    int st;
    siginfo_t i;
    struct rusage u;
    SHOW(wait(&st));
    pid_t a = kit_fork();
    if (a == 0)
        _exit(3);
    pid_t b = kit_fork();
    if (b == 0) {
        pause();
        _exit(0);
    }
    SHOW(waitpid(b, &st, WNOHANG));
    SHOW(waitid(P_PID, a, &i, WEXITED | WNOWAIT));
    IS(i.si_pid == a && i.si_status == 3 && i.si_code == CLD_EXITED && i.si_signo == SIGCHLD);
    IS(wait4(a, &st, 0, &u) == a);
    show_status("a", st);
    SHOW(waitpid(a, &st, 0));
    SHOW(waitpid(b, &st, 12345));
    SHOW(waitid(P_PID, b, &i, 0));
    i.si_pid = 7;
    SHOW(waitid(P_PID, b, &i, WEXITED | WNOHANG));
    SHOW(i.si_pid);
    kill(b, SIGKILL);
    MUST(waitid(P_ALL, 0, &i, WEXITED));
    IS(i.si_pid == b && i.si_status == SIGKILL && i.si_code == CLD_KILLED);
    SHOW(waitpid(-1, &st, WNOHANG));
    SHOW(waitpid(INT_MIN, &st, 0));
    SHOW(waitpid(getpid(), &st, 0));
    return 0;
}
