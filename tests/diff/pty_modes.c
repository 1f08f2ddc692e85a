/* termios: raw mode, no echo, VMIN and VTIME, output translation. */
#include "kit.h"
#include <pty.h>
int main(void)
{
    int m, s;
    char b[100];
    struct termios t, was;
    MUST(openpty(&m, &s, NULL, NULL, NULL));
    SHOW(tcgetattr(s, &was));
    IS((was.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
    IS(was.c_cc[VINTR] == 3 && was.c_cc[VEOF] == 4 && was.c_cc[VERASE] == 127 && was.c_cc[VSUSP] == 26);
    t = was;
    t.c_lflag &= ~ECHO;
    SHOW(tcsetattr(s, TCSANOW, &t));
    MUST(write(m, "secret\n", 7));
    SHOW(read(s, b, sizeof b));
    struct pollfd p = { .fd = m, .events = POLLIN };
    SHOW(poll(&p, 1, 10));
    cfmakeraw(&t);
    SHOW(tcsetattr(s, TCSADRAIN, &t));
    MUST(write(m, "a\x03\x04\r", 4));
    SHOW(read(s, b, sizeof b));
    IS(!memcmp(b, "a\x03\x04\r", 4));
    MUST(write(s, "x\n", 2));
    SHOW(read(m, b, sizeof b));
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 1;
    SHOW(tcsetattr(s, TCSANOW, &t));
    SHOW(read(s, b, sizeof b));
    t.c_cc[VMIN] = 3;
    t.c_cc[VTIME] = 0;
    SHOW(tcsetattr(s, TCSANOW, &t));
    pid_t pid = kit_fork();
    if (pid == 0) {
        for (int i = 0; i < 3; i++) {
            msleep(5);
            MUST(write(m, "z", 1));
        }
        _exit(0);
    }
    SHOW(read(s, b, sizeof b));
    reap("typist", pid);
    SHOW(tcsetattr(s, TCSAFLUSH, &was));
    MUST(write(m, "thrown away", 11));
    SHOW(tcflush(s, TCIFLUSH));
    MUST(write(m, "kept\n", 5));
    SHOW(read(s, b, sizeof b));
    int n;
    MUST(write(m, "12345\n", 6));
    p.fd = s;
    SHOW(poll(&p, 1, 1000));
    SHOW(ioctl(s, FIONREAD, &n));
    SHOW(n);
    return 0;
}
