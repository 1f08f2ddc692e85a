/* read and write: zero lengths, ends of files, bad buffers and descriptors. */
#include "kit.h"
int main(void)
{
    char b[64];
    put_file("f", "0123456789");
    int fd = MUST(open("f", O_RDWR));
    SHOW(read(fd, b, 0));
    SHOW(read(fd, b, 4));
    SHOW(read(fd, b, 64));
    SHOW(read(fd, b, 64));
    SHOW(write(fd, "", 0));
    SHOW(read(-1, b, 1));
    SHOW(read(1000, b, 1));
    SHOW(write(-1, b, 1));
    lseek(fd, 0, SEEK_SET);
    SHOW(read(fd, (void *)8, 4));
    SHOW(write(fd, (void *)8, 4));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(read(fd, (void *)8, 0));
    SHOW(lseek(fd, 20, SEEK_SET));
    SHOW(read(fd, b, 1));
    SHOW(write(fd, "end", 3));
    SHOW(pread(fd, b, 16, 8));
    IS(!memcmp(b, "89\0\0\0\0\0\0\0\0\0\0end", 15));
    return 0;
}
