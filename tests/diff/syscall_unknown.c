/* Numbers that are no system call: ENOSYS, and the process goes on. */
#include "kit.h"
int main(void)
{
    SHOW(syscall(460));
    SHOW(syscall(600));
    SHOW(syscall(9999));
    SHOW(syscall(-1));
    SHOW(syscall(1l << 40));
    SHOW(syscall(192 + 100000));
    return 0;
}
