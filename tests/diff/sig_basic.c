/* Handlers: installed, called, replaced, ignored, default again. */
#include "kit.h"
static volatile int got;
static void h(int s) { got = s; }
int main(void)
{
    struct sigaction a = { .sa_handler = h }, old;
    SHOW(sigaction(SIGUSR1, &a, &old));
    IS(old.sa_handler == SIG_DFL);
    SHOW(raise(SIGUSR1));
    IS(got == SIGUSR1);
    SHOW(sigaction(SIGUSR1, NULL, &old));
    IS(old.sa_handler == h);
    a.sa_handler = SIG_IGN;
    MUST(sigaction(SIGUSR1, &a, NULL));
    got = 0;
    SHOW(kill(getpid(), SIGUSR1));
    SHOW(got);
    SHOW(sigaction(SIGKILL, &a, NULL));
    SHOW(sigaction(SIGSTOP, &a, NULL));
    SHOW(sigaction(SIGKILL, NULL, &old));
    SHOW(sigaction(0, &a, NULL));
    SHOW(sigaction(65, &a, NULL));
    pid_t pid = kit_fork();
    if (pid == 0) {
        signal(SIGUSR1, SIG_DFL);
        raise(SIGUSR1);
        _exit(0);
    }
    reap("default", pid);
    return 0;
}
