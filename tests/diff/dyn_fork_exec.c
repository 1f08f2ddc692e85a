/* @dynamic: fork and exec of a dynamic program, and lazy binding after a fork. */
#include "kit.h"
#include <sys/wait.h>
int main(int argc, char **argv)
{
    if (argc > 1) {
        printf("again: %s\n", argv[1]);
        return 4;
    }
    pid_t pid = kit_fork();
    if (pid == 0) {
        printf("child %s\n", strpbrk("hello", "l"));
        fflush(stdout);
        execl("/proc/self/exe", argv[0], "x y", NULL);
        _exit(9);
    }
    reap("child", pid);
    IS(execl("/missing/program", "p", NULL) == -1 && errno == ENOENT);
    return 0;
}
