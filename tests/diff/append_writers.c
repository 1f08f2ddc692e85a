/* Four processes append at once: no line is lost or torn. */
#include "kit.h"
int main(void)
{
    int seen[4][100] = { { 0 } }, bad = 0;
    pid_t pid[4];
    for (int w = 0; w < 4; w++) {
        if ((pid[w] = kit_fork()) == 0) {
            int fd = MUST(open("f", O_WRONLY | O_CREAT | O_APPEND, 0644));
            for (int i = 0; i < 100; i++) {
                char line[32];
                int n = sprintf(line, "writer %d line %03d\n", w, i);
                MUST(write(fd, line, n));
                if (i % 10 == 0)
                    sched_yield();
            }
            _exit(0);
        }
    }
    for (int w = 0; w < 4; w++)
        reap("writer", pid[w]);
    FILE *f = fopen("f", "r");
    int w, i, n;
    for (n = 0; fscanf(f, "writer %d line %d\n", &w, &i) == 2; n++)
        if (w < 0 || w > 3 || i < 0 || i > 99 || seen[w][i]++)
            bad++;
    printf("%d lines, %d bad\n", n, bad);
    return 0;
}
