/* waitpid by process group. */
#include "kit.h"
int main(void)
{
    int st;
    pid_t a = kit_fork();
    if (a == 0) {
        setpgid(0, 0);
        _exit(1);
    }
    setpgid(a, a);
    pid_t b = kit_fork();
    if (b == 0)
        _exit(2);
    pid_t c = kit_fork();
    if (c == 0) {
        setpgid(0, a);
        _exit(3);
    }
    setpgid(c, a);
    int sum = 0;
    for (int i = 0; i < 2; i++) {
        MUST(waitpid(-a, &st, 0));
        sum += WEXITSTATUS(st);
    }
    SHOW(sum);
    SHOW(waitpid(-a, &st, 0));
    IS(waitpid(0, &st, 0) == b);
    show_status("b", st);
    SHOW(waitpid(0, &st, 0));
    return 0;
}
