/* Over exec: handlers become default, ignored stays ignored, mask and pending stay. */
#include "kit.h"
static void h(int s) { (void)s; }
int main(int argc, char **argv)
{
    sigset_t set, now;
    struct sigaction a;
    if (argc > 1) {
        sigaction(SIGUSR1, NULL, &a);
        IS(a.sa_handler == SIG_DFL);
        sigaction(SIGUSR2, NULL, &a);
        IS(a.sa_handler == SIG_IGN);
        sigprocmask(SIG_SETMASK, NULL, &now);
        IS(sigismember(&now, SIGTERM) && !sigismember(&now, SIGINT));
        sigpending(&now);
        IS(sigismember(&now, SIGTERM));
        SHOW(alarm(0));
        sigprocmask(SIG_UNBLOCK, &now, NULL);
        return 1;
    }
    signal(SIGUSR1, h);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    raise(SIGTERM);
    alarm(50);
    execl("/tests/bin/diffc", "diffc", argv[0], "again", NULL);
    return 9;
}
