/* close_range: a range closed, or marked to be closed on exec. */
#include "kit.h"
int main(void)
{
    for (int i = 0; i < 6; i++)
        MUST(open("/dev/null", O_RDONLY));
    SHOW(syscall(SYS_close_range, 4, 6, 0));
    for (int i = 2; i < 9; i++)
        printf("%d: %s\n", i, fcntl(i, F_GETFD) < 0 ? ename(errno) : "open");
    SHOW(syscall(SYS_close_range, 7, ~0u, 4)); /* CLOSE_RANGE_CLOEXEC */
    SHOW(fcntl(7, F_GETFD));
    SHOW(fcntl(3, F_GETFD));
    SHOW(syscall(SYS_close_range, 5, 3, 0));
    SHOW(syscall(SYS_close_range, 0, 1, 0x100));
    return 0;
}
