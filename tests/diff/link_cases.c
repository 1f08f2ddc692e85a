/* link: counts, refusals, links to links. */
#include "kit.h"
static int links(const char *p)
{
    struct stat st;
    return lstat(p, &st) < 0 ? -1 : (int)st.st_nlink;
}
int main(void)
{
    put_file("a", "text");
    MUST(mkdir("d", 0755));
    SHOW(link("a", "b"));
    SHOW(link("a", "d/c"));
    SHOW(links("a"));
    SHOW(link("a", "b"));
    SHOW(link("missing", "x"));
    SHOW(link("d", "x"));
    SHOW(link("a", "missing/x"));
    SHOW(link("a", "a/x"));
    MUST(symlink("a", "s"));
    SHOW(link("s", "t")); /* the link itself, not what it names */
    struct stat st;
    MUST(lstat("t", &st));
    IS(S_ISLNK(st.st_mode));
    SHOW(linkat(AT_FDCWD, "s", AT_FDCWD, "u", AT_SYMLINK_FOLLOW));
    SHOW(links("a"));
    SHOW(unlink("a"));
    SHOW(links("b"));
    cat_file("d/c");
    return 0;
}
