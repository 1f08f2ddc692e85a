/* Handlers on a stack of their own, also when the normal one is exhausted. */
#include "kit.h"
static char stack[65536];
static volatile int on_it;
static sigjmp_buf back;
static void h(int s)
{
    char here;
    on_it = &here >= stack && &here < stack + sizeof stack;
    stack_t now;
    sigaltstack(NULL, &now);
    printf("%s: on it %d, flags %d\n", sigabbrev_np(s), on_it, now.ss_flags);
    fflush(stdout);
    stack_t off = { .ss_flags = SS_DISABLE };
    if (on_it)
        SHOW(sigaltstack(&off, NULL));
    if (s == SIGSEGV)
        siglongjmp(back, 1);
}
static long endless(long n)
{
    volatile char room[4096];
    room[0] = (char)n;
    return endless(n + 1) + room[0];
}
int main(void)
{
    stack_t s = { .ss_sp = stack, .ss_size = sizeof stack }, old;
    struct sigaction a = { .sa_handler = h, .sa_flags = SA_ONSTACK };
    SHOW(sigaltstack(NULL, &old));
    SHOW(old.ss_flags);
    SHOW(sigaltstack(&s, NULL));
    sigaction(SIGUSR1, &a, NULL);
    raise(SIGUSR1);
    a.sa_flags = 0;
    sigaction(SIGUSR2, &a, NULL);
    raise(SIGUSR2);
    a.sa_flags = SA_ONSTACK;
    sigaction(SIGSEGV, &a, NULL);
    if (!sigsetjmp(back, 1))
        printf("%ld\n", endless(0));
    printf("back\n");
    s.ss_size = 100;
    SHOW(sigaltstack(&s, NULL));
    s.ss_size = sizeof stack;
    s.ss_flags = 77;
    SHOW(sigaltstack(&s, NULL));
    s.ss_flags = SS_DISABLE;
    SHOW(sigaltstack(&s, NULL));
    sigaltstack(NULL, &old);
    SHOW(old.ss_flags);
    return 0;
}
