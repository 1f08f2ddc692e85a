/* exit runs handlers and flushes; _exit does neither. */
#include "kit.h"
static void a(void) { printf("a\n"); }
static void b(void) { printf("b\n"); }
int main(void)
{
    pid_t pid = kit_fork();
    if (pid == 0) {
        atexit(a);
        atexit(b);
        printf("buffered");
        exit(300); /* eight bits of it */
    }
    reap("exit", pid);
    pid = kit_fork();
    if (pid == 0) {
        atexit(a);
        printf("lost");
        _exit(1);
    }
    reap("_exit", pid);
    pid = kit_fork();
    if (pid == 0) {
        syscall(SYS_exit, 4);
    }
    reap("thread exit", pid);
    return 0;
}
