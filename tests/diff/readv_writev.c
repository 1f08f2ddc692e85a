/* Vectors: scattered, empty parts, limits, bad parts. */
#include "kit.h"
int main(void)
{
    char a[4] = "", b[8] = "", c[8] = "";
    struct iovec w[] = { { "one", 3 }, { "", 0 }, { "twothree", 8 } };
    struct iovec r[] = { { a, 3 }, { b, 3 }, { c, 7 } };
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    SHOW(writev(fd, w, 3));
    lseek(fd, 0, SEEK_SET);
    SHOW(readv(fd, r, 3));
    printf("%s|%s|%s\n", a, b, c);
    SHOW(readv(fd, r, 0));
    SHOW(writev(fd, w, -1));
    SHOW(writev(fd, w, 1025));
    SHOW(writev(fd, (struct iovec *)8, 1));
    struct iovec half[] = { { "ok", 2 }, { (void *)8, 4 } };
    lseek(fd, 0, SEEK_SET);
    IS(writev(fd, half, 2) <= 2);
    struct iovec neg[] = { { a, (size_t)-1 } };
    SHOW(writev(fd, neg, 1));
    SHOW(preadv(fd, r, 1, 3));
    printf("%s\n", a);
    return 0;
}
