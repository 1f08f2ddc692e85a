/* chdir, fchdir and getcwd: also from a directory that is gone. */
#include "kit.h"
int main(void)
{
    char b[PATH_MAX], small[4];
    MUST(mkdir("a", 0755));
    MUST(mkdir("a/b", 0755));
    MUST(symlink("a/b", "l"));
    put_file("f", "");
    int top = MUST(open(".", O_RDONLY));
    SHOW(chdir("l"));
    printf("%s\n", getcwd(b, sizeof b));
    SHOW(chdir(".."));
    printf("%s\n", getcwd(b, sizeof b));
    SHOW(fchdir(top));
    printf("%s\n", getcwd(b, sizeof b));
    errno = 0;
    IS(!getcwd(small, sizeof small) && errno == ERANGE);
    SHOW(chdir("f"));
    SHOW(chdir("missing"));
    SHOW(chdir(""));
    SHOW(fchdir(999));
    SHOW(fchdir(MUST(open("f", O_RDONLY))));
    SHOW(chdir("/../.."));
    printf("%s\n", getcwd(b, sizeof b));
    SHOW(fchdir(top));
    SHOW(chdir("a/b"));
    MUST(rmdir("../b"));
    errno = 0;
    IS(!getcwd(b, sizeof b) && errno == ENOENT);
    SHOW(open("x", O_CREAT | O_WRONLY, 0644));
    SHOW(chdir(".."));
    SHOW(access("b", F_OK));
    printf("%s\n", getcwd(b, sizeof b));
    /* A child's directory is its own. */
    pid_t pid = kit_fork();
    if (pid == 0)
        _exit(chdir("/") ? 1 : 0);
    reap("child", pid);
    printf("%s\n", getcwd(b, sizeof b));
    return 0;
}
