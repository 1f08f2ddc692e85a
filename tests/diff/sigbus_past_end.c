/* Beyond the end of a mapped file: SIGBUS, also when the file got shorter. */
#include "kit.h"
static sigjmp_buf back;
static void on_fault(int s) { siglongjmp(back, s); }
static void try(const char *what, volatile char *p)
{
    int s = sigsetjmp(back, 1);
    if (s)
        printf("%s: SIG%s\n", what, sigabbrev_np(s));
    else
        printf("%s: %d\n", what, *p);
}
int main(void)
{
    signal(SIGBUS, on_fault);
    signal(SIGSEGV, on_fault);
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    MUST(pwrite(fd, "x", 1, 0));
    char *p = mmap(NULL, 4 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    try("in the file", p);
    try("in its last page", p + 100);
    try("past it", p + 2 * BLOCK);
    MUST(ftruncate(fd, 3 * BLOCK));
    try("grown", p + 2 * BLOCK);
    p[2 * BLOCK] = 7;
    MUST(ftruncate(fd, 1));
    try("cut", p + 2 * BLOCK);
    MUST(ftruncate(fd, 3 * BLOCK));
    try("grown again", p + 2 * BLOCK);
    return 0;
}
