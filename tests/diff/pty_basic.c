/* A pseudo-terminal from C: echo, lines, end of file, closing. */
#include "kit.h"
int main(void)
{
    char b[100], name[64];
    int m = MUST(posix_openpt(O_RDWR | O_NOCTTY));
    SHOW(grantpt(m));
    SHOW(unlockpt(m));
    IS(!ptsname_r(m, name, sizeof name) && !strncmp(name, "/dev/pts/", 9));
    int s = MUST(open(name, O_RDWR | O_NOCTTY));
    IS(isatty(m) && isatty(s));
    struct stat st;
    MUST(fstat(s, &st));
    IS(S_ISCHR(st.st_mode));
    MUST(write(m, "hello\n", 6));
    ssize_t n = read(s, b, sizeof b);
    printf("slave read %d [%.*s]\n", (int)n, (int)n - 1, b);
    n = read(m, b, sizeof b);
    IS(n == 7 && !memcmp(b, "hello\r\n", 7));
    MUST(write(s, "out\n", 4));
    n = read(m, b, sizeof b);
    IS(n == 5 && !memcmp(b, "out\r\n", 5));
    MUST(write(m, "two\nlines\n", 10));
    SHOW(read(s, b, sizeof b)); /* one line at a time */
    SHOW(read(s, b, sizeof b));
    MUST(write(m, "part\x04", 5));
    SHOW(read(s, b, sizeof b));
    MUST(write(m, "\x04", 1));
    SHOW(read(s, b, sizeof b));
    struct pollfd p = { .fd = s, .events = POLLIN };
    MUST(write(m, "no line yet", 11));
    SHOW(poll(&p, 1, 10));
    MUST(write(m, "\n", 1));
    SHOW(poll(&p, 1, 1000));
    while (poll(&(struct pollfd){ .fd = m, .events = POLLIN }, 1, 10) > 0)
        read(m, b, sizeof b);
    close(s);
    SHOW(read(m, b, sizeof b));
    s = MUST(open(name, O_RDWR | O_NOCTTY));
    close(m);
    SHOW(read(s, b, sizeof b));
    SHOW(write(s, "x", 1));
    return 0;
}
