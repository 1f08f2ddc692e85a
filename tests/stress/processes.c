/*
 * @arg 1000 @timeout 300
 * A thousand processes alive at once, in a ring of groups; each answers when it is
 * asked, then all are ended.
 */
#include "kit.h"
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 100, answers = 0, wrong = 0;
    int ask[2], answer[2];
    pid_t *pid = calloc((size_t)n, sizeof *pid);
    MUST(pipe(ask));
    MUST(pipe(answer));
    for (int i = 0; i < n; i++) {
        if ((pid[i] = kit_fork()) == 0) {
            int question, own[16];
            close(ask[1]);
            close(answer[0]);
            for (int k = 0; k < 16; k++)
                own[k] = i; /* memory of its own */
            while (read(ask[0], &question, sizeof question) == sizeof question) {
                int reply[2] = { question, own[question % 16] == i };
                if (write(answer[1], reply, sizeof reply) != sizeof reply)
                    _exit(1);
            }
            _exit(0);
        }
    }
    close(ask[0]);
    close(answer[1]);
    char *asked = calloc((size_t)n * 2, 1);
    for (int i = 0; i < 2 * n; i++) {
        int reply[2];
        MUST(write(ask[1], &i, sizeof i));
        if (i % 8 == 7 || i == 2 * n - 1)
            for (int k = i - i % 8; k <= i; k++) {
                if (MUST(read(answer[0], reply, sizeof reply)) != sizeof reply || !reply[1] || asked[reply[0]]++)
                    wrong++;
                answers++;
            }
    }
    for (int i = 0; i < n; i += 2)
        kill(pid[i], SIGKILL);
    close(ask[1]); /* the others see the end of the pipe */
    int ended = 0, killed = 0, st;
    for (int i = 0; i < n; i++) {
        MUST(waitpid(pid[i], &st, 0));
        killed += WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL;
        ended += WIFEXITED(st) && !WEXITSTATUS(st);
    }
    printf("processes: %d answers, %d wrong, %d ended or killed\n", answers, wrong, ended + killed);
    return wrong || ended + killed != n;
}
