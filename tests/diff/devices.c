/* null, zero, full, random, urandom: reads, writes, seeks, mmap of zero. */
#include "kit.h"
int main(void)
{
    char b[64], c[64];
    int fd = MUST(open("/dev/null", O_RDWR));
    SHOW(read(fd, b, 64));
    SHOW(write(fd, b, 64));
    fd = MUST(open("/dev/zero", O_RDWR));
    memset(b, 1, 64);
    SHOW(read(fd, b, 64));
    IS(!b[0] && !b[63]);
    SHOW(write(fd, b, 64));
    SHOW(read(fd, (void *)8, 64));
    char *m = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    IS(m != MAP_FAILED && m[0] == 0 && m[BLOCK - 1] == 0);
    fd = MUST(open("/dev/full", O_RDWR));
    SHOW(read(fd, b, 64));
    SHOW(write(fd, b, 64));
    fd = MUST(open("/dev/urandom", O_RDONLY));
    SHOW(read(fd, b, 64));
    SHOW(read(fd, c, 64));
    IS(memcmp(b, c, 64) != 0);
    SHOW(syscall(SYS_getrandom, b, 64, 0));
    SHOW(syscall(SYS_getrandom, 8, 64, 0));
    SHOW(syscall(SYS_getrandom, b, 64, 0x100));
    IS(memcmp(b, c, 64) != 0);
    SHOW(open("/dev/tty", O_RDWR));
    SHOW(ioctl(MUST(open("f", O_RDWR | O_CREAT, 0644)), TCGETS, b));
    return 0;
}
