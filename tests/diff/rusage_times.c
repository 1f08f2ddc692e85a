/* Time that a process and its children used: it grows with work. */
#include "kit.h"
int main(void)
{
    struct rusage u, v;
    struct tms t;
    volatile long x = 0;
    MUST(getrusage(RUSAGE_SELF, &u));
    for (long i = 0; i < 40000000; i++)
        x += i;
    MUST(getrusage(RUSAGE_SELF, &v));
    long us = (v.ru_utime.tv_sec - u.ru_utime.tv_sec) * 1000000 + v.ru_utime.tv_usec - u.ru_utime.tv_usec;
    IS(us > 10000);
    pid_t pid = kit_fork();
    if (pid == 0) {
        for (long i = 0; i < 40000000; i++)
            x += i;
        _exit(0);
    }
    reap("child", pid);
    MUST(getrusage(RUSAGE_CHILDREN, &v));
    IS(v.ru_utime.tv_sec * 1000000 + v.ru_utime.tv_usec > 10000);
    IS((long)times(&t) != -1);
    IS(t.tms_utime >= 1 && t.tms_cutime >= 1);
    SHOW(getrusage(77, &u));
    struct timespec c;
    MUST(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c));
    IS(c.tv_sec > 0 || c.tv_nsec > 10000000);
    return 0;
}
