/* Five sleepers wake in the order of their times. */
#include "kit.h"
int main(void)
{
    int p[2];
    char order[6] = "";
    int ms[] = { 90, 30, 150, 60, 120 };
    MUST(pipe(p));
    for (int i = 0; i < 5; i++)
        if (kit_fork() == 0) {
            char c = (char)('a' + i);
            msleep(ms[i]);
            MUST(write(p[1], &c, 1));
            _exit(0);
        }
    for (int i = 0; i < 5; i++)
        MUST(read(p[0], order + i, 1));
    printf("%s\n", order);
    while (wait(NULL) > 0)
        ;
    return 0;
}
