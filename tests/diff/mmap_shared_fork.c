/* Shared anonymous memory is one memory for parent and children. */
#include "kit.h"
int main(void)
{
    volatile int *p = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid[4];
    IS(p != MAP_FAILED);
    for (int i = 0; i < 4; i++)
        if ((pid[i] = kit_fork()) == 0) {
            for (int n = 0; n < 1000; n++)
                __atomic_fetch_add(&p[0], 1, __ATOMIC_SEQ_CST);
            p[i + 1] = i * 11;
            _exit(0);
        }
    for (int i = 0; i < 4; i++)
        reap("child", pid[i]);
    printf("%d: %d %d %d %d\n", p[0], p[1], p[2], p[3], p[4]);
    return 0;
}
