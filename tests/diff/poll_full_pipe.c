/* poll for writing: not while the pipe is full, again after a read. */
#include "kit.h"
int main(void)
{
    static char b[65536];
    int p[2];
    MUST(pipe2(p, O_NONBLOCK));
    struct pollfd w = { .fd = p[1], .events = POLLOUT };
    while (write(p[1], b, 4096) > 0)
        ;
    SHOW(poll(&w, 1, 0));
    pid_t pid = kit_fork();
    if (pid == 0) {
        msleep(20);
        _exit(read(p[0], b, sizeof b) == sizeof b ? 0 : 1);
    }
    SHOW(poll(&w, 1, 5000));
    IS(w.revents & POLLOUT);
    reap("reader", pid);
    return 0;
}
