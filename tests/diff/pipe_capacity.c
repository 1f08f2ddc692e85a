/* A pipe holds at least 64 KiB; then a writer waits, or is told EAGAIN. */
#include "kit.h"
int main(void)
{
    static char b[70000];
    int p[2];
    long total = 0, n;
    MUST(pipe2(p, O_NONBLOCK));
    while ((n = write(p[1], b, 4096)) > 0)
        total += n;
    printf("full: %s\n", ename(errno));
    IS(total >= 65536);
    SHOW(write(p[1], b, 1));
    SHOW(read(p[0], b, 4095));
    SHOW(write(p[1], b, 4096)); /* not in parts: up to PIPE_BUF it is all or nothing */
    while ((n = read(p[0], b, sizeof b)) > 0)
        total -= n;
    printf("empty: %s\n", ename(errno));
    SHOW(total - 4095);
    long part = write(p[1], b, sizeof b);
    IS(part >= 4096 && part <= (long)sizeof b);
    return 0;
}
