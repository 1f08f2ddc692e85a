/* Over a system call: what must stay in the registers stays, the carry bit tells errors. */
#include "kit.h"
int main(void)
{
    long bad = 0;
    for (int i = 0; i < 2000; i++) {
        register long r0 __asm__("r0") = SYS_getppid;
        register long r3 __asm__("r3") = 0;
        register long r14 __asm__("r14") = 1414;
        register long r30 __asm__("r30") = 3131;
        long cr, lr;
        __asm__ volatile(
            "lis 9,4660; mtlr 9; mtcr 9; li 9,77; mtvsrd 40,9; mtvsrd 14,9\n"
            "sc\n"
            "mflr %5; mfcr %4; mfvsrd 9,40; mfvsrd 10,14; cmpd 7,9,10; beq 7,1f; li 14,0\n1:"
            : "+r"(r0), "+r"(r3), "+r"(r14), "+r"(r30), "=&r"(cr), "=&r"(lr)
            :
            : "memory", "cr0", "cr1", "cr2", "cr3", "cr4", "cr5", "cr6", "cr7", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11",
            "r12", "ctr", "xer", "lr", "v8", "fr14");
        long got = r3, low = r14, high = r30;
        bad += low != 1414 || high != 3131 || lr != 4660l << 16 || (cr & 0x0fffffff) != (4660l << 16 & 0x0fffffff) || got != getppid();
    }
    SHOW(bad);
    register long r0 __asm__("r0") = SYS_close;
    register long r3 __asm__("r3") = 999;
    long cr;
    __asm__ volatile("sc; mfcr %2" : "+r"(r0), "+r"(r3), "=r"(cr)::"memory", "cr0", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "ctr");
    IS(cr & 0x10000000 && r3 == EBADF);
    return 0;
}
