/* A file without a name lives on through its descriptors. */
#include "kit.h"
int main(void)
{
    char b[16] = "";
    struct stat st;
    put_file("f", "hello");
    int fd = MUST(open("f", O_RDWR));
    SHOW(unlink("f"));
    SHOW(unlink("f"));
    MUST(fstat(fd, &st));
    printf("links %d size %ld\n", (int)st.st_nlink, (long)st.st_size);
    SHOW(pwrite(fd, " world", 6, 5));
    SHOW(pread(fd, b, 16, 0));
    printf("%s\n", b);
    put_file("f", "another");
    SHOW(pread(fd, b, 5, 0));
    cat_file("f");
    SHOW(unlink("."));
    MUST(mkdir("d", 0755));
    SHOW(unlink("d"));
    SHOW(unlink("missing/f"));
    SHOW(unlink("f/x"));
    SHOW(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
    SHOW(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
    SHOW(unlinkat(AT_FDCWD, "f", 0x4000));
    return 0;
}
