/* A write by one who is not root takes the set-user-id bit away. */
#include "kit.h"
int main(void)
{
    struct stat st;
    MUST(chmod(".", 0777));
    put_file("f", "x");
    MUST(chmod("f", 06777));
    pid_t pid = kit_fork();
    if (pid == 0) {
        MUST(setuid(1000));
        int fd = MUST(open("f", O_WRONLY));
        MUST(write(fd, "y", 1));
        _exit(0);
    }
    reap("user", pid);
    MUST(stat("f", &st));
    printf("%o\n", st.st_mode & 07777);
    return 0;
}
