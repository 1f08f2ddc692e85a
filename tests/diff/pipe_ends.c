/* End of file when the last writer closes, SIGPIPE or EPIPE when the last reader has. */
#include "kit.h"
int main(void)
{
    char b[8];
    int p[2], q[2];
    MUST(pipe(p));
    int w2 = MUST(dup(p[1]));
    MUST(write(p[1], "ab", 2));
    close(p[1]);
    SHOW(read(p[0], b, 8));
    MUST(write(w2, "c", 1));
    close(w2);
    SHOW(read(p[0], b, 8));
    SHOW(read(p[0], b, 8));
    SHOW(write(p[0], "x", 1));
    MUST(pipe(q));
    SHOW(read(q[1], b, 1));
    close(q[0]);
    signal(SIGPIPE, SIG_IGN);
    SHOW(write(q[1], "x", 1));
    SHOW(write(q[1], "", 0));
    pid_t pid = kit_fork();
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        SHOW(write(q[1], "x", 1));
        _exit(0);
    }
    reap("writer", pid);
    SHOW(pipe((int *)8));
    return 0;
}
