/* Signals and threads: to one thread, masks of each, to the process. */
#include "kit.h"
static pthread_t a;
static volatile int at_a, at_main;
static volatile int ready;
static void h(int s)
{
    (void)s;
    if (pthread_equal(pthread_self(), a))
        at_a++;
    else
        at_main++;
}
static void *f(void *x)
{
    sigset_t set, none;
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    ready = 1;
    while (at_a < 2)
        sigsuspend(&none);
    return x;
}
static void *waits(void *x)
{
    sigset_t set;
    int s;
    (void)x;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigwait(&set, &s);
    return (void *)(long)s;
}
int main(void)
{
    sigset_t set;
    void *r;
    signal(SIGUSR1, h);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&a, NULL, f, NULL);
    while (!ready)
        msleep(1);
    SHOW(pthread_kill(a, SIGUSR1));
    while (at_a < 1)
        msleep(1);
    kill(getpid(), SIGUSR1); /* only that thread has it open */
    pthread_join(a, NULL);
    printf("a %d main %d\n", at_a, at_main);
    pthread_create(&a, NULL, waits, NULL);
    msleep(5);
    kill(getpid(), SIGUSR2);
    pthread_join(a, &r);
    IS((long)r == SIGUSR2);
    pthread_create(&a, NULL, waits, NULL);
    pthread_kill(a, SIGUSR2);
    pthread_join(a, &r);
    IS((long)r == SIGUSR2);
    return 0;
}
