/*
 * Descriptors that are none: every call that takes one says EBADF.
 */
#include "kit.h"
#include <sys/epoll.h>
#include <sys/sendfile.h>
#define EACH(call) \
    do { \
        static const int bad[] = { -1, -2, 9, 1023, 1 << 20, INT_MAX, INT_MIN, INT_MIN + 1 }; \
        int other = 0; \
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) { \
            int fd = bad[k]; \
            errno = 0; \
            long r = (long)(call); \
            if (r != -1 || errno != EBADF) { \
                printf("%s with %d: %ld %s\n", #call, fd, r, ename(errno)); \
                other = 1; \
            } \
        } \
        if (!other) \
            printf("%s: EBADF\n", #call); \
        fflush(stdout); \
    } while (0)
int main(void)
{
    static char b[4096];
    struct iovec v = { b, 10 };
    struct stat st;
    struct statfs sf;
    struct flock l = { .l_type = F_RDLCK };
    put_file("f", "x");
    int good = MUST(open("f", O_RDWR));
    EACH(read(fd, b, 1));
    EACH(write(fd, b, 1));
    EACH(pread(fd, b, 1, 0));
    EACH(pwrite(fd, b, 1, 0));
    EACH(readv(fd, &v, 1));
    EACH(writev(fd, &v, 1));
    EACH(close(fd));
    EACH(dup(fd));
    EACH(dup2(fd, 20));
    EACH(dup3(fd, 20, 0));
    EACH(fcntl(fd, F_GETFD));
    EACH(fcntl(fd, F_SETFD, 1));
    EACH(fcntl(fd, F_GETFL));
    EACH(fcntl(fd, F_DUPFD, 0));
    EACH(fcntl(fd, F_GETLK, &l));
    EACH(lseek(fd, 0, SEEK_SET));
    EACH(fstat(fd, &st));
    EACH(fstatfs(fd, &sf));
    EACH(ftruncate(fd, 0));
    EACH(fsync(fd));
    EACH(fdatasync(fd));
    EACH(fchmod(fd, 0644));
    EACH(fchown(fd, 0, 0));
    EACH(fchdir(fd));
    EACH(flock(fd, LOCK_SH));
    EACH(ioctl(fd, FIONREAD, b));
    EACH(syscall(SYS_getdents64, fd, b, 4096));
    EACH(openat(fd, "x", O_RDONLY));
    EACH(mkdirat(fd, "x", 0755));
    EACH(unlinkat(fd, "x", 0));
    EACH(renameat(fd, "x", AT_FDCWD, "y"));
    EACH(renameat(AT_FDCWD, "f", fd, "y"));
    EACH(linkat(fd, "x", AT_FDCWD, "y", 0));
    EACH(symlinkat("x", fd, "y"));
    EACH(readlinkat(fd, "x", b, 100));
    EACH(fstatat(fd, "x", &st, 0));
    EACH(faccessat(fd, "x", F_OK, 0));
    EACH(fchmodat(fd, "x", 0644, 0));
    EACH(utimensat(fd, "x", NULL, 0));
    EACH(mknodat(fd, "x", S_IFIFO | 0644, 0));
    EACH((long)mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, fd, 0));
    EACH(sendfile(fd, good, NULL, 1));
    EACH(sendfile(good, fd, NULL, 1));
    EACH(fallocate(fd, 0, 0, 10));
    EACH(syscall(SYS_fadvise64, fd, 0, 0, 0));
    EACH(syscall(SYS_epoll_wait, fd, b, 1, 0));
    return 0;
}
