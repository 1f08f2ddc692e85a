/* umask: what it takes from open, mkdir, mkfifo; it is handed on by fork. */
#include "kit.h"
static void show(const char *p)
{
    struct stat st;
    MUST(stat(p, &st));
    printf("%s %o\n", p, st.st_mode & 07777);
}
int main(void)
{
    SHOW(umask(027));
    SHOW(umask(027));
    close(MUST(open("f", O_CREAT | O_WRONLY, 0666)));
    show("f");
    MUST(mkdir("d", 0777));
    show("d");
    MUST(mkfifo("p", 0666));
    show("p");
    pid_t pid = kit_fork();
    if (pid == 0)
        _exit((int)umask(0));
    reap("child", pid);
    SHOW(umask(0));
    close(MUST(open("g", O_CREAT | O_WRONLY, 06777)));
    show("g");
    close(MUST(open("f", O_CREAT | O_WRONLY, 0777)));
    show("f");
    return 0;
}
