/* open: every way to refuse it. */
#include "kit.h"
int main(void)
{
    char longname[300], longpath[5000];
    put_file("f", "x");
    MUST(mkdir("d", 0755));
    MUST(symlink("loop", "loop"));
    memset(longname, 'n', sizeof longname - 1);
    longname[sizeof longname - 1] = 0;
    for (size_t i = 0; i < sizeof longpath - 1; i++)
        longpath[i] = i % 2 ? '/' : '.';
    longpath[sizeof longpath - 1] = 0;
    SHOW(open("missing", O_RDONLY));
    SHOW(open("missing/f", O_RDONLY));
    SHOW(open("f/x", O_RDONLY));
    SHOW(open("f/", O_RDONLY));
    SHOW(open("", O_RDONLY));
    SHOW(open("d", O_WRONLY));
    SHOW(open("d", O_RDWR));
    SHOW(open("d", O_RDONLY | O_CREAT, 0644));
    SHOW(open("f", O_RDONLY | O_DIRECTORY));
    SHOW(open("f", O_WRONLY | O_CREAT | O_EXCL, 0644));
    SHOW(open("loop", O_RDONLY));
    SHOW(open("loop", O_RDONLY | O_NOFOLLOW));
    SHOW(open("loop", O_WRONLY | O_CREAT | O_EXCL, 0644));
    SHOW(open("missing/", O_WRONLY | O_CREAT, 0644));
    errno = 0;
    IS(open(longname, O_RDONLY) == -1 && errno == ENAMETOOLONG);
    errno = 0;
    IS(open(longpath, O_RDONLY) == -1 && errno == ENAMETOOLONG);
    SHOW(open((char *)8, O_RDONLY));
    return 0;
}
