/* Clocks: they run, none runs backwards, they agree with each other. */
#include "kit.h"
static long long ns(clockid_t c)
{
    struct timespec t;
    MUST(clock_gettime(c, &t));
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}
int main(void)
{
    struct timespec r;
    struct timeval tv;
    clockid_t c[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE };
    for (int i = 0; i < 6; i++) {
        long long a = ns(c[i]), back = 0;
        for (int n = 0; n < 10000; n++) {
            long long b = ns(c[i]);
            back += b < a;
            a = b;
        }
        long long before = ns(c[i]);
        msleep(30);
        long long d = ns(c[i]) - before;
        printf("clock %d: %lld backwards, sleep %s\n", i, back, d >= 20000000 && d < 200000000 ? "seen" : "wrong");
        SHOW(clock_getres(c[i], &r));
    }
    IS(gettimeofday(&tv, NULL) == 0 && llabs(tv.tv_sec * 1000000000ll - ns(CLOCK_REALTIME)) < 2000000000ll);
    IS(labs((long)(time(NULL) - tv.tv_sec)) <= 1);
    IS(tv.tv_sec > 1700000000);
    SHOW(clock_gettime(77, &r));
    SHOW(syscall(SYS_clock_gettime, CLOCK_REALTIME, 8));
    SHOW(syscall(SYS_clock_getres, 77, &r));
    return 0;
}
