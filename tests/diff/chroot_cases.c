/* chroot: nothing leads out of the root but what was outside before; children and programs have the same one. */
#include "kit.h"
#include <sys/mount.h>
static ino_t inode(const char *path)
{
    struct stat s;
    return stat(path, &s) ? 0 : s.st_ino;
}
static void where(void)
{
    char b[300] = "";
    long r = syscall(SYS_getcwd, b, sizeof b);
    printf("getcwd: %s %s\n", r > 0 ? b : "-", ename(r > 0 ? 0 : errno));
    fflush(stdout);
}
/* What the process sees of the file `name`, which tells the directories apart. */
static void look(const char *path)
{
    char b[20] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        printf("%s: %s\n", path, ename(errno));
    } else {
        int n = read(fd, b, sizeof b - 1);
        printf("%s: %.*s\n", path, n, b);
        close(fd);
    }
    fflush(stdout);
}
int main(int argc, char **argv)
{
    char here[200];
    int status;
    (void)argc, (void)argv;
    MUST(getcwd(here, sizeof here) ? 0 : -1);
    MUST(mkdir("jail", 0755));
    MUST(mkdir("jail/in", 0755));
    MUST(mkdir("jail/in/deep", 0755));
    MUST(mkdir("jail/proc", 0755));
    put_file("name", "outside");
    put_file("jail/name", "jail");
    put_file("jail/in/name", "in");
    MUST(symlink("/in/name", "jail/absolute"));
    MUST(symlink("../../../../../../in/name", "jail/in/up"));
    MUST(symlink("/", "jail/in/top"));
    SHOW(chroot("nowhere"));
    SHOW(chroot("name"));
    pid_t child = kit_fork();
    if (child == 0) {
        MUST(setuid(1000));
        SHOW(chroot("jail"));
        SHOW(chroot("nowhere"));
        _exit(0);
    }
    reap("another user", child);

    child = kit_fork();
    if (child == 0) {
        int old = MUST(open(".", O_RDONLY | O_DIRECTORY));
        MUST(chroot("jail"));
        /* The current directory stays outside. */
        where();
        look("name");
        look("/name");
        look("/../../name");
        look("/absolute");
        MUST(chdir("/in"));
        where();
        look("../../../name");
        look("up");
        look("top/../name");
        look("deep/../../../../name");
        SHOW(chdir("../../.."));
        where();
        IS(inode("/") == inode("..") && inode("..") == inode("../.."));
        SHOW(rename("/../in/deep", "/../../in/deeper"));
        SHOW(mkdir("/../made", 0755));
        SHOW(open(here, O_RDONLY));
        fflush(stdout);
        if (kit_fork() == 0) {
            look("/../name");
            MUST(chroot("in"));
            look("/name");
            look("/../name");
            MUST(chdir("/"));
            look("../name");
            where();
            _exit(0);
        }
        MUST(wait(&status));
        /* What was open before still leads out. */
        MUST(fchdir(old));
        look("name");
        look("jail/../name");
        where();
        _exit(0);
    }
    reap("jailed", child);
    look("jail/made/name");
    look("jail/in/deeper/../name");
    SHOW(rmdir("jail/made"));

    /* Over the root of what is mounted in there. */
    SHOW(mount("proc", "jail/proc", "proc", 0, NULL));
    child = kit_fork();
    if (child == 0) {
        MUST(chroot("jail"));
        MUST(chdir("/proc"));
        where();
        look("../name");
        look("../../name");
        look("self/../../in/name");
        MUST(chdir("/proc/self"));
        look("../../../../../name");
        _exit(0);
    }
    reap("with a mount", child);
    SHOW(umount("jail/proc"));
    /* A root that is itself the root of a mount. */
    child = kit_fork();
    if (child == 0) {
        MUST(chroot("/proc"));
        MUST(chdir("/"));
        IS(inode("/") == inode("/..") && inode("..") == inode("."));
        IS(inode("/self/../../../..") == inode("/"));
        IS(inode("/proc") == 0 && inode("/uptime") != 0);
        where();
        _exit(0);
    }
    reap("in /proc", child);
    where();
    return 0;
}
