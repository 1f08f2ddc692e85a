/* A binary tree of 63 processes; every exit status reaches the top. */
#include "kit.h"
static int grow(int depth)
{
    int sum = 1, st;
    if (depth == 0)
        return 1;
    pid_t kid[2];
    for (int i = 0; i < 2; i++)
        if ((kid[i] = kit_fork()) == 0)
            _exit(grow(depth - 1));
    for (int i = 0; i < 2; i++) {
        MUST(waitpid(kid[i], &st, 0));
        sum += WEXITSTATUS(st);
    }
    return sum;
}
int main(void)
{
    SHOW(grow(5));
    return 0;
}
