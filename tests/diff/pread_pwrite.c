/* pread and pwrite leave the offset alone. */
#include "kit.h"
int main(void)
{
    char b[8] = "";
    int p[2];
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(write(fd, "0123456789", 10));
    SHOW(pread(fd, b, 3, 4));
    printf("%.3s\n", b);
    SHOW(pwrite(fd, "XY", 2, 1));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(pread(fd, b, 3, 100));
    SHOW(pread(fd, b, 3, -1));
    SHOW(pwrite(fd, "end", 3, 12));
    SHOW(lseek(fd, 0, SEEK_END));
    MUST(pipe(p));
    SHOW(pread(p[0], b, 1, 0));
    SHOW(pwrite(p[1], b, 1, 0));
    int a = MUST(open("f", O_RDWR | O_APPEND));
    SHOW(pwrite(a, "A", 1, 0)); /* Linux appends all the same */
    SHOW(lseek(a, 0, SEEK_END));
    return 0;
}
