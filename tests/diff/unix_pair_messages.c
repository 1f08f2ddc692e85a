/* Connected sockets that carry messages: where they end, what is cut off, and each way to end. */
#include "kit.h"
#include <sys/socket.h>
#include <sys/un.h>
static char b[100];
static int s[2];
static void polled(const char *when)
{
    struct pollfd p = { .fd = s[0], .events = POLLIN | POLLOUT | POLLRDHUP };
    MUST(poll(&p, 1, 0));
    printf("%s: poll %x\n", when, (unsigned)p.revents);
}
static void all(int type)
{
    MUST(socketpair(AF_UNIX, type, 0, s));
    polled("new");
    SHOW(send(s[1], "first", 5, 0));
    SHOW(send(s[1], "", 0, 0));
    SHOW(write(s[1], "third", 5));
    struct iovec v[2] = { { "fou", 3 }, { "rth", 3 } };
    SHOW(writev(s[1], v, 2));
    struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
    SHOW(sendmsg(s[1], &m, 0));
    int left = -1;
    MUST(ioctl(s[0], FIONREAD, &left));
    printf("left %d\n", left);
    polled("data");
    SHOW(read(s[0], b, 0));
    SHOW(recv(s[0], b, 2, MSG_PEEK));
    SHOW(recv(s[0], b, 2, MSG_PEEK | MSG_TRUNC));
    SHOW(recv(s[0], b, 100, 0));
    SHOW(recv(s[0], b, 100, 0));
    char one[2], two[9];
    struct iovec w[2] = { { one, 2 }, { two, 1 } };
    m = (struct msghdr){ .msg_iov = w, .msg_iovlen = 2, .msg_namelen = 3, .msg_controllen = 0 };
    SHOW(recvmsg(s[0], &m, 0));
    IS(m.msg_flags == MSG_TRUNC);
    printf("%.2s %.1s\n", one, two);
    w[1].iov_len = 9;
    SHOW(readv(s[0], w, 2));
    printf("%.2s %.4s\n", one, two);
    socklen_t n = 50;
    struct sockaddr_un a;
    SHOW(recvfrom(s[0], b, 100, 0, (struct sockaddr *)&a, &n));
    printf("name %u\n", n);
    SHOW(recv(s[0], b, 1, MSG_DONTWAIT));
    static char much[1 << 20];
    SHOW(send(s[0], much, sizeof much, 0));
    /* Full. */
    MUST(fcntl(s[0], F_SETFL, O_NONBLOCK));
    long k, count = 0;
    while ((k = write(s[0], much, 4000)) == 4000)
        count++;
    IS(k == -1 && errno == EAGAIN && count > 10);
    polled("full");
    for (k = 0; recv(s[1], much, sizeof much, MSG_DONTWAIT) == 4000; k++)
        ;
    IS(k == count);
    polled("empty");
    /* Shut down. */
    SHOW(shutdown(s[1], SHUT_RD));
    SHOW(send(s[0], "x", 1, 0));
    SHOW(recv(s[1], b, 1, 0));
    SHOW(recv(s[1], b, 1, MSG_DONTWAIT));
    polled("peer does not receive");
    SHOW(shutdown(s[0], SHUT_WR));
    SHOW(send(s[0], "x", 1, 0));
    polled("nor do we send");
    SHOW(recv(s[0], b, 1, MSG_DONTWAIT));
    close(s[0]);
    close(s[1]);
    /* Closed. */
    MUST(socketpair(AF_UNIX, type, 0, s));
    MUST(send(s[1], "last", 4, 0));
    close(s[1]);
    polled("closed");
    SHOW(recv(s[0], b, 100, MSG_DONTWAIT));
    SHOW(recv(s[0], b, 100, MSG_DONTWAIT));
    SHOW(send(s[0], "x", 1, 0));
    SHOW(send(s[0], "x", 1, 0));
    close(s[0]);
    MUST(socketpair(AF_UNIX, type, 0, s));
    MUST(send(s[0], "unread", 6, 0));
    close(s[1]);
    polled("closed over data");
    SHOW(send(s[0], "x", 1, 0));
    SHOW(send(s[0], "x", 1, 0));
    SHOW(recv(s[0], b, 100, MSG_DONTWAIT));
    close(s[0]);
}
int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    puts("datagrams");
    all(SOCK_DGRAM);
    puts("sequenced");
    all(SOCK_SEQPACKET);
    puts("raw");
    MUST(socketpair(AF_UNIX, SOCK_RAW, 0, s));
    int e = 0;
    socklen_t n = sizeof e;
    SHOW(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &e, &n));
    IS(e == SOCK_DGRAM);
    return 0;
}
