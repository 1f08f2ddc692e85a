/* Code is run where execution is allowed, and only there. */
#include "kit.h"
static sigjmp_buf back;
static void on_segv(int s) { siglongjmp(back, s); }
int main(void)
{
    /* li r3, 42; blr */
    static const uint32_t code[] = { 0x3860002a, 0x4e800020 };
    signal(SIGSEGV, on_segv);
    char *p = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(p, code, sizeof code);
    __builtin___clear_cache(p, p + sizeof code);
    for (int round = 0; round < 2; round++) {
        int s = sigsetjmp(back, 1);
        if (s)
            printf("SIG%s\n", sigabbrev_np(s));
        else {
            long r;
            __asm__ volatile("mtctr %1\n\tbctrl\n\tmr %0,3" : "=r"(r) : "r"(p) : "ctr", "lr", "r3", "memory");
            printf("%ld\n", r);
        }
        SHOW(mprotect(p, BLOCK, PROT_READ | PROT_EXEC));
    }
    return 0;
}
