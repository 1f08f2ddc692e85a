/* Connected stream sockets: flags of receiving, vectors, poll, options, and each way to end. */
#include "kit.h"
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
static int s[2];
static char b[70000];
static void fresh(void)
{
    close(s[0]);
    close(s[1]);
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
}
static void polled(const char *when)
{
    struct pollfd p = { .fd = s[0], .events = POLLIN | POLLOUT | POLLRDHUP };
    MUST(poll(&p, 1, 0));
    printf("%s: poll %x\n", when, (unsigned)p.revents);
}
int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 77, s));
    SHOW(socketpair(AF_UNIX, 4, 0, s));
    SHOW(socketpair(AF_UNIX, 0, 0, s));
    SHOW(socketpair(AF_UNIX, 12, 0, s));
    SHOW(socketpair(AF_UNIX, SOCK_STREAM | 0x100000, 0, s));
    SHOW(socketpair(4711, SOCK_STREAM, 0, s));
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 1, s));
    SHOW(fcntl(s[0], F_GETFL));
    SHOW(fcntl(s[1], F_GETFD));
    SHOW(read(s[0], b, 1));
    SHOW(read(s[0], b, 0));
    polled("new");

    fresh();
    struct iovec v[3] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } };
    SHOW(writev(s[1], v, 3));
    SHOW(send(s[1], "fgh", 3, MSG_NOSIGNAL | MSG_EOR));
    int left = -1;
    SHOW(ioctl(s[0], FIONREAD, &left));
    IS(left == 8);
    polled("data");
    SHOW(recv(s[0], b, 3, MSG_PEEK));
    SHOW(recv(s[0], b, 100, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC));
    char one[2], two[4];
    struct iovec w[2] = { { one, 2 }, { two, 4 } };
    SHOW(readv(s[0], w, 2));
    printf("%.2s %.4s\n", one, two);
    struct msghdr m = { .msg_iov = w, .msg_iovlen = 2, .msg_name = b, .msg_namelen = 100, .msg_flags = 0x7777 };
    SHOW(recvmsg(s[0], &m, 0));
    IS(m.msg_namelen == 0 && m.msg_flags == 0 && m.msg_controllen == 0);
    SHOW(recv(s[0], b, 1, MSG_DONTWAIT));
    SHOW(recv(s[0], b, 1, MSG_OOB | MSG_DONTWAIT) == -1);
    SHOW(pread(s[0], b, 1, 0));
    SHOW(lseek(s[0], 0, SEEK_SET));
    SHOW(fsync(s[0]));
    SHOW(ftruncate(s[0], 0));
    struct stat st;
    MUST(fstat(s[0], &st));
    printf("%o %lu %ld\n", st.st_mode, (unsigned long)st.st_nlink, (long)st.st_size);

    /* All that is asked for, from a writer that is slow. */
    pid_t pid = kit_fork();
    if (pid == 0) {
        for (int i = 0; i < 4; i++) {
            MUST(write(s[1], "12345", 5));
            poll(NULL, 0, 5);
        }
        _exit(0);
    }
    SHOW(recv(s[0], b, 20, MSG_WAITALL));
    reap("writer", pid);
    /* More than fits, both ways at once, blocking. */
    pid = kit_fork();
    if (pid == 0) {
        long sum = 0, n;
        close(s[0]);
        while ((n = read(s[1], b, sizeof b)) > 0)
            for (long i = 0; i < n; i++)
                sum += (unsigned char)b[i];
        MUST(write(s[1], &sum, sizeof sum));
        _exit(n == 0 ? 0 : 1);
    }
    long sum = 0, got = 0;
    for (int k = 0; k < 10; k++) {
        for (size_t i = 0; i < sizeof b; i++)
            sum += (unsigned char)(b[i] = (char)(i * 7 + k));
        if (write(s[0], b, sizeof b) != sizeof b)
            puts("short");
    }
    SHOW(shutdown(s[0], SHUT_WR));
    SHOW(write(s[0], "x", 1));
    SHOW(read(s[0], &got, sizeof got));
    IS(got == sum);
    reap("reader", pid);

    fresh();
    SHOW(shutdown(s[1], 3));
    SHOW(shutdown(s[1], SHUT_WR));
    polled("peer will not send");
    SHOW(read(s[0], b, 1));
    SHOW(write(s[0], "x", 1));
    SHOW(shutdown(s[1], SHUT_RD));
    polled("nor receive");
    SHOW(write(s[0], "x", 1));
    SHOW(read(s[1], b, 2));

    fresh();
    MUST(write(s[1], "left", 4));
    close(s[1]);
    polled("closed with data");
    SHOW(read(s[0], b, 10));
    SHOW(read(s[0], b, 10));
    polled("closed");

    fresh();
    MUST(write(s[0], "unread", 6));
    close(s[1]);
    polled("reset");
    SHOW(read(s[0], b, 10));
    SHOW(read(s[0], b, 10));
    fresh();
    MUST(write(s[0], "unread", 6));
    close(s[1]);
    int e = 0;
    socklen_t n = sizeof e;
    SHOW(getsockopt(s[0], SOL_SOCKET, SO_ERROR, &e, &n));
    printf("%s\n", ename(e));
    SHOW(write(s[0], "x", 1));

    fresh();
    pid = kit_fork();
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        close(s[1]);
        shutdown(s[0], SHUT_WR);
        SHOW(send(s[0], "x", 1, MSG_NOSIGNAL));
        write(s[0], "x", 1);
        _exit(0);
    }
    reap("broken", pid);

    /* Full, and told when there is room. */
    fresh();
    MUST(fcntl(s[0], F_SETFL, O_NONBLOCK));
    long all = 0, k;
    while ((k = write(s[0], b, 4096)) > 0)
        all += k;
    IS(k == -1 && errno == EAGAIN && all > 65536);
    polled("full");
    int ep = MUST(epoll_create1(0));
    struct epoll_event ev = { .events = EPOLLOUT, .data.u32 = 7 };
    MUST(epoll_ctl(ep, EPOLL_CTL_ADD, s[0], &ev));
    SHOW(epoll_wait(ep, &ev, 1, 0));
    pid = kit_fork();
    if (pid == 0) {
        while (all > 0)
            all -= MUST(read(s[1], b, sizeof b));
        _exit(0);
    }
    SHOW(epoll_wait(ep, &ev, 1, 5000));
    printf("%x %u\n", ev.events, ev.data.u32);
    reap("drain", pid);

    /* Over exec: what the shell writes comes here. */
    fresh();
    pid = kit_fork();
    if (pid == 0) {
        dup2(s[1], 1);
        close(s[0]);
        execlp("sh", "sh", "-c", "echo from exec; exec >&-", NULL);
        _exit(1);
    }
    close(s[1]);
    n = 0;
    long r;
    while ((r = read(s[0], b + n, 100)) > 0)
        n += r;
    printf("%.*s", (int)n, b);
    reap("exec", pid);
    return 0;
}
