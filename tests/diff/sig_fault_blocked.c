/* A fault whose signal is blocked or ignored ends the process all the same. */
#include "kit.h"
int main(void)
{
    for (int way = 0; way < 2; way++) {
        pid_t pid = kit_fork();
        if (pid == 0) {
            sigset_t all;
            sigfillset(&all);
            if (way)
                sigprocmask(SIG_SETMASK, &all, NULL);
            else
                signal(SIGSEGV, SIG_IGN);
            *(volatile int *)16 = 1;
            _exit(0);
        }
        reap("faulted", pid);
    }
    return 0;
}
