/* fsync and its relatives. */
#include "kit.h"
int main(void)
{
    int p[2];
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(write(fd, "x", 1));
    SHOW(fsync(fd));
    SHOW(fdatasync(fd));
    MUST(pipe(p));
    SHOW(fsync(p[0]));
    SHOW(fsync(999));
    sync();
    SHOW(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    SHOW(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL) == ESPIPE);
    SHOW(fallocate(fd, 0, 0, 100));
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1000));
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(fallocate(fd, 0, -1, 10));
    SHOW(fallocate(fd, 0, 0, 0));
    return 0;
}
