/* Buffers that lie half in memory that is not there. */
#include "kit.h"
int main(void)
{
    int p[2];
    char *m = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(m + BLOCK, BLOCK);
    char *edge = m + BLOCK;
    strcpy(edge - 5, "path");
    put_file("path", "0123456789");
    SHOW(access(edge - 5, F_OK));
    memcpy(edge - 4, "path", 4);
    SHOW(access(edge - 4, F_OK)); /* no end before the hole */
    int fd = MUST(open("path", O_RDWR));
    SHOW(read(fd, edge, 4));
    IS(read(fd, edge - 4, 4) == 4);
    MUST(pipe(p));
    SHOW(write(p[1], edge, 1));
    SHOW(write(p[1], edge - 2, 2));
    SHOW(read(p[0], edge - 1, 1));
    SHOW(syscall(SYS_rt_sigaction, SIGUSR1, edge - 4, NULL, 8));
    SHOW(syscall(SYS_clock_gettime, 0, edge - 8));
    SHOW(syscall(SYS_nanosleep, edge - 8, NULL));
    SHOW(syscall(SYS_uname, edge - 20));
    SHOW(syscall(SYS_getcwd, edge, 100));
    SHOW(syscall(SYS_pipe2, edge - 4, 0));
    SHOW(syscall(SYS_wait4, -1, edge, WNOHANG, NULL));
    mprotect(m, BLOCK, PROT_READ);
    SHOW(read(fd, m, 1));
    SHOW(fstat(fd, (struct stat *)m));
    SHOW(pipe((int *)m));
    return 0;
}
