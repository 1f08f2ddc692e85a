/* The calls that take a directory's descriptor. */
#include "kit.h"
int main(void)
{
    struct stat st;
    char b[16] = "";
    MUST(mkdir("d", 0755));
    int d = MUST(open("d", O_RDONLY | O_DIRECTORY));
    int fd = MUST(openat(d, "f", O_CREAT | O_RDWR, 0644));
    MUST(write(fd, "text", 4));
    cat_file("d/f");
    SHOW(mkdirat(d, "sub", 0700));
    SHOW(symlinkat("f", d, "l"));
    SHOW(readlinkat(d, "l", b, sizeof b));
    SHOW(linkat(d, "f", d, "g", 0));
    SHOW(renameat(d, "g", AT_FDCWD, "out"));
    cat_file("out");
    SHOW(fstatat(d, "l", &st, AT_SYMLINK_NOFOLLOW));
    IS(S_ISLNK(st.st_mode));
    SHOW(fstatat(d, "l", &st, 0));
    IS(S_ISREG(st.st_mode));
    SHOW(fstatat(fd, "", &st, AT_EMPTY_PATH));
    SHOW(fstatat(fd, "", &st, 0));
    SHOW(fstatat(fd, "x", &st, 0));
    SHOW(fstatat(999, "x", &st, 0));
    SHOW(fstatat(999, "/", &st, 0));
    SHOW(faccessat(d, "f", R_OK, 0));
    SHOW(fchmodat(d, "f", 0600, 0));
    SHOW(unlinkat(d, "sub", AT_REMOVEDIR));
    SHOW(unlinkat(d, "f", 0));
    SHOW(mkfifoat(d, "p", 0600));
    SHOW(openat(d, "../out", O_RDONLY));
    return 0;
}
