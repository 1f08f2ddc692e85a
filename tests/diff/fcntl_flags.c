/* Status flags belong to the open file, the close-on-exec flag to the descriptor. */
#include "kit.h"
int main(void)
{
    char b[8];
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644)), d = MUST(dup(fd));
    printf("%o\n", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    SHOW(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_WRONLY));
    printf("%o\n", fcntl(d, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    SHOW(write(fd, "abc", 3));
    lseek(fd, 0, SEEK_SET);
    SHOW(write(d, "def", 3));
    SHOW(pread(fd, b, 8, 0));
    SHOW(fcntl(fd, F_SETFD, FD_CLOEXEC));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(d, F_GETFD));
    int p[2];
    MUST(pipe2(p, O_NONBLOCK | O_CLOEXEC));
    SHOW(fcntl(p[0], F_GETFD));
    IS(fcntl(p[0], F_GETFL) & O_NONBLOCK);
    SHOW(read(p[0], b, 1));
    SHOW(fcntl(p[0], F_SETFL, 0));
    IS(!(fcntl(p[0], F_GETFL) & O_NONBLOCK));
    SHOW(pipe2(p, 0x7));
    SHOW(fcntl(999, F_GETFL));
    int on = 1;
    MUST(pipe(p));
    SHOW(ioctl(p[0], FIONBIO, &on));
    SHOW(read(p[0], b, 1));
    MUST(write(p[1], "abc", 3));
    SHOW(ioctl(p[0], FIONREAD, &on));
    printf("%d\n", on);
    /* A regular file never signals, and nobody is its owner. */
    SHOW(fcntl(fd, F_SETFL, O_ASYNC));
    IS(!(fcntl(fd, F_GETFL) & O_ASYNC));
    SHOW(fcntl(fd, F_GETOWN));
    SHOW(fcntl(p[0], F_GETOWN));
    return 0;
}
