/* mkdir and rmdir: link counts of directories and every refusal. */
#include "kit.h"
static int links(const char *p)
{
    struct stat st;
    return stat(p, &st) < 0 ? -1 : (int)st.st_nlink;
}
int main(void)
{
    SHOW(mkdir("a", 0755));
    SHOW(links("a"));
    SHOW(mkdir("a/b", 0700));
    SHOW(mkdir("a/c/", 0700));
    SHOW(links("a"));
    SHOW(mkdir("a", 0755));
    SHOW(mkdir("a/.", 0755));
    SHOW(mkdir("x/y", 0755));
    SHOW(mkdir("", 0755));
    SHOW(mkdir("/", 0755));
    put_file("f", "");
    SHOW(mkdir("f/x", 0755));
    SHOW(mkdir("f", 0755));
    SHOW(rmdir("a"));
    SHOW(rmdir("a/b"));
    SHOW(rmdir("a/c/"));
    SHOW(links("a"));
    SHOW(rmdir("f"));
    SHOW(rmdir("missing"));
    SHOW(rmdir("a/."));
    SHOW(rmdir("a/.."));
    SHOW(rmdir("/"));
    MUST(symlink("a", "s"));
    SHOW(rmdir("s"));
    int fd = MUST(open("a", O_RDONLY));
    SHOW(rmdir("a"));
    SHOW(openat(fd, "x", O_CREAT | O_WRONLY, 0644));
    SHOW(mkdirat(AT_FDCWD, "made", 01777));
    struct stat st;
    MUST(stat("made", &st));
    printf("%o\n", st.st_mode & 07777);
    return 0;
}
