/* Users and groups: real, effective, saved; who may become whom. */
#include "kit.h"
#include <grp.h>
static void ids(void)
{
    uid_t r, e, s;
    gid_t gr, ge, gs;
    MUST(getresuid(&r, &e, &s));
    MUST(getresgid(&gr, &ge, &gs));
    printf("uid %d %d %d gid %d %d %d\n", r, e, s, gr, ge, gs);
}
int main(void)
{
    gid_t g[4] = { 10, 20, 30 };
    SHOW(setgroups(3, g));
    SHOW(getgroups(0, NULL));
    SHOW(getgroups(2, g));
    SHOW(getgroups(4, g));
    SHOW(g[2]);
    SHOW(setresgid(5, 6, 7));
    SHOW(setresuid(1, 2, 3));
    ids();
    SHOW(setuid(4));
    SHOW(setuid(3));
    ids();
    SHOW(setreuid(-1, 2));
    SHOW(seteuid(1));
    ids();
    SHOW(setresuid(-1, 3, -1));
    ids();
    SHOW(setgid(7));
    ids();
    SHOW(setgroups(1, g));
    SHOW(setegid(99));
    IS(getuid() == 1 && geteuid() == 3 && getgid() == 5 && getegid() == 7);
    return 0;
}
