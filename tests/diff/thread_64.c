/* Sixty-four threads at once: all run, all count, all end. */
#include "kit.h"
static pthread_barrier_t all;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static long count;
static void *f(void *x)
{
    pthread_barrier_wait(&all);
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&m);
        count++;
        pthread_mutex_unlock(&m);
        if (i % 50 == 0)
            sched_yield();
    }
    return x;
}
int main(void)
{
    pthread_t t[64];
    long sum = 0;
    pthread_barrier_init(&all, NULL, 65);
    for (long i = 0; i < 64; i++)
        if (pthread_create(&t[i], NULL, f, (void *)i))
            return 1;
    pthread_barrier_wait(&all);
    for (int i = 0; i < 64; i++) {
        void *r;
        pthread_join(t[i], &r);
        sum += (long)r;
    }
    printf("%ld %ld\n", count, sum);
    return 0;
}
