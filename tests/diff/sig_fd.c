/* signalfd: signals read from a descriptor. */
#include "kit.h"
#include <sys/signalfd.h>
int main(void)
{
    sigset_t set;
    struct signalfd_siginfo i;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    int fd = MUST(signalfd(-1, &set, SFD_NONBLOCK));
    SHOW(read(fd, &i, sizeof i));
    raise(SIGUSR1);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    SHOW(poll(&p, 1, 0));
    SHOW(read(fd, &i, sizeof i));
    IS(i.ssi_signo == SIGUSR1 && i.ssi_pid == (uint32_t)getpid());
    SHOW(read(fd, &i, 10));
    return 0;
}
