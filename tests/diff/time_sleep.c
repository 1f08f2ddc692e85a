/* Sleeping: never short, relative and absolute, errors. */
#include "kit.h"
static long long now(void)
{
    struct timespec t;
    MUST(clock_gettime(CLOCK_MONOTONIC, &t));
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}
int main(void)
{
    int early = 0, late = 0;
    for (int i = 1; i <= 20; i++) {
        struct timespec t = { 0, i * 1000000 };
        long long a = now();
        nanosleep(&t, NULL);
        long long d = now() - a;
        early += d < i * 1000000;
        late += d > i * 1000000 + 50000000;
    }
    printf("%d early %d late\n", early, late);
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += 20000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    long long a = now();
    SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
    IS(now() - a >= 15000000);
    a = now();
    SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL)); /* long ago */
    IS(now() - a < 15000000);
    t.tv_nsec = 1000000000;
    SHOW(nanosleep(&t, NULL));
    t.tv_nsec = 0;
    t.tv_sec = -1;
    SHOW(nanosleep(&t, NULL));
    SHOW(syscall(SYS_nanosleep, 8, NULL));
    SHOW(clock_nanosleep(77, 0, &t, NULL) == EINVAL);
    SHOW(usleep(0));
    return 0;
}
