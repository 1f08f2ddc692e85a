/* Limits: told, lowered, not raised by users, handed on; RLIMIT_FSIZE with SIGXFSZ. */
#include "kit.h"
int main(void)
{
    struct rlimit r, was;
    MUST(getrlimit(RLIMIT_NOFILE, &was));
    IS(was.rlim_cur >= 256 && was.rlim_cur <= was.rlim_max);
    r.rlim_cur = 50;
    r.rlim_max = 100;
    SHOW(setrlimit(RLIMIT_NOFILE, &r));
    r.rlim_cur = 101;
    SHOW(setrlimit(RLIMIT_NOFILE, &r));
    SHOW(getrlimit(99, &r));
    SHOW(getrlimit(RLIMIT_CPU, (struct rlimit *)8));
    pid_t pid = kit_fork();
    if (pid == 0) {
        MUST(getrlimit(RLIMIT_NOFILE, &r));
        printf("%ld %ld\n", (long)r.rlim_cur, (long)r.rlim_max);
        MUST(setuid(1000));
        r.rlim_max = 200;
        SHOW(setrlimit(RLIMIT_NOFILE, &r));
        r.rlim_cur = r.rlim_max = 60;
        SHOW(setrlimit(RLIMIT_NOFILE, &r));
        fflush(stdout);
        _exit(0);
    }
    reap("child", pid);
    r.rlim_cur = r.rlim_max = 1000;
    MUST(setrlimit(RLIMIT_FSIZE, &r));
    pid = kit_fork();
    if (pid == 0) {
        char b[1500] = "";
        int fd = MUST(open("f", O_CREAT | O_WRONLY, 0644));
        SHOW(write(fd, b, 1500));
        signal(SIGXFSZ, SIG_IGN);
        SHOW(write(fd, b, 1));
        fflush(stdout);
        signal(SIGXFSZ, SIG_DFL);
        write(fd, b, 1);
        _exit(0);
    }
    reap("writer", pid);
    r.rlim_cur = 1;
    r.rlim_max = 2;
    pid = kit_fork();
    if (pid == 0) {
        MUST(setrlimit(RLIMIT_CPU, &r));
        for (;;)
            ;
    }
    reap("spinner", pid);
    return 0;
}
