/* chown: who may, what becomes of set-id bits. */
#include "kit.h"
#include <grp.h>
static void show(const char *p)
{
    struct stat st;
    MUST(lstat(p, &st));
    printf("%s %d:%d %o\n", p, st.st_uid, st.st_gid, st.st_mode & 07777);
}
int main(void)
{
    MUST(chmod(".", 0777));
    put_file("f", "x");
    MUST(symlink("f", "l"));
    SHOW(chown("f", 10, 20));
    show("f");
    SHOW(chown("f", -1, 30));
    SHOW(chown("f", 40, -1));
    show("f");
    SHOW(lchown("l", 5, 6));
    show("l");
    SHOW(chown("l", 7, 8));
    show("f");
    MUST(chmod("f", 06755));
    SHOW(chown("f", 0, 0));
    show("f");
    SHOW(chown("missing", 0, 0));
    SHOW(fchown(999, 0, 0));
    pid_t pid = kit_fork();
    if (pid == 0) {
        gid_t g = 2000;
        MUST(setgroups(1, &g));
        MUST(setgid(1000));
        MUST(setuid(1000));
        put_file("mine", "");
        SHOW(chown("mine", 1001, -1));
        SHOW(chown("mine", -1, 2000));
        SHOW(chown("mine", -1, 3000));
        SHOW(chown("f", 1000, -1));
        show("mine");
        fflush(stdout);
        _exit(0);
    }
    reap("user", pid);
    return 0;
}
