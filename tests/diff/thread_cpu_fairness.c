/* Four spinning threads all get on; a sleeping one wakes in time. */
#include "kit.h"
static volatile long n[4];
static volatile int stop;
static void *f(void *x)
{
    while (!stop)
        n[(long)x]++;
    return NULL;
}
int main(void)
{
    pthread_t t[4];
    struct timespec a, b;
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, f, (void *)i);
    clock_gettime(CLOCK_MONOTONIC, &a);
    msleep(300);
    clock_gettime(CLOCK_MONOTONIC, &b);
    stop = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
    IS(ms < 900);
    IS(n[0] > 1000 && n[1] > 1000 && n[2] > 1000 && n[3] > 1000);
    return 0;
}
