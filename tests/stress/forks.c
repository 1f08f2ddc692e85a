/*
 * @arg 10000 @timeout 300
 * Ten thousand times fork, exec, exit and wait; a quarter of them by vfork; up to
 * eight children alive at once.  Every status must be the one that was asked for.
 */
#include "kit.h"
int main(int argc, char **argv)
{
    volatile long done = 0, wrong = 0; /* vfork's child shares the frame */
    long n = argc > 1 ? atol(argv[1]) : 1000;
    enum { ALIVE = 8 };
    struct { pid_t pid; int want; } kids[ALIVE] = { { 0, 0 } };
    char status[8];

    if (argc > 2)
        _exit(atoi(argv[2]));
    for (volatile long i = 0; i < n + ALIVE; i++) {
        int slot = (int)(i % ALIVE), st;
        if (kids[slot].pid) {
            MUST(waitpid(kids[slot].pid, &st, 0));
            wrong += !WIFEXITED(st) || WEXITSTATUS(st) != kids[slot].want;
            done++;
            kids[slot].pid = 0;
        }
        if (i >= n)
            continue;
        kids[slot].want = (int)(i % 251);
        sprintf(status, "%d", kids[slot].want);
        pid_t pid = MUST(i % 4 ? fork() : vfork());
        if (pid == 0) {
            execl("/tests/bin/forks", "forks", "0", status, NULL);
            _exit(255);
        }
        kids[slot].pid = pid;
    }
    printf("forks: %ld done, %ld wrong\n", done, wrong);
    return done != n || wrong;
}
