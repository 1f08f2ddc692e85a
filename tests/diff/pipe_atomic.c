/* Writes up to PIPE_BUF of several writers never mix. */
#include "kit.h"
int main(void)
{
    char b[512];
    int p[2], count[3] = { 0 }, mixed = 0;
    pid_t pid[3];
    MUST(pipe(p));
    for (int w = 0; w < 3; w++)
        if ((pid[w] = kit_fork()) == 0) {
            memset(b, 'a' + w, sizeof b);
            for (int i = 0; i < 200; i++)
                MUST(write(p[1], b, sizeof b));
            _exit(0);
        }
    close(p[1]);
    for (;;) {
        size_t got = 0;
        ssize_t n = 0;
        while (got < sizeof b && (n = read(p[0], b + got, sizeof b - got)) > 0)
            got += (size_t)n;
        if (got < sizeof b)
            break;
        for (size_t i = 1; i < sizeof b; i++)
            mixed += b[i] != b[0];
        count[b[0] - 'a']++;
    }
    for (int w = 0; w < 3; w++)
        reap("writer", pid[w]);
    printf("%d %d %d, %d mixed\n", count[0], count[1], count[2], mixed);
    return 0;
}
