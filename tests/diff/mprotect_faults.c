/* mprotect: each right given and taken, seen by a handler of SIGSEGV. */
#include "kit.h"
static sigjmp_buf back;
static volatile int code;
static char *volatile where;
static void on_segv(int s, siginfo_t *i, void *u)
{
    (void)u;
    code = i->si_code;
    where = i->si_addr;
    siglongjmp(back, s);
}
static void try(const char *what, volatile char *p, int write)
{
    if (sigsetjmp(back, 1)) {
        printf("%s: %s at %s\n", what, code == SEGV_ACCERR ? "ACCERR" : code == SEGV_MAPERR ? "MAPERR" : "?",
            where == p ? "the address" : "another address");
        return;
    }
    if (write)
        *p = 5;
    else
        (void)*p;
    printf("%s: fine\n", what);
}
int main(void)
{
    struct sigaction a = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &a, NULL);
    char *p = mmap(NULL, 3 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p[BLOCK] = 3;
    SHOW(mprotect(p + BLOCK, BLOCK, PROT_READ));
    try("read of read-only", p + BLOCK + 5, 0);
    try("write of read-only", p + BLOCK + 5, 1);
    try("write before it", p + BLOCK - 1, 1);
    try("write after it", p + 2 * BLOCK, 1);
    SHOW(mprotect(p + BLOCK, BLOCK, PROT_NONE));
    try("read of none", p + BLOCK, 0);
    try("write of none", p + BLOCK, 1);
    SHOW(mprotect(p + BLOCK, BLOCK, PROT_READ | PROT_WRITE));
    try("write again", p + BLOCK + 1, 1);
    printf("%d\n", p[BLOCK]);
    munmap(p, BLOCK);
    try("read of unmapped", p + 8, 0);
    try("write of null", NULL, 1);
    SHOW(mprotect(p, BLOCK, PROT_READ));
    SHOW(mprotect(p + BLOCK + 1, BLOCK, PROT_READ));
    SHOW(mprotect(p + BLOCK, 0, PROT_READ));
    SHOW(mprotect(p + BLOCK, BLOCK, 0x1000));
    return 0;
}
