/* vfork: the parent waits until the child has gone to another program or ended. */
#include "kit.h"
int main(void)
{
    volatile int x = 1;
    fflush(stdout);
    pid_t pid = vfork();
    if (pid == 0) {
        x = 2; /* the memory is the parent's */
        _exit(5);
    }
    reap("child", pid);
    SHOW(x);
    fflush(stdout);
    pid = vfork();
    if (pid == 0) {
        execl("/bin/busybox", "busybox", "echo", "from the program", NULL);
        _exit(127);
    }
    reap("program", pid);
    pid = vfork();
    if (pid == 0) {
        execl("/missing", "missing", NULL);
        _exit(errno == ENOENT ? 42 : 1);
    }
    reap("missing", pid);
    return 0;
}
