/* timer_create: signals with values, overruns, deletion. */
#include "kit.h"
static volatile int count, value;
static void h(int s, siginfo_t *i, void *u)
{
    (void)s;
    (void)u;
    count++;
    value = i->si_value.sival_int;
}
int main(void)
{
    timer_t t;
    struct sigaction a = { .sa_sigaction = h, .sa_flags = SA_SIGINFO };
    struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 5 };
    struct itimerspec s = { { 0, 0 }, { 0, 5000000 } }, now;
    sigaction(SIGUSR1, &a, NULL);
    SHOW(timer_create(CLOCK_MONOTONIC, &e, &t));
    SHOW(timer_settime(t, 0, &s, NULL));
    pause();
    printf("%d %d\n", count, value);
    s.it_interval.tv_nsec = 5000000;
    SHOW(timer_settime(t, 0, &s, NULL));
    while (count < 4)
        pause();
    SHOW(timer_gettime(t, &now));
    IS(now.it_interval.tv_nsec == 5000000);
    SHOW(timer_delete(t));
    SHOW(syscall(SYS_timer_gettime, 1234, &now));
    SHOW(timer_create(77, &e, &t));
    return 0;
}
