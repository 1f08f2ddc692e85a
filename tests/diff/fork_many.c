/* Two hundred children at once, each with its own status. */
#include "kit.h"
int main(void)
{
    static pid_t pid[200];
    int p[2], seen[256] = { 0 }, st, bad = 0;
    char c;
    MUST(pipe(p));
    for (int i = 0; i < 200; i++)
        if ((pid[i] = kit_fork()) == 0) {
            close(p[1]);
            MUST(read(p[0], &c, 1)); /* until the parent lets go */
            _exit(i);
        }
    close(p[1]);
    for (int i = 0; i < 200; i++) {
        pid_t w = MUST(waitpid(-1, &st, 0));
        int k;
        for (k = 0; k < 200 && pid[k] != w; k++)
            ;
        bad += k == 200 || !WIFEXITED(st) || WEXITSTATUS(st) != k || seen[k]++;
    }
    printf("%d bad\n", bad);
    SHOW(waitpid(-1, &st, 0));
    return 0;
}
