/* Unmapping the middle leaves both ends; the hole faults. */
#include "kit.h"
static sigjmp_buf back;
static void on_segv(int s) { siglongjmp(back, s); }
static const char *touch(volatile char *p)
{
    if (sigsetjmp(back, 1))
        return "fault";
    *p = *p + 1;
    return "fine";
}
int main(void)
{
    signal(SIGSEGV, on_segv);
    char *p = mmap(NULL, 5 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 1, 5 * BLOCK);
    SHOW(munmap(p + 2 * BLOCK, BLOCK));
    for (int i = 0; i < 5; i++)
        printf("%d %s\n", i, touch(p + i * BLOCK));
    SHOW(munmap(p, 5 * BLOCK)); /* with the hole in it */
    for (int i = 0; i < 5; i++)
        printf("%d %s\n", i, touch(p + i * BLOCK));
    return 0;
}
