/* The offset belongs to the open file: dup and fork share it, a second open does not. */
#include "kit.h"
int main(void)
{
    char b[8] = "";
    put_file("f", "abcdefghij");
    int a = MUST(open("f", O_RDONLY)), c = MUST(dup(a)), d = MUST(open("f", O_RDONLY));
    MUST(read(a, b, 2));
    SHOW(lseek(c, 0, SEEK_CUR));
    SHOW(lseek(d, 0, SEEK_CUR));
    pid_t pid = kit_fork();
    if (pid == 0) {
        MUST(read(a, b, 3));
        printf("child read %.3s\n", b);
        fflush(stdout);
        MUST(read(d, b, 1));
        _exit(0);
    }
    reap("child", pid);
    SHOW(lseek(a, 0, SEEK_CUR));
    SHOW(lseek(d, 0, SEEK_CUR));
    MUST(read(c, b, 2));
    printf("parent read %.2s\n", b);
    /* Both directions, written through one description. */
    int w = MUST(open("g", O_RDWR | O_CREAT, 0644));
    for (int i = 0; i < 3; i++) {
        pid = kit_fork();
        if (pid == 0) {
            char x = (char)('0' + i);
            MUST(write(w, &x, 1));
            _exit(0);
        }
        reap("writer", pid);
        MUST(write(w, "-", 1));
    }
    cat_file("g");
    return 0;
}
