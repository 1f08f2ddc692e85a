/* symlink and readlink: lengths, loops, the depth that is allowed. */
#include "kit.h"
int main(void)
{
    char b[8], name[16], to[16], big[5000];
    put_file("f", "end");
    MUST(symlink("f", "l0"));
    for (int i = 1; i < 60; i++) {
        sprintf(name, "l%d", i);
        sprintf(to, "l%d", i - 1);
        MUST(symlink(to, name));
    }
    for (int i = 30; i < 60; i++) {
        sprintf(name, "l%d", i);
        int fd = open(name, O_RDONLY);
        if (fd < 0) {
            printf("depth %d: %s\n", i + 1, ename(errno));
            break;
        }
        close(fd);
    }
    memset(b, '#', sizeof b);
    SHOW(readlink("l10", b, 1)); /* cut, not ended */
    printf("%.2s\n", b);
    SHOW(readlink("f", b, 8));
    SHOW(readlink("missing", b, 8));
    SHOW(readlink("l1", b, 0));
    SHOW(symlink("", "e"));
    SHOW(symlink("x", "l1"));
    SHOW(symlink("x", "missing/l"));
    memset(big, 'x', sizeof big);
    big[4999] = 0;
    errno = 0;
    IS(symlink(big, "big") == -1 && errno == ENAMETOOLONG);
    big[4000] = 0;
    IS(symlink(big, "big") == 0);
    struct stat st;
    MUST(lstat("big", &st));
    printf("size %ld\n", (long)st.st_size);
    MUST(mkdir("d", 0755));
    put_file("d/x", "in d");
    MUST(symlink("../d", "d/up"));
    cat_file("d/up/up/up/x");
    MUST(symlink("d/", "slash"));
    cat_file("slash/x");
    SHOW(open("l3/", O_RDONLY));
    return 0;
}
