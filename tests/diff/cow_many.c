/* Memory of 8 MiB through a chain of forks that each change a part. */
#include "kit.h"
enum { PAGES = 128 };
static unsigned char *m;
__attribute__((noreturn)) static void generation(int g)
{
    for (int i = g; i < PAGES; i += 7)
        m[i * BLOCK] = (unsigned char)g;
    if (g < 6) {
        pid_t pid = kit_fork();
        if (pid == 0)
            generation(g + 1);
        int st;
        MUST(waitpid(pid, &st, 0));
        if (st)
            _exit(1);
    }
    int bad = 0;
    for (int i = 0; i < PAGES; i++) {
        int want = i % 7 <= g && i >= i % 7 ? i % 7 : 255;
        bad += m[i * BLOCK] != want;
    }
    printf("generation %d: %d bad\n", g, bad);
    fflush(stdout);
    _exit(bad != 0);
}
int main(void)
{
    m = mmap(NULL, PAGES * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(m, 255, PAGES * BLOCK);
    generation(0);
}
