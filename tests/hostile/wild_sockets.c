/*
 * @timeout 60
 * Calls on sockets with pointers that lead nowhere, lengths that are none, and vectors that lie. What could not be
 * delivered is not lost.
 */
#include "kit.h"
#include <sys/socket.h>
static char *none;
static void *wild(int kind)
{
    const unsigned long at[] = { 0, 1, (unsigned long)none, 0xc000000000000000ul, 0xfffffffffffffff8ul, 0x3ff000000000ul,
        0xfffffffffffffffful };
    return (void *)at[kind];
}
#define EACH(call) \
    do { \
        int other = 0; \
        for (int k = 0; k < 7; k++) { \
            void *p = wild(k); \
            errno = 0; \
            long r = (long)(call); \
            if (r != -1 || errno != EFAULT) { \
                printf("%s %d: %ld %s\n", #call, k, r, ename(errno)); \
                other = 1; \
            } \
        } \
        if (!other) \
            printf("%s: EFAULT\n", #call); \
        fflush(stdout); \
    } while (0)
int main(void)
{
    static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
    none = mmap(NULL, BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EACH(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, p));
    for (int t = 0; t < 3; t++) {
        int s[2], left = 0, v = 0;
        socklen_t n = sizeof v;
        char b[16];
        MUST(socketpair(AF_UNIX, types[t], 0, s));
        printf("type %d\n", types[t]);
        EACH(syscall(SYS_write, s[1], p, 3));
        EACH(syscall(SYS_sendto, s[1], p, 3, 0, NULL, 0));
        EACH(syscall(SYS_sendmsg, s[1], p, 0));
        struct iovec w[2] = { { "ok", 2 }, { NULL, 3 } };
        EACH((w[1].iov_base = p, syscall(SYS_writev, s[1], w, 2)));
        MUST(write(s[1], "abc", 3));
        EACH(syscall(SYS_recvmsg, s[0], p, MSG_DONTWAIT));
        EACH(syscall(SYS_getsockname, s[0], p, p));
        EACH(syscall(SYS_getsockopt, s[0], SOL_SOCKET, SO_TYPE, p, p));
        EACH(syscall(SYS_getsockopt, s[0], SOL_SOCKET, SO_TYPE, &v, p));
        EACH(syscall(SYS_setsockopt, s[0], SOL_SOCKET, SO_SNDBUF, p, 4));
        SHOW(syscall(SYS_setsockopt, s[0], SOL_SOCKET, SO_SNDBUF, &v, -1));
        SHOW(syscall(SYS_getsockopt, s[0], 4711, SO_TYPE, &v, &n));
        struct msghdr m = { .msg_iov = w, .msg_iovlen = 1025 };
        SHOW(sendmsg(s[1], &m, 0));
        SHOW(recvmsg(s[0], &m, MSG_DONTWAIT));
        m.msg_iovlen = -1;
        SHOW(sendmsg(s[1], &m, 0));
        w[0].iov_len = -1;
        m.msg_iovlen = 1;
        SHOW(sendmsg(s[1], &m, 0));
        MUST(ioctl(s[0], FIONREAD, &left));
        IS(left == 3);
        SHOW(recv(s[0], b, sizeof b, MSG_DONTWAIT));
        close(s[0]);
        close(s[1]);
    }
    /* As many as there are descriptors, each with something unread. */
    int count = 0, s[2];
    while (socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0) {
        MUST(write(s[0], s, sizeof s));
        count++;
    }
    printf("%s\n", ename(errno));
    IS(count > 400);
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    return 0;
}
