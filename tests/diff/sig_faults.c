/* Faults of the machine: illegal, privileged and trap instructions, wild jumps. */
#include "kit.h"
static sigjmp_buf back;
static volatile int code;
static void h(int s, siginfo_t *i, void *u)
{
    (void)u;
    code = i->si_code;
    siglongjmp(back, s);
}
#define TRY(what, insn) \
    do { \
        int s = sigsetjmp(back, 1); \
        if (s) \
            printf("%s: SIG%s code %d\n", what, sigabbrev_np(s), code); \
        else { \
            __asm__ volatile(insn ::: "memory", "r9", "ctr"); \
            printf("%s: nothing\n", what); \
        } \
    } while (0)
int main(void)
{
    struct sigaction a = { .sa_sigaction = h, .sa_flags = SA_SIGINFO };
    sigaction(SIGILL, &a, NULL);
    sigaction(SIGTRAP, &a, NULL);
    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
    sigaction(SIGFPE, &a, NULL);
    TRY("illegal", ".long 0");
    TRY("privileged", "mfmsr 9");
    TRY("trap", "trap");
    TRY("jump to null", "li 9,0; mtctr 9; bctr");
    TRY("kernel address", "lis 9,-16384; sldi 9,9,32; ld 9,0(9)");
    return 0;
}
