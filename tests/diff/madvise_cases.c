/* madvise: MADV_DONTNEED gives zeros again; errors. */
#include "kit.h"
int main(void)
{
    char *p = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 1, 2 * BLOCK);
    SHOW(madvise(p, BLOCK, MADV_DONTNEED));
    printf("%d %d\n", p[0], p[BLOCK]);
    SHOW(madvise(p, BLOCK, MADV_WILLNEED));
    SHOW(madvise(p, BLOCK, MADV_NORMAL));
    SHOW(madvise(p + 1, BLOCK, MADV_NORMAL));
    SHOW(madvise(p, BLOCK, 12345));
    munmap(p, BLOCK);
    SHOW(madvise(p, BLOCK, MADV_DONTNEED));
    put_file("f", "from the file");
    int fd = MUST(open("f", O_RDWR));
    char *q = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    strcpy(q, "changed");
    SHOW(madvise(q, BLOCK, MADV_DONTNEED));
    printf("%s\n", q);
    return 0;
}
