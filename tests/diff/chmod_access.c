/* Rights: chmod, access, what another user may. */
#include "kit.h"
#include <grp.h>
int main(void)
{
    struct stat st;
    put_file("f", "x");
    MUST(mkdir("d", 0755));
    put_file("d/g", "y");
    MUST(chmod(".", 0755));
    SHOW(chmod("f", 04751));
    MUST(stat("f", &st));
    printf("%o\n", st.st_mode & 07777);
    SHOW(chmod("missing", 0));
    SHOW(chmod("f/x", 0));
    int fd = MUST(open("f", O_RDWR));
    SHOW(fchmod(fd, 0640));
    SHOW(fchmod(999, 0));
    SHOW(access("f", R_OK | W_OK));
    SHOW(access("f", X_OK));
    SHOW(access("d", X_OK));
    SHOW(access("f", 99));
    SHOW(access("missing", F_OK));
    pid_t pid = kit_fork();
    if (pid == 0) {
        MUST(setgroups(0, NULL));
        MUST(setgid(1000));
        MUST(setuid(1000));
        SHOW(access("f", R_OK));
        SHOW(access("d/g", R_OK));
        SHOW(access("d/g", W_OK));
        SHOW(open("f", O_RDONLY));
        SHOW(write(fd, "z", 1)); /* rights were checked at open */
        SHOW(open("d/g", O_WRONLY));
        SHOW(open("d/new", O_CREAT | O_WRONLY, 0644));
        SHOW(unlink("d/g"));
        SHOW(chmod("d/g", 0777));
        SHOW(mkdir("d/e", 0755));
        SHOW(rename("d/g", "d/h"));
        SHOW(truncate("d/g", 0));
        fflush(stdout);
        _exit(0);
    }
    reap("user", pid);
    MUST(chmod("d", 0700));
    pid = kit_fork();
    if (pid == 0) {
        MUST(setgroups(0, NULL));
        MUST(setgid(1000));
        MUST(setuid(1000));
        SHOW(open("d/g", O_RDONLY));
        SHOW(stat("d/g", &st));
        SHOW(chdir("d"));
        fflush(stdout);
        _exit(0);
    }
    reap("user", pid);
    return 0;
}
