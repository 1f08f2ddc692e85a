/*
 * @timeout 60
 * MAP_FIXED, munmap and mprotect on every part of the address space that is not the
 * program's: the call may refuse, the process may end, the system goes on.
 */
#include "kit.h"
int main(void)
{
    const unsigned long at[] = { 0, BLOCK, 0x3ff000000000ul, 0x3ff000000000ul - BLOCK, 0x3fffffff0000ul, 0x400000000000ul,
        0x7fffffff0000ul, 0x8000000000000000ul, 0xc000000000000000ul, 0xffffffffffff0000ul };
    int survived = 0;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
        for (int way = 0; way < 4; way++) {
            pid_t pid = kit_fork();
            if (pid == 0) {
                void *p = (void *)at[i];
                if (way == 0)
                    mmap(p, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
                if (way == 1)
                    munmap(p, 16 * BLOCK);
                if (way == 2)
                    mprotect(p, 16 * BLOCK, PROT_READ | PROT_WRITE | PROT_EXEC);
                if (way == 3)
                    mremap(p, BLOCK, 2 * BLOCK, MREMAP_MAYMOVE);
                _exit(getppid() > 0 ? 0 : 1);
            }
            int st;
            MUST(waitpid(pid, &st, 0));
            survived++;
        }
    SHOW(survived);
    /* All of one's own memory unmapped: the end of the process only. */
    pid_t pid = kit_fork();
    if (pid == 0) {
        munmap((void *)0x10000, 0x3fefffff0000ul);
        _exit(0);
    }
    reap("unmapped itself", pid);
    return 0;
}
