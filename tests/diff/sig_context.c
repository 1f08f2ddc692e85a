/* A handler sees the registers and may change them: it steps over the fault. */
#include "kit.h"
#include <ucontext.h>
static volatile long r3_seen;
static void h(int s, siginfo_t *i, void *u)
{
    ucontext_t *c = u;
    (void)s;
    (void)i;
    r3_seen = (long)c->uc_mcontext.gp_regs[3];
    c->uc_mcontext.gp_regs[3] = 77;
    c->uc_mcontext.gp_regs[32] += 4; /* nip */
}
int main(void)
{
    struct sigaction a = { .sa_sigaction = h, .sa_flags = SA_SIGINFO };
    sigaction(SIGILL, &a, NULL);
    sigaction(SIGSEGV, &a, NULL);
    register long r3 __asm__("r3") = 5;
    __asm__ volatile(".long 0" : "+r"(r3)::"memory");
    long after = r3;
    printf("saw %ld, came back with %ld\n", r3_seen, after);
    r3 = 6;
    __asm__ volatile("li 9,16; ld 10,0(9)" : "+r"(r3)::"memory", "r9", "r10");
    after = r3;
    printf("saw %ld, came back with %ld\n", r3_seen, after);
    return 0;
}
