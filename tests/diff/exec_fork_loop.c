/* A hundred programs started and ended, every status right. */
#include "kit.h"
int main(int argc, char **argv)
{
    if (argc > 1)
        return atoi(argv[1]);
    int bad = 0;
    for (int i = 0; i < 100; i++) {
        char n[8];
        int st;
        sprintf(n, "%d", i);
        pid_t pid = kit_fork();
        if (pid == 0) {
            execl("/tests/bin/diffc", "diffc", argv[0], n, NULL);
            _exit(255);
        }
        MUST(waitpid(pid, &st, 0));
        bad += !WIFEXITED(st) || WEXITSTATUS(st) != i;
    }
    SHOW(bad);
    return 0;
}
