/* A reader waits for data, a writer for room; both are woken. */
#include "kit.h"
int main(void)
{
    static char b[200000];
    int p[2];
    MUST(pipe(p));
    pid_t pid = kit_fork();
    if (pid == 0) {
        close(p[0]);
        msleep(20);
        memset(b, 'z', sizeof b);
        SHOW(write(p[1], b, sizeof b)); /* whole, though it takes several turns */
        _exit(0);
    }
    close(p[1]);
    long total = 0, n, bad = 0;
    while ((n = read(p[0], b, 3000)) > 0) {
        for (long i = 0; i < n; i++)
            bad += b[i] != 'z';
        total += n;
    }
    reap("writer", pid);
    printf("%ld bytes, %ld bad\n", total, bad);
    return 0;
}
