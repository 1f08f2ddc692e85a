/* MAP_FIXED replaces what is there, hints do not. */
#include "kit.h"
int main(void)
{
    char *p = mmap(NULL, 4 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 'a', 4 * BLOCK);
    char *q = mmap(p + BLOCK, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    IS(q == p + BLOCK);
    printf("%d %d %d\n", p[BLOCK - 1], p[BLOCK], p[2 * BLOCK]);
    q = mmap(p, BLOCK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    IS(q != p && p[0] == 'a');
    MUST(munmap(p + 2 * BLOCK, BLOCK));
    q = mmap(p + 2 * BLOCK, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    IS(q == p + 2 * BLOCK); /* the hint is free: it is taken */
    errno = 0;
    q = mmap(p, BLOCK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    IS(q == MAP_FAILED && errno == EEXIST);
    put_file("f", "file text");
    int fd = MUST(open("f", O_RDONLY));
    q = mmap(p + 3 * BLOCK, BLOCK, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
    printf("%s\n", p + 3 * BLOCK);
    return 0;
}
