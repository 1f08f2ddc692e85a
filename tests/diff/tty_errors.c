/* Terminal calls on what is no terminal, and without one. */
#include "kit.h"
int main(void)
{
    struct termios t;
    struct winsize w;
    int p[2];
    MUST(pipe(p));
    put_file("f", "");
    int f = MUST(open("f", O_RDWR));
    SHOW(tcgetattr(p[0], &t));
    SHOW(tcgetattr(f, &t));
    SHOW(ioctl(f, TIOCGWINSZ, &w));
    SHOW(isatty(f));
    SHOW(tcgetpgrp(f));
    SHOW(tcsetpgrp(f, getpgrp()));
    SHOW(tcgetattr(999, &t));
    SHOW(open("/dev/tty", O_RDWR));
    SHOW(open("/dev/pts/9999", O_RDWR));
    int m = MUST(posix_openpt(O_RDWR | O_NOCTTY));
    SHOW(syscall(SYS_ioctl, m, 0x402c7413, 8)); /* TCGETS itself: the C library has its own struct */
    SHOW(tcgetpgrp(m));
    SHOW(ioctl(m, 0x12345678, 0));
    return 0;
}
