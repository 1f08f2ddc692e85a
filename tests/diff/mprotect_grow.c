/* A handler that maps the page and returns: the access is done again. */
#include "kit.h"
static char *base;
static volatile int faults;
static void on_segv(int s, siginfo_t *i, void *u)
{
    (void)s;
    (void)u;
    char *page = (char *)((uintptr_t)i->si_addr & ~(uintptr_t)(BLOCK - 1));
    faults++;
    if (page < base || page >= base + 8 * BLOCK || mprotect(page, BLOCK, PROT_READ | PROT_WRITE) < 0)
        _exit(9);
}
int main(void)
{
    struct sigaction a = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &a, NULL);
    char *p = mmap(NULL, 9 * BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    base = (char *)(((uintptr_t)p + BLOCK - 1) & ~(uintptr_t)(BLOCK - 1));
    for (int i = 0; i < 8 * BLOCK; i += 4096)
        base[i] = (char)i;
    SHOW(faults);
    long sum = 0;
    for (int i = 0; i < 8 * BLOCK; i++)
        sum += base[i];
    SHOW(sum);
    SHOW(faults);
    return 0;
}
