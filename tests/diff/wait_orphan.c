/* An orphan gets process 1 for a parent, or a subreaper that asked for it. */
#include "kit.h"
#include <sys/prctl.h>
int main(void)
{
    int p[2];
    pid_t parents[2];
    MUST(pipe(p));
    for (int way = 0; way < 2; way++) {
        if (way)
            SHOW(prctl(PR_SET_CHILD_SUBREAPER, 1));
        pid_t pid = kit_fork();
        if (pid == 0) {
            parents[0] = getpid();
            if (kit_fork() == 0) {
                while ((parents[1] = getppid()) == parents[0])
                    msleep(5);
                MUST(write(p[1], parents, sizeof parents));
                _exit(0);
            }
            _exit(0);
        }
        reap("parent", pid);
        MUST(read(p[0], parents, sizeof parents));
        IS(parents[0] == pid);
        printf("then %s\n", parents[1] == 1 ? "process 1" : parents[1] == getpid() ? "the subreaper" : "another");
    }
    int st;
    MUST(wait(&st));
    show_status("adopted", st);
    return 0;
}
