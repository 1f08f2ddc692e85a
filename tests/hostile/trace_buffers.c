/*
 * Every process has the trace region mapped (K42 only; on Linux nothing is there): the header, the table and the
 * kernel's events cannot be written. What programs write can be spoiled, which harms nobody.
 */
#include "kit.h"
#include <setjmp.h>
#define REGION 0x3ff010000000ul
#define KERNEL_PART (1ul << 20)
#define MOST (8ul << 20)

static sigjmp_buf back;

static void refused(int sig)
{
    siglongjmp(back, sig);
}

static int can_write(unsigned long address, unsigned long value)
{
    if (sigsetjmp(back, 1))
        return 0;
    *(volatile unsigned long *)address = value;
    return 1;
}

int main(void)
{
    struct sigaction sa = { .sa_handler = refused };
    MUST(sigaction(SIGSEGV, &sa, NULL));
    MUST(sigaction(SIGBUS, &sa, NULL));
    int open = 0;
    for (unsigned long at = 0; at < KERNEL_PART; at += 4096)
        open += can_write(REGION + at, 0) + can_write(REGION + at + 4088, 0);
    printf("words of header, table and kernel that can be written: %d\n", open);
    unsigned long x = 1;
    for (unsigned long page = KERNEL_PART; page < MOST; page += 4096) {
        if (!can_write(REGION + page, x))
            continue;
        for (unsigned long at = page; at < page + 4096; at += 8)
            can_write(REGION + at, x = x * 6364136223846793005ul + 1442695040888963407ul);
    }
    for (int i = 0; i < 100; i++) {
        pid_t child = MUST(fork());
        if (child == 0)
            _exit(i & 7);
        int status;
        MUST(waitpid(child, &status, 0));
        if (status != (i & 7) << 8)
            printf("child %d: %#x\n", i, status);
    }
    printf("alive\n");
    return 0;
}
