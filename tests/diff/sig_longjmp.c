/* Leaving a handler by siglongjmp, a thousand times, with the mask restored. */
#include "kit.h"
static sigjmp_buf back;
static void h(int s) { siglongjmp(back, s); }
int main(void)
{
    volatile int n = 0;
    signal(SIGUSR1, h);
    sigsetjmp(back, 1);
    if (n++ < 1000)
        raise(SIGUSR1);
    SHOW(n);
    volatile int faults = 0;
    signal(SIGSEGV, h);
    sigsetjmp(back, 1);
    if (faults++ < 1000)
        *(volatile int *)16 = 1;
    SHOW(faults);
    sigset_t now;
    MUST(sigprocmask(SIG_SETMASK, NULL, &now));
    IS(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGSEGV));
    return 0;
}
