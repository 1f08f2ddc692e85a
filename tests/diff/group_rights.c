/* The group's rights hold for members, also by supplementary groups. */
#include "kit.h"
#include <grp.h>
static void as(uid_t uid, gid_t gid, gid_t extra)
{
    pid_t pid = kit_fork();
    if (pid == 0) {
        MUST(setgroups(extra ? 1 : 0, &extra));
        MUST(setgid(gid));
        MUST(setuid(uid));
        printf("%d %d %d:\n", uid, gid, extra);
        SHOW(open("f", O_RDONLY));
        SHOW(open("f", O_WRONLY));
        fflush(stdout);
        _exit(0);
    }
    reap("user", pid);
}
int main(void)
{
    MUST(chmod(".", 0755));
    put_file("f", "x");
    MUST(chown("f", 100, 200));
    MUST(chmod("f", 0640));
    as(100, 1, 0);
    as(101, 200, 0);
    as(101, 1, 200);
    as(101, 1, 0);
    MUST(chmod("f", 0046)); /* the owner's class decides, even against him */
    as(100, 1, 0);
    as(101, 200, 0);
    as(101, 1, 0);
    return 0;
}
