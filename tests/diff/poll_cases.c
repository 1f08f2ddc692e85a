/* poll: what is ready on pipes, files, closed ends, bad descriptors. */
#include "kit.h"
static void show(const char *what, struct pollfd *p, int n, int ms)
{
    int r = poll(p, n, ms);
    printf("%s: %d", what, r);
    for (int i = 0; i < n; i++)
        printf(" [%s%s%s%s%s]", p[i].revents & POLLIN ? "in " : "", p[i].revents & POLLOUT ? "out " : "",
            p[i].revents & POLLHUP ? "hup " : "", p[i].revents & POLLERR ? "err " : "", p[i].revents & POLLNVAL ? "nval " : "");
    printf("\n");
}
int main(void)
{
    int a[2], b[2];
    char c;
    MUST(pipe(a));
    MUST(pipe(b));
    struct pollfd p[2] = { { .fd = a[0], .events = POLLIN }, { .fd = a[1], .events = POLLOUT } };
    show("empty pipe", p, 2, 0);
    MUST(write(a[1], "x", 1));
    show("data", p, 2, -1);
    MUST(read(a[0], &c, 1));
    show("nothing, 20 ms", p, 1, 20);
    close(a[1]);
    show("writer gone", p, 1, -1);
    close(b[0]);
    p[0].fd = b[1];
    p[0].events = POLLOUT;
    show("reader gone", p, 1, 0);
    p[0].fd = 99;
    p[1].fd = -1;
    show("bad and none", p, 2, 0);
    put_file("f", "");
    p[0].fd = MUST(open("f", O_RDWR));
    p[0].events = POLLIN | POLLOUT;
    show("file", p, 1, 0);
    p[0].fd = MUST(open("/dev/null", O_RDWR));
    show("null", p, 1, 0);
    show("none at all", p, 0, 10);
    SHOW(poll((struct pollfd *)8, 1, 0));
    SHOW(poll(p, 1 << 30, 0));
    int d[2];
    MUST(pipe(d));
    pid_t pid = kit_fork();
    if (pid == 0) {
        msleep(20);
        MUST(write(d[1], "x", 1));
        _exit(0);
    }
    p[0].fd = d[0];
    p[0].events = POLLIN;
    show("woken", p, 1, 5000);
    reap("child", pid);
    return 0;
}
