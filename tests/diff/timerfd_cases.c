/* timerfd: a timer that is read. */
#include "kit.h"
#include <sys/timerfd.h>
int main(void)
{
    uint64_t n = 0;
    struct itimerspec t = { { 0, 0 }, { 0, 10000000 } }, now;
    int fd = MUST(timerfd_create(CLOCK_MONOTONIC, 0));
    SHOW(timerfd_settime(fd, 0, &t, NULL));
    SHOW(read(fd, &n, 8));
    SHOW(n);
    t.it_interval.tv_nsec = 5000000;
    SHOW(timerfd_settime(fd, 0, &t, NULL));
    msleep(32);
    SHOW(read(fd, &n, 8));
    IS(n >= 4 && n <= 6);
    SHOW(timerfd_gettime(fd, &now));
    IS(now.it_interval.tv_nsec == 5000000);
    memset(&t, 0, sizeof t);
    SHOW(timerfd_settime(fd, 0, &t, NULL));
    struct pollfd p = { .fd = fd, .events = POLLIN };
    SHOW(poll(&p, 1, 20));
    SHOW(timerfd_create(77, 0));
    return 0;
}
