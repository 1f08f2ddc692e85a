/* abort cannot be held off: by a handler, by ignoring, by blocking. */
#include "kit.h"
static void h(int s)
{
    printf("handler %s\n", sigabbrev_np(s));
    fflush(stdout);
}
int main(void)
{
    for (int way = 0; way < 3; way++) {
        pid_t pid = kit_fork();
        if (pid == 0) {
            sigset_t all;
            sigfillset(&all);
            if (way == 0)
                signal(SIGABRT, h);
            if (way == 1)
                signal(SIGABRT, SIG_IGN);
            if (way == 2)
                sigprocmask(SIG_SETMASK, &all, NULL);
            abort();
        }
        reap("aborted", pid);
    }
    return 0;
}
