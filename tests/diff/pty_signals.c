/* The controlling terminal: signals by its keys, window size, hang-up, groups. */
#include "kit.h"
#include <pty.h>
static volatile int got;
static void h(int s) { got = s; }
static void tell(int fd, const char *t) { MUST(write(fd, t, strlen(t))); }
int main(void)
{
    int m, out[2];
    char b[200];
    MUST(pipe(out));
    fflush(stdout);
    pid_t pid = forkpty(&m, NULL, NULL, NULL);
    if (pid == 0) {
        int keys[] = { SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGHUP };
        struct winsize w;
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        for (int i = 0; i < 5; i++)
            signal(keys[i], h);
        tell(out[1], tcgetpgrp(0) == getpgrp() && tcgetsid(0) == getpid() ? "mine" : "not mine");
        for (int i = 0; i < 5; i++) {
            sigsuspend(&none);
            sprintf(b, "%s", sigabbrev_np(got));
            if (got == SIGWINCH && !ioctl(0, TIOCGWINSZ, &w))
                sprintf(b, "WINCH %d %d", w.ws_row, w.ws_col);
            tell(out[1], b);
        }
        _exit(0);
    }
    const char *types[] = { "\x03", "\x1c", "\x1a" };
    for (int i = 0; i < 6; i++) {
        ssize_t n = MUST(read(out[0], b, sizeof b));
        printf("%.*s\n", (int)n, b);
        fflush(stdout);
        if (i < 3)
            MUST(write(m, types[i], 1));
        if (i == 3) {
            struct winsize w = { .ws_row = 50, .ws_col = 132 };
            MUST(ioctl(m, TIOCSWINSZ, &w));
        }
        if (i == 4)
            close(m);
    }
    reap("session", pid);
    return 0;
}
