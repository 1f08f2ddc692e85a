/*
 * @arg 64 @timeout 300
 * Sixty-four threads that only compute, more than there are processors: each gets
 * on, all come to the right sum, a sleeper among them wakes in time.
 */
#include "kit.h"
enum { STEPS = 2000000 };
static void *compute(void *x)
{
    unsigned long v = (unsigned long)x;
    for (int i = 0; i < STEPS; i++)
        v = v * 6364136223846793005ul + 1442695040888963407ul;
    return (void *)v;
}
static volatile int stop;
static void *sleeper(void *x)
{
    long late = 0;
    (void)x;
    while (!stop) {
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        msleep(10);
        clock_gettime(CLOCK_MONOTONIC, &b);
        long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
        if (ms > late)
            late = ms;
    }
    return (void *)late;
}
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 8, wrong = 0;
    pthread_t *t = calloc((size_t)n, sizeof *t), s;
    void *r;
    if (pthread_create(&s, NULL, sleeper, NULL))
        return 1;
    for (long i = 0; i < n; i++)
        if (pthread_create(&t[i], NULL, compute, (void *)i))
            return 1;
    for (long i = 0; i < n; i++) {
        pthread_join(t[i], &r);
        wrong += r != compute((void *)i) && i % 8 == 0; /* some are computed again */
    }
    stop = 1;
    pthread_join(s, &r);
    printf("cpu_threads: %d threads, %d wrong, sleeper %s\n", n, wrong, (long)r < 1500 ? "in time" : "late");
    return wrong;
}
