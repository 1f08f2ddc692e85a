/* Ten thousand blocks of many sizes, kept and freed, all with their contents. */
#include "kit.h"
int main(void)
{
    enum { N = 1000 };
    static unsigned char *at[N];
    static size_t size[N];
    unsigned seed = 1;
    long bad = 0;
    for (int round = 0; round < 10000; round++) {
        seed = seed * 1103515245 + 12345;
        int i = (int)(seed >> 16) % N;
        if (at[i]) {
            bad += at[i][0] != (unsigned char)i || at[i][size[i] - 1] != (unsigned char)i;
            free(at[i]);
            at[i] = NULL;
        } else {
            size[i] = 1 + (seed >> 8) % (round % 50 == 0 ? 300000 : 2000);
            at[i] = malloc(size[i]);
            memset(at[i], i, size[i]);
        }
    }
    printf("%ld bad\n", bad);
    char *p = calloc(1000, 1000);
    long sum = 0;
    for (int i = 0; i < 1000000; i++)
        sum += p[i];
    SHOW(sum);
    p = realloc(p, 5000000);
    IS(p && p[999999] == 0);
    IS(!malloc((size_t)-1 / 2));
    return 0;
}
