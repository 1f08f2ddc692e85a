/* mlock, munlock, mincore, msync on what is there and what is not. */
#include "kit.h"
int main(void)
{
    unsigned char v[64];
    char *p = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 1, 2 * BLOCK);
    SHOW(mlock(p, BLOCK));
    SHOW(munlock(p, BLOCK));
    SHOW(mincore(p, BLOCK, v));
    IS(v[0] & 1);
    SHOW(msync(p, BLOCK, MS_ASYNC));
    SHOW(msync(p, BLOCK, MS_ASYNC | MS_SYNC));
    munmap(p, 2 * BLOCK);
    SHOW(mlock(p, BLOCK));
    SHOW(mincore(p, BLOCK, v));
    SHOW(msync(p, BLOCK, MS_SYNC));
    SHOW(mincore(p + 1, BLOCK, v));
    return 0;
}
