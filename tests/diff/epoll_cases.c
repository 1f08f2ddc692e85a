/* epoll: level and edge, one shot, changes, errors. */
#include "kit.h"
#include <sys/epoll.h>
int main(void)
{
    int p[2];
    char c;
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = 42 }, out[4];
    MUST(pipe(p));
    int ep = MUST(epoll_create1(EPOLL_CLOEXEC));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    SHOW(epoll_wait(ep, out, 4, 0));
    MUST(write(p[1], "ab", 2));
    SHOW(epoll_wait(ep, out, 4, -1));
    IS(out[0].data.u64 == 42 && out[0].events == EPOLLIN);
    SHOW(epoll_wait(ep, out, 4, 0));
    e.events = EPOLLIN | EPOLLET;
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    SHOW(epoll_wait(ep, out, 4, 0));
    SHOW(epoll_wait(ep, out, 4, 0));
    MUST(write(p[1], "c", 1));
    SHOW(epoll_wait(ep, out, 4, 0));
    MUST(read(p[0], &c, 1));
    e.events = EPOLLIN | EPOLLONESHOT;
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    SHOW(epoll_wait(ep, out, 4, 0));
    SHOW(epoll_wait(ep, out, 4, 0));
    SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
    SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
    put_file("f", "");
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, MUST(open("f", O_RDONLY)), &e));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &e));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e));
    SHOW(epoll_wait(ep, out, 0, 0));
    SHOW(epoll_wait(99, out, 1, 0));
    SHOW(epoll_wait(ep, out, 1, 20));
    return 0;
}
