/* A futex in memory that two processes share. */
#include "kit.h"
#include <linux/futex.h>
int main(void)
{
    int *f = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = kit_fork();
    if (pid == 0) {
        for (int i = 0; i < 500; i++) {
            while (__atomic_load_n(f, __ATOMIC_ACQUIRE) != 2 * i + 1)
                syscall(SYS_futex, f, FUTEX_WAIT, 2 * i, NULL, NULL, 0);
            __atomic_store_n(f, 2 * i + 2, __ATOMIC_RELEASE);
            syscall(SYS_futex, f, FUTEX_WAKE, 1, NULL, NULL, 0);
        }
        _exit(0);
    }
    for (int i = 0; i < 500; i++) {
        __atomic_store_n(f, 2 * i + 1, __ATOMIC_RELEASE);
        syscall(SYS_futex, f, FUTEX_WAKE, 1, NULL, NULL, 0);
        while (__atomic_load_n(f, __ATOMIC_ACQUIRE) != 2 * i + 2)
            syscall(SYS_futex, f, FUTEX_WAIT, 2 * i + 1, NULL, NULL, 0);
    }
    reap("child", pid);
    SHOW(*f);
    return 0;
}
