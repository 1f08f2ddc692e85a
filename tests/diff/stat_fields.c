/* stat, lstat and fstat: every field that is the same everywhere. */
#include "kit.h"
static void show(const char *what, const struct stat *s)
{
    printf("%s: mode %o links %d uid %d gid %d size %ld rdev %d\n", what, s->st_mode,
        S_ISDIR(s->st_mode) ? 0 : (int)s->st_nlink, s->st_uid, s->st_gid, S_ISDIR(s->st_mode) ? 0 : (long)s->st_size,
        (int)s->st_rdev);
}
int main(void)
{
    struct stat a, b;
    put_file("f", "12345");
    MUST(symlink("f", "l"));
    MUST(mkdir("d", 0751));
    MUST(stat("f", &a));
    show("file", &a);
    IS(a.st_blksize >= 512);
    IS(a.st_blocks * 512 >= 5);
    MUST(stat("l", &b));
    IS(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    MUST(lstat("l", &b));
    show("link", &b);
    IS(a.st_ino != b.st_ino);
    MUST(stat("d", &b));
    show("dir", &b);
    MUST(stat("/dev/null", &b));
    show("null", &b);
    IS(b.st_dev != a.st_dev);
    int p[2];
    MUST(pipe(p));
    MUST(fstat(p[0], &b));
    printf("pipe: fmt %o size %ld\n", b.st_mode & S_IFMT, (long)b.st_size);
    SHOW(stat("missing", &b));
    SHOW(stat("f/x", &b));
    SHOW(fstat(999, &b));
    SHOW(syscall(SYS_newfstatat, AT_FDCWD, "f", 8, 0));
    SHOW(syscall(SYS_newfstatat, AT_FDCWD, "f", &b, 0x8000000));
    struct statx x;
    SHOW(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x));
    IS(x.stx_size == 5 && (x.stx_mode & S_IFMT) == S_IFREG && x.stx_ino == a.st_ino);
    return 0;
}
