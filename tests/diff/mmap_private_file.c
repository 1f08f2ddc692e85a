/* A private mapping of a file: its text, changes kept from the file. */
#include "kit.h"
int main(void)
{
    put_file("f", "0123456789");
    int fd = MUST(open("f", O_RDONLY));
    char *p = mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    printf("%.10s\n", p);
    IS(!p[10] && !p[100]); /* the rest of the page is zero */
    p[0] = 'X';
    printf("%.10s\n", p);
    cat_file("f");
    pid_t pid = kit_fork();
    if (pid == 0) {
        p[1] = 'Y';
        _exit(p[0]);
    }
    reap("child", pid);
    printf("%.10s\n", p);
    MUST(unlink("f"));
    printf("%.10s\n", p);
    return 0;
}
