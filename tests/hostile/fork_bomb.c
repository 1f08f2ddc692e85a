/*
 * @timeout 60
 * A user who forks as fast as he can meets his limit of processes (EAGAIN); the
 * others, and he himself afterwards, can work.
 */
#include "kit.h"
int main(void)
{
    int p[2];
    MUST(pipe(p));
    pid_t pid = kit_fork();
    if (pid == 0) {
        struct rlimit r = { 60, 60 };
        setpgid(0, 0);
        MUST(setrlimit(RLIMIT_NPROC, &r));
        MUST(setgid(4242));
        MUST(setuid(4242));
        for (int i = 0; i < 6; i++)
            fork(); /* 64 if nobody minds */
        for (;;) {
            pid_t k = fork();
            if (k < 0) {
                char c = errno == EAGAIN ? 'a' : '?';
                write(p[1], &c, 1);
                for (;;)
                    pause();
            }
        }
    }
    setpgid(pid, pid);
    close(p[1]);
    char c = 0;
    SHOW(read(p[0], &c, 1));
    printf("%c\n", c);
    msleep(100);
    /* We are not bound by his limit. */
    pid_t own = kit_fork();
    if (own == 0)
        _exit(5);
    reap("own child", own);
    SHOW(kill(-pid, SIGKILL));
    reap("bomb", pid);
    int all = 1, n = 0;
    while (read(p[0], &c, 1) == 1) { /* until the last of them is gone */
        all &= c == 'a';
        n++;
    }
    IS(all);
    IS(n < 64);
    pid = kit_fork();
    if (pid == 0) {
        struct rlimit r = { 60, 60 };
        MUST(setrlimit(RLIMIT_NPROC, &r));
        MUST(setuid(4242));
        pid_t k = fork();
        if (k == 0)
            _exit(0);
        _exit(k > 0 ? 0 : 1);
    }
    reap("afterwards", pid);
    return 0;
}
