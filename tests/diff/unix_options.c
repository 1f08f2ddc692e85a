/* Options and names of local sockets. */
#include "kit.h"
#include <sys/socket.h>
#include <sys/un.h>
static int s[2];
static void get(const char *name, int option)
{
    int v = -5;
    socklen_t n = sizeof v;
    errno = 0;
    int r = getsockopt(s[0], SOL_SOCKET, option, &v, &n);
    printf("%s: %d %s %d %u\n", name, r, ename(errno), r ? 0 : v, n);
}
#define GET(o) get(#o, o)
int main(void)
{
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
    GET(SO_TYPE);
    GET(SO_DOMAIN);
    GET(SO_PROTOCOL);
    GET(SO_ERROR);
    GET(SO_ACCEPTCONN);
    GET(SO_SNDBUF);
    GET(SO_RCVBUF);
    GET(SO_REUSEADDR);
    GET(4711);
    GET(-1);
    int v = 1000, one = 1;
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof v));
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_RCVBUF, &v, sizeof v));
    GET(SO_SNDBUF);
    GET(SO_RCVBUF);
    v = 20000;
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof v));
    GET(SO_SNDBUF);
    v = INT_MAX;
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_RCVBUF, &v, sizeof v));
    GET(SO_RCVBUF);
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    GET(SO_REUSEADDR);
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one));
    GET(SO_KEEPALIVE);
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_KEEPALIVE, &one, 3));
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_TYPE, &one, sizeof one));
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_ERROR, &one, sizeof one));
    SHOW(setsockopt(s[0], SOL_SOCKET, 4711, &one, sizeof one));
    SHOW(setsockopt(s[0], 6, 1, &one, sizeof one));
    struct ucred who;
    socklen_t n = sizeof who;
    SHOW(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &who, &n));
    IS(who.pid == getpid() && who.uid == geteuid() && who.gid == getegid() && n == sizeof who);
    n = 6;
    SHOW(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &who, &n));
    IS(n == 6);
    n = -1;
    SHOW(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, &n));
    n = 0;
    SHOW(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, &n));
    struct sockaddr_un a;
    n = sizeof a;
    SHOW(getsockname(s[0], (struct sockaddr *)&a, &n));
    IS(n == 2 && a.sun_family == AF_UNIX);
    n = 1;
    SHOW(getpeername(s[0], (struct sockaddr *)&a, &n));
    IS(n == 2);
    n = -3;
    SHOW(getpeername(s[0], (struct sockaddr *)&a, &n));
    int p[2];
    MUST(pipe(p));
    SHOW(getsockname(p[0], (struct sockaddr *)&a, &n));
    SHOW(send(p[1], "x", 1, 0));
    SHOW(shutdown(0, 0));
    char link[64], text[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", s[0]);
    IS(readlink(link, text, sizeof text) > 8 && memcmp(text, "socket:[", 8) == 0);
    return 0;
}
