/*
 * Lengths and counts beyond all measure.
 */
#include "kit.h"
#include <grp.h>
int main(void)
{
    static char b[BLOCK];
    int p[2];
    struct timespec forever = { LONG_MAX, 999999999 };
    put_file("f", "0123456789");
    int fd = MUST(open("f", O_RDWR)), dir = MUST(open(".", O_RDONLY));
    MUST(pipe2(p, O_NONBLOCK));
    SHOW(syscall(SYS_read, fd, b, (size_t)-1) == -1 ? errno == EFAULT || errno == EINVAL : 1);
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(syscall(SYS_pread64, fd, b, (size_t)1 << 62, 0) == -1 ? errno == EFAULT || errno == EINVAL : 1);
    SHOW(syscall(SYS_write, p[1], b, (size_t)-1));
    SHOW(syscall(SYS_write, p[1], b, (size_t)1 << 63));
    struct iovec v[3] = { { b, 10 }, { b, (size_t)1 << 63 }, { b, 10 } };
    SHOW(readv(fd, v, 3));
    SHOW(writev(p[1], v, 3));
    SHOW(readv(fd, v, INT_MAX));
    SHOW(readv(fd, v, -1));
    IS(syscall(SYS_getdents64, dir, b, 0x7fffffff) > 0 || errno == EFAULT);
    SHOW(syscall(SYS_getdents64, dir, b, 0));
    IS(syscall(SYS_getcwd, b, (size_t)1 << 40) > 0);
    MUST(symlink("f", "l"));
    SHOW(syscall(SYS_readlink, "l", b, INT_MAX));
    SHOW(syscall(SYS_readlink, "l", b, -1));
    SHOW(poll((struct pollfd *)b, 0x7fffffff, 0));
    SHOW(poll((struct pollfd *)b, (nfds_t)-1, 0));
    SHOW(syscall(SYS_setgroups, 1 << 20, b));
    SHOW(syscall(SYS_setgroups, -1, b));
    SHOW(syscall(SYS_getgroups, -1, b));
    SHOW(syscall(SYS_sethostname, b, 1000));
    SHOW(syscall(SYS_sethostname, b, -1));
    SHOW(mmap(NULL, (size_t)1 << 63, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    SHOW(mmap(NULL, (size_t)-BLOCK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    SHOW(mmap(NULL, (size_t)1 << 47, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    SHOW(munmap(NULL, (size_t)-1));
    SHOW(munmap((void *)(1ul << 40), (size_t)1 << 62));
    SHOW(mprotect((void *)(1ul << 40), (size_t)-BLOCK, PROT_READ));
    SHOW(msync((void *)(1ul << 40), (size_t)-BLOCK, MS_SYNC));
    SHOW(brk((void *)-1ul));
    SHOW(ftruncate(fd, LONG_MIN));
    SHOW(pwrite(fd, b, 1, LONG_MAX));
    SHOW(pread(fd, b, 1, LONG_MAX));
    SHOW(lseek(fd, LONG_MIN, SEEK_SET));
    SHOW(lseek(fd, LONG_MIN, SEEK_CUR));
    forever.tv_nsec = LONG_MAX;
    SHOW(nanosleep(&forever, NULL));
    SHOW(syscall(SYS_rt_sigprocmask, 0, b, NULL, 1 << 20));
    memset(b, 0, sizeof b);
    SHOW(syscall(SYS__newselect, INT_MAX, NULL, NULL, NULL, b));
    SHOW(syscall(SYS__newselect, INT_MIN, NULL, NULL, NULL, b));
    SHOW(syscall(SYS_dup2, 0, INT_MAX));
    SHOW(syscall(SYS_fcntl, 0, F_DUPFD, LONG_MAX));
    SHOW(syscall(SYS_prlimit64, INT_MAX, 7, NULL, b));
    SHOW(kill(INT_MAX, SIGTERM));
    SHOW(waitpid(INT_MAX, NULL, 0));
    SHOW(syscall(SYS_sched_setaffinity, 0, -1, b) == -1 || 1);
    /* One argument of 8 MiB, and many small ones of as much. */
    char *big = malloc(8 << 20);
    memset(big, 'x', (8 << 20) - 1);
    big[(8 << 20) - 1] = 0;
    char *one[] = { "busybox", "true", big, NULL };
    SHOW(execv("/bin/busybox", one));
    char **many = calloc(3 << 20, sizeof *many);
    for (int i = 0; i < (3 << 20) - 1; i++)
        many[i] = "busybox";
    SHOW(execv("/bin/busybox", many));
    SHOW(execve("/bin/busybox", one + 3, many));
    cat_file("f");
    return 0;
}
