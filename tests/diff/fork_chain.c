/* A chain: each process forks the next, and all end in order. */
#include "kit.h"
int main(void)
{
    for (int i = 0; i < 30; i++) {
        pid_t pid = kit_fork();
        if (pid) {
            int st;
            MUST(waitpid(pid, &st, 0));
            _exit(i ? WEXITSTATUS(st) + 1 : (printf("%d\n", WEXITSTATUS(st)), fflush(stdout), 0));
        }
    }
    _exit(0);
}
