/* A hole of 8 MiB takes no blocks; data at both ends stays. */
#include "kit.h"
int main(void)
{
    struct stat st;
    char b[4096];
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    SHOW(pwrite(fd, "start", 5, 0));
    SHOW(pwrite(fd, "end", 3, 8 << 20));
    MUST(fstat(fd, &st));
    printf("size %ld\n", (long)st.st_size);
    IS(st.st_blocks * 512 < 1 << 20);
    SHOW(pread(fd, b, sizeof b, 4 << 20));
    int zeros = 1;
    for (size_t i = 0; i < sizeof b; i++)
        zeros &= !b[i];
    IS(zeros);
    SHOW(pread(fd, b, sizeof b, 8 << 20));
    printf("%.3s\n", b);
    MUST(ftruncate(fd, 0));
    MUST(fstat(fd, &st));
    printf("blocks %ld\n", (long)st.st_blocks);
    return 0;
}
