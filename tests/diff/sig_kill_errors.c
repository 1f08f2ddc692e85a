/* kill: to whom, by whom, with what. */
#include "kit.h"
int main(void)
{
    SHOW(kill(getpid(), 0));
    SHOW(kill(999999, 0));
    SHOW(kill(getpid(), 65));
    SHOW(kill(getpid(), -1));
    SHOW(kill(-999999, SIGTERM));
    SHOW(kill(INT_MIN, SIGTERM));
    pid_t pid = kit_fork();
    if (pid == 0)
        _exit(0);
    siginfo_t i;
    MUST(waitid(P_PID, pid, &i, WEXITED | WNOWAIT));
    SHOW(kill(pid, SIGTERM)); /* a zombie may be signalled */
    reap("child", pid);
    SHOW(kill(pid, SIGTERM));
    pid = kit_fork();
    if (pid == 0) {
        MUST(setuid(1000));
        SHOW(kill(getppid(), SIGTERM));
        SHOW(kill(getppid(), 0));
        SHOW(kill(getpid(), 0));
        SHOW(kill(1, SIGTERM));
        fflush(stdout);
        _exit(0);
    }
    reap("user", pid);
    SHOW(syscall(SYS_tgkill, getpid(), getpid(), 0));
    SHOW(syscall(SYS_tgkill, getpid(), 999999, 0));
    SHOW(syscall(SYS_tgkill, getpid(), -1, 0));
    SHOW(syscall(SYS_tkill, 999999, 0));
    return 0;
}
