/*
 * @arg 16 @timeout 300
 * A storm of pipes: pairs of processes exchange messages of all sizes through two
 * pipes each, and every byte is checked at the other side.
 */
#include "kit.h"
enum { MESSAGES = 300, LARGEST = 20000 };
static int transfer(int fd, char *b, size_t n, int out)
{
    size_t done = 0;
    while (done < n) {
        ssize_t k = out ? write(fd, b + done, n - done) : read(fd, b + done, n - done);
        if (k <= 0)
            return 0;
        done += (size_t)k;
    }
    return 1;
}
static unsigned next(unsigned *s) { return (*s = *s * 1103515245 + 12345) >> 8; }
static int talk(int in, int out, unsigned seed, int first)
{
    static char b[LARGEST];
    for (int i = 0; i < MESSAGES; i++) {
        size_t n = 1 + next(&seed) % (i % 10 ? 200 : LARGEST);
        char c = (char)next(&seed);
        int sends = (i & 1) == first;
        if (sends)
            memset(b, c, n);
        if (!transfer(sends ? out : in, b, n, sends))
            return 1;
        if (!sends)
            for (size_t k = 0; k < n; k++)
                if (b[k] != c)
                    return 2;
    }
    return 0;
}
int main(int argc, char **argv)
{
    int pairs = argc > 1 ? atoi(argv[1]) : 2, bad = 0, st;
    for (int i = 0; i < pairs; i++) {
        int a[2], b[2];
        MUST(pipe(a));
        MUST(pipe(b));
        for (int side = 0; side < 2; side++)
            if (kit_fork() == 0)
                _exit(talk(side ? a[0] : b[0], side ? b[1] : a[1], (unsigned)i, side));
        close(a[0]);
        close(a[1]);
        close(b[0]);
        close(b[1]);
    }
    for (int i = 0; i < 2 * pairs; i++) {
        MUST(wait(&st));
        bad += st != 0;
    }
    printf("pipes: %d pairs, %d messages each, %d bad\n", pairs, MESSAGES, bad);
    return bad;
}
