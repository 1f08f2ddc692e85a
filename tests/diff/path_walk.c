/* Paths: dots, doubled slashes, slashes at the end, the root's parent. */
#include "kit.h"
int main(void)
{
    struct stat a, b;
    MUST(mkdir("d", 0755));
    MUST(mkdir("d/e", 0755));
    put_file("d/e/f", "found");
    cat_file("d//e///f");
    cat_file("./d/./e/./f");
    cat_file("d/e/../e/../../d/e/f");
    SHOW(access("d/e/", F_OK));
    SHOW(access("d/e/f/", F_OK));
    SHOW(access("d/e/f/.", F_OK));
    SHOW(access("d/e/f/..", F_OK));
    SHOW(access("d/x/../e", F_OK));
    MUST(stat("/..", &a));
    MUST(stat("/", &b));
    IS(a.st_ino == b.st_ino);
    IS(!access("//tmp", F_OK));
    MUST(symlink("/tmp", "abs"));
    MUST(stat("abs/", &a));
    MUST(stat("/tmp", &b));
    IS(a.st_ino == b.st_ino);
    MUST(chmod("d", 0));
    SHOW(access("d/e/f", F_OK)); /* root passes */
    return 0;
}
