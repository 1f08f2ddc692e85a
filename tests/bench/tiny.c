/* The smallest program: one system call, exit(0). No library, no start files. */
#include <sys/syscall.h>

void _start(void)
{
    register long number __asm__("r0") = SYS_exit;
    register long status __asm__("r3") = 0;
    __asm__ volatile("sc" : : "r"(number), "r"(status) : "memory");
    for (;;)
        ;
}
