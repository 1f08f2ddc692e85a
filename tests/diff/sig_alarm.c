/* alarm and interval timers: what is left, once, again and again. */
#include "kit.h"
static volatile int count;
static void h(int s)
{
    (void)s;
    count++;
}
int main(void)
{
    struct itimerval t = { { 0, 10000 }, { 0, 10000 } }, now;
    signal(SIGALRM, h);
    SHOW(alarm(100));
    SHOW(alarm(0));
    SHOW(alarm(0));
    alarm(1);
    pause();
    SHOW(count);
    count = 0;
    SHOW(setitimer(ITIMER_REAL, &t, NULL));
    while (count < 5)
        pause();
    MUST(getitimer(ITIMER_REAL, &now));
    IS(now.it_interval.tv_usec == 10000 && now.it_value.tv_usec <= 10000);
    memset(&t, 0, sizeof t);
    SHOW(setitimer(ITIMER_REAL, &t, NULL));
    int seen = count;
    msleep(50);
    IS(count == seen);
    SHOW(setitimer(9, &t, NULL));
    t.it_value.tv_usec = 1000000;
    SHOW(setitimer(ITIMER_REAL, &t, NULL));
    /* Timers do not go to a child, but stay over exec. */
    alarm(50);
    pid_t pid = kit_fork();
    if (pid == 0)
        _exit((int)alarm(0));
    reap("child", pid);
    return 0;
}
