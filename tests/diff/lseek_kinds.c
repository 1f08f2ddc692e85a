/* lseek: its origins, holes, errors. */
#include "kit.h"
int main(void)
{
    int p[2];
    put_file("f", "0123456789");
    int fd = MUST(open("f", O_RDWR));
    SHOW(lseek(fd, 3, SEEK_SET));
    SHOW(lseek(fd, 4, SEEK_CUR));
    SHOW(lseek(fd, -2, SEEK_CUR));
    SHOW(lseek(fd, -1, SEEK_END));
    SHOW(lseek(fd, 5, SEEK_END));
    SHOW(lseek(fd, -1, SEEK_SET));
    SHOW(lseek(fd, -100, SEEK_CUR));
    SHOW(lseek(fd, 0, 99));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, 1L << 40, SEEK_SET));
    MUST(pipe(p));
    SHOW(lseek(p[0], 0, SEEK_CUR));
    SHOW(lseek(999, 0, SEEK_CUR));
    int d = MUST(open(".", O_RDONLY));
    SHOW(lseek(d, 0, SEEK_SET));
    int z = MUST(open("/dev/null", O_RDONLY));
    SHOW(lseek(z, 7, SEEK_SET));
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(lseek(fd, 3, SEEK_HOLE));
    SHOW(lseek(fd, 10, SEEK_DATA));
    return 0;
}
