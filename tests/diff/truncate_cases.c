/* truncate and ftruncate: shorter, longer, what they refuse. */
#include "kit.h"
int main(void)
{
    char b[16];
    struct stat st;
    put_file("f", "0123456789");
    int fd = MUST(open("f", O_RDWR));
    SHOW(ftruncate(fd, 4));
    cat_file("f");
    SHOW(ftruncate(fd, 8));
    SHOW(pread(fd, b, 16, 0));
    IS(!memcmp(b, "0123\0\0\0\0", 8));
    SHOW(truncate("f", 2));
    SHOW(fstat(fd, &st));
    printf("size %ld\n", (long)st.st_size);
    SHOW(truncate("f", -1));
    SHOW(truncate("missing", 0));
    SHOW(truncate(".", 0));
    int r = MUST(open("f", O_RDONLY));
    SHOW(ftruncate(r, 0));
    SHOW(ftruncate(999, 0));
    int p[2];
    MUST(pipe(p));
    SHOW(ftruncate(p[1], 0));
    lseek(fd, 2, SEEK_SET);
    SHOW(ftruncate(fd, 0));
    SHOW(write(fd, "x", 1));
    SHOW(pread(fd, b, 16, 0));
    IS(!memcmp(b, "\0\0x", 3));
    return 0;
}
