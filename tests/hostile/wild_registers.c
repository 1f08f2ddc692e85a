/*
 * @timeout 60
 * System calls made with a stack pointer, a thread pointer and a table of contents
 * that lead nowhere: the call itself needs none of them.  And signals that come
 * while the stack pointer is wild end the process, not more.
 */
#include "kit.h"
#include <sys/auxv.h>

/* write(fd, text, length) with r1, r2 and r13 wild. */
static long wild_write(int fd, const char *text, long length, unsigned long wild)
{
    register long r0 __asm__("r0") = SYS_write;
    register long r3 __asm__("r3") = fd;
    register long r4 __asm__("r4") = (long)text;
    register long r5 __asm__("r5") = length;
    register unsigned long r9 __asm__("r9") = wild;
    __asm__ volatile(
        "mr 28,1; mr 29,2; mr 30,13\n"
        "mr 1,9; mr 2,9; mr 13,9\n"
        "sc\n"
        "mr 1,28; mr 2,29; mr 13,30\n"
        "bns+ 1f; neg 3,3\n1:"
        : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r9)
        :
        : "memory", "cr0", "ctr", "r6", "r7", "r8", "r10", "r11", "r12", "r28", "r29", "r30");
    return r3;
}

static void h(int s) { (void)s; }

int main(void)
{
    const unsigned long wild[] = { 0, 8, 1, 0xc000000000000000ul, 0xfffffffffffffff0ul, 0x3ff000000000ul, 0x3ffffffffff0ul,
        0x7ffffffffff0ul };
    const char *names[] = { "null", "8", "1", "kernel", "kernel top", "k42 library", "k42 top", "linux top" };
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        pid_t pid = kit_fork();
        if (pid == 0)
            _exit(wild_write(1, "written\n", 8, wild[i]) == 8 ? 0 : 1);
        reap(names[i], pid);
        pid = kit_fork();
        if (pid == 0)
            _exit(wild_write(1, (char *)wild[i], 8, wild[i]) == -EFAULT ? 0 : 1);
        reap(" bad buffer", pid);
    }
    /* A handler with nowhere to put its frame. */
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        pid_t pid = kit_fork();
        if (pid == 0) {
            signal(SIGUSR1, h);
            register long r0 __asm__("r0") = SYS_kill;
            register long r3 __asm__("r3") = getpid();
            register long r4 __asm__("r4") = SIGUSR1;
            register unsigned long r9 __asm__("r9") = wild[i];
            __asm__ volatile("mr 1,9; li 0,37; sc; li 0,1; li 3,7; sc" : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r9)::"memory");
            _exit(9);
        }
        reap(names[i], pid);
    }
    return 0;
}
