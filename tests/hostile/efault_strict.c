/*
 * @timeout 60
 * The calls that every program uses say EFAULT, and no other word, for each kind
 * of pointer that leads nowhere.
 */
#include "kit.h"
static char *none;
static const char *const names[] = { "null", "odd", "no rights", "kernel", "kernel top", "k42 library", "wrap" };
static void *wild(int kind)
{
    const unsigned long at[] = { 0, 1, (unsigned long)none, 0xc000000000000000ul, 0xfffffffffffffff8ul, 0x3ff000000000ul,
        0xfffffffffffffffful };
    return (void *)at[kind];
}
#define EACH(call) \
    do { \
        int other = 0; \
        for (int k = 0; k < 7; k++) { \
            void *p = wild(k); \
            errno = 0; \
            long r = (long)(call); \
            if (r != -1 || errno != EFAULT) { \
                printf("%s %s: %ld %s\n", #call, names[k], r, ename(errno)); \
                other = 1; \
            } \
        } \
        if (!other) \
            printf("%s: EFAULT\n", #call); \
        fflush(stdout); \
    } while (0)
int main(void)
{
    int p2[2];
    char b[64] = "";
    none = mmap(NULL, BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    put_file("f", "some text");
    MUST(symlink("f", "l"));
    int fd = MUST(open("f", O_RDWR)), dir = MUST(open(".", O_RDONLY));
    MUST(pipe(p2));
    static char much[1024];
    int left = 0;
    MUST(fcntl(p2[0], F_SETFL, O_NONBLOCK));
    MUST(write(p2[1], much, sizeof much));
    EACH(syscall(SYS_read, p2[0], p, 3));
    MUST(ioctl(p2[0], FIONREAD, &left));
    IS(left == sizeof much); /* what could not be delivered is not lost */
    EACH(syscall(SYS_write, p2[1], p, 3));
    EACH(syscall(SYS_read, fd, p, 3));
    EACH(syscall(SYS_write, fd, p, 3));
    EACH(syscall(SYS_pread64, fd, p, 3, 0));
    EACH(syscall(SYS_pwrite64, fd, p, 3, 0));
    EACH(syscall(SYS_readv, fd, p, 1));
    EACH(syscall(SYS_writev, fd, p, 1));
    EACH(syscall(SYS_openat, AT_FDCWD, p, O_RDONLY, 0));
    EACH(syscall(SYS_newfstatat, AT_FDCWD, p, b, 0));
    EACH(syscall(SYS_fstat, fd, p));
    EACH(syscall(SYS_stat, "f", p));
    EACH(syscall(SYS_lstat, "f", p));
    EACH(syscall(SYS_statfs, ".", p));
    EACH(syscall(SYS_fstatfs, fd, p));
    EACH(syscall(SYS_access, p, 0));
    EACH(syscall(SYS_unlink, p));
    EACH(syscall(SYS_rename, "f", p));
    EACH(syscall(SYS_rename, p, "f"));
    EACH(syscall(SYS_link, p, "g"));
    EACH(syscall(SYS_symlink, p, "g"));
    EACH(syscall(SYS_readlink, "l", p, 10));
    EACH(syscall(SYS_mkdir, p, 0755));
    EACH(syscall(SYS_rmdir, p));
    EACH(syscall(SYS_chdir, p));
    EACH(syscall(SYS_getcwd, p, 100));
    EACH(syscall(SYS_chmod, p, 0644));
    EACH(syscall(SYS_chown, p, 0, 0));
    EACH(syscall(SYS_truncate, p, 0));
    EACH(syscall(SYS_getdents64, dir, p, 1000));
    EACH(syscall(SYS_pipe2, p, 0));
    EACH(syscall(SYS_execve, p, NULL, NULL));
    EACH(syscall(SYS_uname, p));
    EACH(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p));
    EACH(syscall(SYS_nanosleep, p, NULL));
    EACH(syscall(SYS_ugetrlimit, RLIMIT_NOFILE, p));
    EACH(syscall(SYS_getrusage, RUSAGE_SELF, p));
    EACH(syscall(SYS_sysinfo, p));
    EACH(syscall(SYS_rt_sigpending, p, 8));
    EACH(syscall(SYS_rt_sigsuspend, p, 8));
    EACH(syscall(SYS_poll, p, 1, 0));
    EACH(syscall(SYS_getrandom, p, 16, 0));
    EACH(syscall(SYS_prctl, 16, p, 0, 0, 0));
    EACH(syscall(SYS_sched_getaffinity, 0, 128, p));
    EACH(syscall(SYS_ioctl, p2[0], FIONREAD, p));
    /* A string that runs into the hole; a buffer that begins before it. */
    char *edge = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(edge + BLOCK, BLOCK);
    edge += BLOCK;
    edge[-1] = 'f';
    SHOW(open(edge - 1, O_RDONLY));
    SHOW(fstat(fd, (struct stat *)(edge - 8)));
    SHOW(uname((struct utsname *)(edge - 100)));
    return 0;
}
