/*
 * Descriptors that are none, given to the calls for sockets: EBADF.
 */
#include "kit.h"
#include <sys/socket.h>
#define EACH(call) \
    do { \
        static const int bad[] = { -1, -2, 9, 1023, 1 << 20, INT_MAX, INT_MIN, INT_MIN + 1 }; \
        int other = 0; \
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) { \
            int fd = bad[k]; \
            errno = 0; \
            long r = (long)(call); \
            if (r != -1 || errno != EBADF) { \
                printf("%s with %d: %ld %s\n", #call, fd, r, ename(errno)); \
                other = 1; \
            } \
        } \
        if (!other) \
            printf("%s: EBADF\n", #call); \
        fflush(stdout); \
    } while (0)
int main(void)
{
    static char b[64];
    struct sockaddr a = { .sa_family = AF_UNIX };
    socklen_t n = sizeof a;
    EACH(send(fd, b, 1, 0));
    EACH(recv(fd, b, 1, 0));
    EACH(shutdown(fd, SHUT_RD));
    EACH(listen(fd, 1));
    EACH(bind(fd, &a, n));
    EACH(connect(fd, &a, n));
    EACH(accept(fd, NULL, NULL));
    EACH(getsockname(fd, &a, &n));
    EACH(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, b, 4));
    return 0;
}
