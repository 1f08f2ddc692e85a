/* Copy on write: parent, child and grandchild each keep their own. */
#include "kit.h"
static char data[4 * BLOCK];
int main(void)
{
    memset(data, 'p', sizeof data);
    pid_t pid = kit_fork();
    if (pid == 0) {
        data[0] = 'c';
        pid_t grand = kit_fork();
        if (grand == 0) {
            data[BLOCK] = 'g';
            printf("grandchild %c %c %c\n", data[0], data[BLOCK], data[2 * BLOCK]);
            fflush(stdout);
            _exit(0);
        }
        reap("grandchild", grand);
        printf("child %c %c %c\n", data[0], data[BLOCK], data[2 * BLOCK]);
        fflush(stdout);
        _exit(0);
    }
    data[2 * BLOCK] = 'P';
    reap("child", pid);
    printf("parent %c %c %c\n", data[0], data[BLOCK], data[2 * BLOCK]);
    /* System calls that write into copied pages, too. */
    int p[2];
    MUST(pipe(p));
    pid = kit_fork();
    if (pid == 0) {
        MUST(write(p[1], "xyz", 3));
        MUST(read(p[0], data + 3 * BLOCK, 3));
        _exit(data[3 * BLOCK]);
    }
    reap("child", pid);
    printf("parent %c\n", data[3 * BLOCK]);
    return 0;
}
