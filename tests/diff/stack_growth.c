/* The stack grows by itself, up to its limit. */
#include "kit.h"
static long deep(int n)
{
    volatile char room[4096];
    room[0] = (char)n;
    room[4095] = 1;
    return n ? deep(n - 1) + room[4095] : 0;
}
static long endless(long n)
{
    volatile char room[4096];
    room[0] = (char)n;
    return endless(n + 1) + room[0];
}
int main(void)
{
    SHOW(deep(1500));
    pid_t pid = kit_fork();
    if (pid == 0)
        _exit((int)endless(0));
    reap("endless", pid);
    struct rlimit r;
    MUST(getrlimit(RLIMIT_STACK, &r));
    printf("%ld KiB\n", (long)r.rlim_cur / 1024);
    return 0;
}
