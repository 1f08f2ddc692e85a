/* Duplicated descriptors: dup, dup2, dup3, F_DUPFD and their errors. */
#include "kit.h"
int main(void)
{
    put_file("f", "0123456789");
    int a = MUST(open("f", O_RDONLY));
    SHOW(dup2(a, 20));
    SHOW(dup2(a, a));
    SHOW(dup2(99, 99));
    SHOW(dup2(99, 5));
    SHOW(dup2(a, -1));
    SHOW(dup2(a, 1 << 30));
    SHOW(dup3(a, a, 0));
    SHOW(dup3(a, 21, O_CLOEXEC));
    SHOW(fcntl(21, F_GETFD));
    SHOW(fcntl(20, F_GETFD));
    SHOW(dup3(a, 22, 1));
    SHOW(fcntl(a, F_DUPFD_CLOEXEC, 30));
    SHOW(fcntl(30, F_GETFD));
    SHOW(fcntl(a, F_DUPFD, -1));
    SHOW(fcntl(99, F_DUPFD, 0));
    SHOW(fcntl(a, 9999, 0));
    MUST(lseek(20, 4, SEEK_SET));
    SHOW(lseek(30, 0, SEEK_CUR));
    close(a);
    char c;
    SHOW(read(20, &c, 1));
    printf("%c\n", c);
    /* dup2 onto an open descriptor closes it first. */
    int p[2];
    MUST(pipe(p));
    SHOW(dup2(20, p[1]) == p[1]);
    SHOW(read(p[0], &c, 1));
    return 0;
}
