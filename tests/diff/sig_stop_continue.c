/* SIGSTOP and SIGCONT, as wait sees them and as the process feels them. */
#include "kit.h"
static volatile int conts;
static void h(int s)
{
    (void)s;
    conts++;
}
int main(void)
{
    int p[2], st;
    char c;
    MUST(pipe(p));
    pid_t pid = kit_fork();
    if (pid == 0) {
        signal(SIGCONT, h);
        raise(SIGSTOP);
        c = (char)('0' + conts);
        MUST(write(p[1], &c, 1));
        raise(SIGSTOP);
        c = (char)('0' + conts);
        MUST(write(p[1], &c, 1));
        for (;;)
            pause();
    }
    MUST(waitpid(pid, &st, WUNTRACED));
    show_status("child", st);
    SHOW(waitpid(pid, &st, WUNTRACED | WNOHANG));
    kill(pid, SIGCONT);
    MUST(waitpid(pid, &st, WCONTINUED));
    show_status("child", st);
    MUST(read(p[0], &c, 1));
    printf("%c\n", c);
    MUST(waitpid(pid, &st, WUNTRACED));
    show_status("child", st);
    kill(pid, SIGTERM); /* waits for the continuation */
    msleep(30);
    SHOW(waitpid(pid, &st, WNOHANG));
    kill(pid, SIGCONT);
    reap("child", pid);
    return 0;
}
