/* rename: over files, directories, itself; every refusal. */
#include "kit.h"
#include <sys/syscall.h>
int main(void)
{
    put_file("a", "A");
    put_file("b", "B");
    MUST(mkdir("d", 0755));
    MUST(mkdir("e", 0755));
    MUST(mkdir("full", 0755));
    put_file("full/x", "x");
    SHOW(rename("a", "b"));
    cat_file("b");
    SHOW(rename("a", "c"));
    SHOW(rename("b", "b"));
    SHOW(rename("b", "d"));
    SHOW(rename("d", "b"));
    SHOW(rename("d", "e"));
    SHOW(access("d", F_OK));
    SHOW(rename("e", "full"));
    SHOW(rename("full", "full/sub"));
    SHOW(rename("b", "missing/b"));
    SHOW(rename("b", "b/x"));
    SHOW(rename("", "x"));
    SHOW(rename("b", ""));
    SHOW(rename(".", "x"));
    SHOW(rename("e/.", "x"));
    SHOW(rename("b", "/proc/x"));
    MUST(link("b", "same"));
    SHOW(rename("b", "same")); /* two names of one file: nothing happens */
    SHOW(access("b", F_OK));
    MUST(symlink("b", "l"));
    SHOW(rename("l", "m"));
    char t[8] = "";
    SHOW(readlink("m", t, 8));
    SHOW(rename("full/", "moved/"));
    SHOW(access("moved/x", F_OK));
    SHOW(rename("b/", "y"));
    SHOW(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "same", 1)); /* RENAME_NOREPLACE */
    put_file("other", "O");
    SHOW(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "other", 2)); /* RENAME_EXCHANGE */
    cat_file("b");
    cat_file("other");
    return 0;
}
