/* What each signal does to a process that did not ask. */
#include "kit.h"
int main(void)
{
    for (int s = 1; s < 32; s++) {
        pid_t pid = kit_fork();
        if (pid == 0) {
            raise(s);
            _exit(0);
        }
        int st;
        MUST(waitpid(pid, &st, WUNTRACED));
        show_status(sigabbrev_np(s), st);
        if (WIFSTOPPED(st)) {
            kill(pid, SIGKILL);
            reap(" then", pid);
        }
    }
    return 0;
}
