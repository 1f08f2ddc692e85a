/* Anonymous memory: zero at first, private to a child after fork. */
#include "kit.h"
int main(void)
{
    size_t len = 16 * BLOCK;
    char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    IS(p != MAP_FAILED);
    long sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += p[i];
    SHOW(sum);
    memset(p, 7, len);
    pid_t pid = kit_fork();
    if (pid == 0) {
        printf("child sees %d\n", p[len - 1]);
        p[0] = 9;
        printf("child wrote %d\n", p[0]);
        fflush(stdout);
        _exit(0);
    }
    reap("child", pid);
    printf("parent sees %d\n", p[0]);
    SHOW(munmap(p, len));
    SHOW(munmap(p, len));
    SHOW(munmap(p + 1, len));
    SHOW(munmap(p, 0));
    return 0;
}
