/* Real-time signals queue, lowest number first, each with its value. */
#include "kit.h"
static char text[256];
static void h(int s, siginfo_t *i, void *u)
{
    (void)u;
    sprintf(text + strlen(text), " %d:%d", s - SIGRTMIN, i->si_value.sival_int);
}
int main(void)
{
    struct sigaction a = { .sa_sigaction = h, .sa_flags = SA_SIGINFO };
    sigset_t set;
    sigfillset(&a.sa_mask);
    sigemptyset(&set);
    for (int n = 0; n < 3; n++) {
        sigaction(SIGRTMIN + n, &a, NULL);
        sigaddset(&set, SIGRTMIN + n);
    }
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    int order[] = { 2, 0, 1, 0, 2, 0 };
    for (int n = 0; n < 6; n++) {
        union sigval v = { .sival_int = n };
        MUST(sigqueue(getpid(), SIGRTMIN + order[n], v));
    }
    MUST(sigprocmask(SIG_UNBLOCK, &set, NULL));
    printf("%s\n", text);
    IS(SIGRTMAX - SIGRTMIN >= 28);
    return 0;
}
