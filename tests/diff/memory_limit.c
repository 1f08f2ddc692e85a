/* RLIMIT_AS: more is refused with ENOMEM, and what is there goes on. */
#include "kit.h"
int main(void)
{
    struct rlimit r = { 64 << 20, 64 << 20 };
    MUST(setrlimit(RLIMIT_AS, &r));
    errno = 0;
    IS(mmap(NULL, 128 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
    char *p = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    IS(p != MAP_FAILED);
    p[0] = 1;
    int blocks = 0;
    while (mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        blocks++;
    IS(errno == ENOMEM);
    IS(blocks > 30 && blocks < 48);
    MUST(munmap(p, 16 << 20));
    IS(mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    return 0;
}
