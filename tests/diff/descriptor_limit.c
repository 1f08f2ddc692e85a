/* The limit of open files: EMFILE at the limit, room again after a close. */
#include "kit.h"
int main(void)
{
    struct rlimit r = { 16, 16 };
    int fd, p[2];
    MUST(setrlimit(RLIMIT_NOFILE, &r));
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        ;
    printf("open: %s\n", ename(errno));
    SHOW(dup(0));
    SHOW(pipe(p));
    SHOW(dup2(0, 15));
    SHOW(dup2(0, 16));
    SHOW(fcntl(0, F_DUPFD, 16));
    close(7);
    SHOW(pipe(p));
    SHOW(open("/dev/null", O_RDONLY));
    close(9);
    close(10);
    SHOW(pipe(p));
    printf("%d %d\n", p[0], p[1]);
    return 0;
}
