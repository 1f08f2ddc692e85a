/* Record locks between processes: conflicts, ranges, release at exit and close. */
#include "kit.h"
static int lock(int fd, short type, off_t start, off_t len)
{
    struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
    return fcntl(fd, F_SETLK, &l);
}
static void child_tries(int fd, short type, off_t start, off_t len)
{
    pid_t pid = kit_fork();
    if (pid == 0) {
        struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
        SHOW(lock(fd, type, start, len));
        MUST(fcntl(fd, F_GETLK, &l));
        printf("held: %s\n", l.l_type == F_UNLCK ? "no" : l.l_pid == getppid() ? "by the parent" : "by another");
        fflush(stdout);
        _exit(0);
    }
    reap("child", pid);
}
int main(void)
{
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    SHOW(lock(fd, F_WRLCK, 0, 10));
    child_tries(fd, F_RDLCK, 5, 1);
    child_tries(fd, F_WRLCK, 10, 5);
    SHOW(lock(fd, F_RDLCK, 0, 10));
    child_tries(fd, F_RDLCK, 0, 10);
    child_tries(fd, F_WRLCK, 0, 10);
    SHOW(lock(fd, F_UNLCK, 0, 5));
    child_tries(fd, F_WRLCK, 0, 5);
    child_tries(fd, F_WRLCK, 4, 2);
    close(MUST(dup(fd))); /* closing any descriptor of the file drops all locks */
    child_tries(fd, F_WRLCK, 0, 0);
    int r = MUST(open("f", O_RDONLY));
    SHOW(lock(r, F_WRLCK, 0, 1));
    SHOW(lock(999, F_RDLCK, 0, 1));
    SHOW(lock(fd, 77, 0, 1));
    /* F_SETLKW waits until the other process ends. */
    int p[2];
    char c;
    MUST(pipe(p));
    pid_t pid = kit_fork();
    if (pid == 0) {
        MUST(lock(fd, F_WRLCK, 0, 0));
        MUST(write(p[1], "x", 1));
        msleep(50);
        printf("child done\n");
        fflush(stdout);
        _exit(0);
    }
    MUST(read(p[0], &c, 1));
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    SHOW(fcntl(fd, F_SETLKW, &l));
    reap("child", pid);
    return 0;
}
