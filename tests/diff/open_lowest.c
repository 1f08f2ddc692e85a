/* The lowest free descriptor is taken, whatever makes it. */
#include "kit.h"
int main(void)
{
    int p[2];
    int a = MUST(open("/dev/null", O_RDONLY)), b = MUST(open("/dev/null", O_RDONLY)), c = MUST(dup(a));
    printf("%d %d %d\n", a, b, c);
    close(b);
    SHOW(dup(c));
    close(a);
    MUST(pipe(p));
    printf("%d %d\n", p[0], p[1]);
    SHOW(fcntl(c, F_DUPFD, 10));
    SHOW(fcntl(c, F_DUPFD, 10));
    close(0);
    SHOW(open("/dev/null", O_RDONLY));
    SHOW(close(77));
    SHOW(close(-1));
    return 0;
}
