/* A signal to a group reaches every member and no other. */
#include "kit.h"
int main(void)
{
    pid_t in[3], out;
    int ready[2];
    char c;
    MUST(pipe(ready));
    for (int i = 0; i < 3; i++) {
        if ((in[i] = kit_fork()) == 0) {
            setpgid(0, i ? in[0] : 0);
            MUST(write(ready[1], "x", 1));
            for (;;)
                pause();
        }
        MUST(read(ready[0], &c, 1));
    }
    if ((out = kit_fork()) == 0)
        for (;;)
            pause();
    SHOW(kill(-in[0], SIGTERM));
    for (int i = 0; i < 3; i++)
        reap("member", in[i]);
    int st;
    SHOW(waitpid(out, &st, WNOHANG));
    kill(out, SIGKILL);
    reap("other", out);
    SHOW(kill(-in[0], SIGTERM));
    /* kill(0, ...) goes to the own group. */
    pid_t pid = kit_fork();
    if (pid == 0) {
        setpgid(0, 0);
        for (int i = 0; i < 2; i++)
            if (!fork())
                for (;;)
                    pause();
        kill(0, SIGUSR1);
        for (;;)
            pause();
    }
    reap("leader", pid);
    return 0;
}
