/* eventfd: a counter that can be waited for. */
#include "kit.h"
#include <sys/eventfd.h>
int main(void)
{
    uint64_t v = 3;
    int fd = MUST(eventfd(2, EFD_NONBLOCK));
    SHOW(write(fd, &v, 8));
    SHOW(read(fd, &v, 8));
    SHOW(v);
    SHOW(read(fd, &v, 8));
    SHOW(read(fd, &v, 4));
    v = UINT64_MAX;
    SHOW(write(fd, &v, 8));
    v = UINT64_MAX - 1;
    SHOW(write(fd, &v, 8));
    v = 1;
    SHOW(write(fd, &v, 8));
    struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
    SHOW(poll(&p, 1, 0));
    IS(p.revents == POLLIN);
    int s = MUST(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
    SHOW(read(s, &v, 8));
    SHOW(v);
    SHOW(read(s, &v, 8));
    SHOW(read(s, &v, 8));
    return 0;
}
