/* #! lines seen from C: how arguments are put together, nesting, long lines. */
#include "kit.h"
static void run(const char *path)
{
    pid_t pid = kit_fork();
    if (pid == 0) {
        execl(path, "zero", "one", NULL);
        printf("%s: %s\n", path, ename(errno));
        fflush(stdout);
        _exit(1);
    }
    reap(path, pid);
}
static void make(const char *path, const char *text)
{
    put_file(path, text);
    MUST(chmod(path, 0755));
}
int main(int argc, char **argv)
{
    char longline[600];
    (void)argv;
    if (argc > 1)
        return 0;
    make("plain", "#!/bin/busybox echo\n");
    run("./plain");
    make("arg", "#!/bin/busybox echo a b  c \n");
    run("./arg");
    make("spaces", "#!   /bin/busybox   echo\n");
    run("./spaces");
    make("tab", "#!\t/bin/busybox\techo\tx\n");
    run("./tab");
    make("noend", "#!/bin/busybox echo");
    run("./noend");
    make("nested", "#!./plain\n");
    run("./nested");
    make("cr", "#!/bin/busybox\r\n");
    run("./cr");
    memset(longline, 0, sizeof longline);
    strcpy(longline, "#!/bin/busybox echo ");
    memset(longline + strlen(longline), 'x', 400);
    make("long", longline);
    run("./long");
    return 0;
}
