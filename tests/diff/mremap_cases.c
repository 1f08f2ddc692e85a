/* mremap: grown in place or moved, shrunk, its contents kept. */
#include "kit.h"
int main(void)
{
    char *p = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(p, "start");
    strcpy(p + BLOCK, "second");
    char *q = mremap(p, 2 * BLOCK, 64 * BLOCK, MREMAP_MAYMOVE);
    IS(q != MAP_FAILED);
    printf("%s %s %d\n", q, q + BLOCK, q[63 * BLOCK]);
    q[63 * BLOCK] = 1;
    char *r = mremap(q, 64 * BLOCK, BLOCK, 0);
    IS(r == q);
    printf("%s\n", r);
    char *wall = mmap(r + BLOCK, BLOCK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    IS(wall == r + BLOCK);
    errno = 0;
    IS(mremap(r, BLOCK, 2 * BLOCK, 0) == MAP_FAILED && errno == ENOMEM);
    q = mremap(r, BLOCK, 2 * BLOCK, MREMAP_MAYMOVE);
    IS(q != r && !strcmp(q, "start"));
    errno = 0;
    IS(mremap(q + 1, BLOCK, 2 * BLOCK, 0) == MAP_FAILED && errno == EINVAL);
    errno = 0;
    IS(mremap(q, BLOCK, 0, MREMAP_MAYMOVE) == MAP_FAILED && errno == EINVAL);
    MUST(munmap(q, 2 * BLOCK));
    errno = 0;
    IS(mremap(q, BLOCK, 2 * BLOCK, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
    char *to = mmap(NULL, 2 * BLOCK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(p, "moved");
    IS(mremap(p, BLOCK, BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    printf("%s\n", to);
    return 0;
}
