/* brk and sbrk: up, down, zero again, refused. */
#include "kit.h"
int main(void)
{
    char *start = sbrk(0);
    IS(start != (void *)-1);
    SHOW(brk(start + 4 * BLOCK));
    IS(sbrk(0) == start + 4 * BLOCK);
    IS(start[0] == 0 && start[4 * BLOCK - 1] == 0);
    memset(start, 1, 4 * BLOCK);
    SHOW(brk(start + BLOCK));
    SHOW(brk(start + 4 * BLOCK));
    IS(start[0] == 1);
    IS(start[3 * BLOCK] == 0); /* given back and fresh again */
    IS(sbrk(BLOCK) == start + 4 * BLOCK);
    SHOW(brk((void *)(1ul << 60)));
    IS(sbrk(0) == start + 5 * BLOCK);
    pid_t pid = kit_fork();
    if (pid == 0)
        _exit(sbrk(0) == start + 5 * BLOCK ? start[0] : 99);
    reap("child", pid);
    SHOW(brk(start));
    return 0;
}
