/* Set-user-id and set-group-id programs: effective ids, AT_SECURE. */
#include "kit.h"
#include <grp.h>
#include <sys/auxv.h>
int main(int argc, char **argv)
{
    if (argc > 1) {
        uid_t r, e, s;
        getresuid(&r, &e, &s);
        printf("uid %d %d %d gid %d %d secure %ld\n", r, e, s, getgid(), getegid(), (long)getauxval(AT_SECURE));
        return 0;
    }
    MUST(chmod(".", 0755));
    fflush(stdout);
    if (system("/bin/busybox cp /tests/bin/diffc prog"))
        return 9;
    int modes[] = { 0755, 04755, 02755, 06755 };
    MUST(chown("prog", 123, 456));
    for (int i = 0; i < 4; i++) {
        MUST(chmod("prog", modes[i]));
        pid_t pid = kit_fork();
        if (pid == 0) {
            MUST(setgroups(0, NULL));
            MUST(setgid(1000));
            MUST(setuid(1000));
            execl("./prog", "diffc", argv[0], "x", NULL);
            _exit(9);
        }
        printf("%o ", modes[i]);
        reap("program", pid);
    }
    return 0;
}
