/* setpgid, getpgid, getsid and what they refuse. */
#include "kit.h"
int main(void)
{
    int p[2];
    char c;
    MUST(pipe(p));
    IS(getpgrp() == getpgid(0) && getpgid(getpid()) == getpgrp());
    pid_t pid = kit_fork();
    if (pid == 0) {
        IS(getpgrp() == getpgid(getppid()));
        SHOW(setpgid(0, 0));
        IS(getpgrp() == getpid());
        IS(getsid(0) == getsid(getppid()));
        SHOW(setpgid(0, getppid()) == 0 || errno == EPERM);
        SHOW(setpgid(0, 999999));
        SHOW(setpgid(0, -1));
        SHOW(setpgid(getppid(), 0));
        SHOW(setsid() == -1 ? 1 : 0); /* a group's leader may not */
        fflush(stdout);
        _exit(0);
    }
    reap("child", pid);
    SHOW(setpgid(pid, pid));
    SHOW(getpgid(999999));
    SHOW(getsid(999999));
    pid = kit_fork();
    if (pid == 0) {
        execl("/bin/busybox", "busybox", "sh", "-c", "read x", NULL);
        _exit(1);
    }
    msleep(50);
    SHOW(setpgid(pid, pid)); /* too late after its exec */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    pid = kit_fork();
    if (pid == 0) {
        IS(setsid() == getpid());
        IS(getpgrp() == getpid() && getsid(0) == getpid());
        SHOW(setsid());
        SHOW(setpgid(0, 0));
        MUST(write(p[1], "x", 1));
        fflush(stdout);
        pause();
    }
    MUST(read(p[0], &c, 1));
    SHOW(setpgid(pid, 0)); /* another session */
    kill(pid, SIGKILL);
    reap("session", pid);
    return 0;
}
