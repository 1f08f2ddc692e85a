/* Registers of every kind live through a handler that uses them all. */
#include "kit.h"
static volatile double sink;
static void h(int s)
{
    double d[16];
    for (int i = 0; i < 16; i++)
        d[i] = s * 1.5 + i;
    for (int i = 0; i < 16; i++)
        sink += d[i];
    /* Spoil vector, floating and condition registers. */
    __asm__ volatile("xxlxor 40,40,40; xxlxor 20,20,20; fsub 14,14,14; li 9,0; mtcr 9; mtctr 9; mtxer 9" ::
        : "v8", "vs20", "fr14", "r9", "cr0", "cr1", "cr2", "cr3", "cr4", "cr5", "cr6", "cr7", "ctr", "xer");
}
int main(void)
{
    struct itimerval t = { { 0, 1000 }, { 0, 1000 } };
    signal(SIGALRM, h);
    setitimer(ITIMER_REAL, &t, NULL);
    volatile long bad = 0;
    for (long round = 0; round < 5000; round++) {
        long a, b, c;
        double x = 1.25, y;
        __asm__ volatile(
            "li 9,123; mtvsrd 40,9; mtvsrd 20,9; fmr 14,%4\n"
            "lis 10,4660; mtctr 10; li 11,1000\n"
            "1: addi 11,11,-1; cmpdi 2,11,0; bne 2,1b\n"
            "mfctr %2; mfvsrd %0,40; mfvsrd %1,20; fmr %3,14\n"
            : "=&r"(a), "=&r"(b), "=&r"(c), "=&f"(y)
            : "f"(x)
            : "r9", "r10", "r11", "v8", "vs20", "fr14", "cr2", "ctr");
        bad += a != 123 || b != 123 || c != 4660L << 16 || y != 1.25;
    }
    SHOW(bad);
    IS(sink > 0);
    return 0;
}
