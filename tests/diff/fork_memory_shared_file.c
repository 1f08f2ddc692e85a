/* A file mapped in common counts what six processes add, with no loss. */
#include "kit.h"
int main(void)
{
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(ftruncate(fd, BLOCK));
    pid_t pid[6];
    for (int i = 0; i < 6; i++)
        if ((pid[i] = kit_fork()) == 0) {
            int own = MUST(open("f", O_RDWR));
            long *n = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
            for (int k = 0; k < 500; k++) {
                __atomic_fetch_add(n, 1, __ATOMIC_SEQ_CST);
                if (k % 100 == 0)
                    sched_yield();
            }
            _exit(0);
        }
    for (int i = 0; i < 6; i++)
        reap("child", pid[i]);
    long total = 0;
    MUST(pread(fd, &total, sizeof total, 0));
    SHOW(total);
    return 0;
}
