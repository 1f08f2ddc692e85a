/* select and pselect: sets, time limits, errors, the signal mask. */
#include "kit.h"
static volatile int got;
static void h(int s) { got = s; }
int main(void)
{
    int p[2], q[2];
    fd_set r, w;
    struct timeval t = { 0, 10000 };
    MUST(pipe(p));
    MUST(pipe(q));
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_SET(p[0], &r);
    FD_SET(q[0], &r);
    FD_SET(p[1], &w);
    SHOW(select(q[1] + 1, &r, NULL, NULL, &t));
    IS(!FD_ISSET(p[0], &r) && t.tv_sec == 0 && t.tv_usec == 0);
    MUST(write(q[1], "x", 1));
    FD_SET(p[0], &r);
    FD_SET(q[0], &r);
    SHOW(select(q[1] + 1, &r, &w, NULL, NULL));
    IS(!FD_ISSET(p[0], &r) && FD_ISSET(q[0], &r) && FD_ISSET(p[1], &w));
    t.tv_usec = 5000;
    SHOW(select(0, NULL, NULL, NULL, &t));
    FD_ZERO(&r);
    FD_SET(99, &r);
    SHOW(select(100, &r, NULL, NULL, &t));
    SHOW(select(-1, NULL, NULL, NULL, &t));
    t.tv_sec = -1;
    SHOW(select(0, NULL, NULL, NULL, &t));
    sigset_t block, none;
    struct timespec ts = { 5, 0 };
    signal(SIGUSR1, h);
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &block, NULL));
    raise(SIGUSR1);
    SHOW(pselect(0, NULL, NULL, NULL, &ts, &none));
    IS(got == SIGUSR1);
    got = 0;
    raise(SIGUSR1);
    SHOW(ppoll(NULL, 0, &ts, &none));
    IS(got == SIGUSR1);
    return 0;
}
