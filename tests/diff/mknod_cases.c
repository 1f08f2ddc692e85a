/* mknod: a file, a FIFO, a device that works. */
#include "kit.h"
#include <sys/sysmacros.h>
int main(void)
{
    struct stat st;
    char b[4] = "abc";
    SHOW(mknod("r", S_IFREG | 0644, 0));
    SHOW(mknod("r", S_IFREG | 0644, 0));
    SHOW(mknod("p", S_IFIFO | 0644, 0));
    SHOW(mknod("z", S_IFCHR | 0666, makedev(1, 5)));
    MUST(stat("z", &st));
    printf("%d %d\n", major(st.st_rdev), minor(st.st_rdev));
    int fd = MUST(open("z", O_RDWR));
    SHOW(read(fd, b, 3));
    IS(!b[0] && !b[1] && !b[2]);
    SHOW(mknod("d", S_IFDIR | 0755, 0));
    SHOW(mknod("nodev", S_IFCHR | 0666, makedev(250, 77)));
    SHOW(open("nodev", O_RDONLY));
    return 0;
}
