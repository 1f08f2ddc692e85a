/* A pair of connected sockets: both ways, poll, shutdown, the end. */
#include "kit.h"
#include <sys/socket.h>
int main(void)
{
    int s[2];
    char b[16];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    SHOW(write(s[0], "abc", 3));
    SHOW(read(s[1], b, 16));
    SHOW(send(s[1], "defg", 4, 0));
    SHOW(recv(s[0], b, 2, 0));
    SHOW(recv(s[0], b, 16, MSG_PEEK));
    SHOW(recv(s[0], b, 16, 0));
    SHOW(recv(s[0], b, 16, MSG_DONTWAIT));
    pid_t pid = kit_fork();
    if (pid == 0) {
        ssize_t n = read(s[1], b, 16);
        b[0]++;
        MUST(write(s[1], b, n));
        _exit(0);
    }
    MUST(write(s[0], "x", 1));
    MUST(read(s[0], b, 1));
    printf("%c\n", b[0]);
    reap("child", pid);
    SHOW(shutdown(s[0], SHUT_WR));
    SHOW(read(s[1], b, 16));
    signal(SIGPIPE, SIG_IGN);
    SHOW(write(s[0], "x", 1));
    close(s[1]);
    SHOW(read(s[0], b, 16));
    return 0;
}
