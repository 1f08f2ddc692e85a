/* A blocked read is interrupted (EINTR) or begun again (SA_RESTART). */
#include "kit.h"
static volatile int got;
static void h(int s)
{
    (void)s;
    got++;
}
static void try(int flags)
{
    int p[2];
    char c = 0;
    struct sigaction a = { .sa_handler = h, .sa_flags = flags };
    sigaction(SIGUSR1, &a, NULL);
    MUST(pipe(p));
    got = 0;
    pid_t pid = kit_fork();
    if (pid == 0) {
        msleep(50);
        kill(getppid(), SIGUSR1);
        msleep(50);
        MUST(write(p[1], "x", 1));
        _exit(0);
    }
    SHOW(read(p[0], &c, 1));
    printf("got %d, %c\n", got, c ? c : '-');
    int st;
    while (waitpid(pid, &st, 0) < 0)
        printf("waitpid %s\n", ename(errno));
    close(p[0]);
    close(p[1]);
}
int main(void)
{
    try(0);
    try(SA_RESTART);
    /* Some calls are never begun again. */
    struct timespec t = { 0, 100000000 }, left = { 9, 9 };
    struct itimerval i = { .it_value = { 0, 30000 } };
    signal(SIGALRM, h);
    setitimer(ITIMER_REAL, &i, NULL);
    SHOW(nanosleep(&t, &left));
    IS(left.tv_sec == 0 && left.tv_nsec > 10000000 && left.tv_nsec < 100000000);
    setitimer(ITIMER_REAL, &i, NULL);
    SHOW(poll(NULL, 0, 200));
    setitimer(ITIMER_REAL, &i, NULL);
    SHOW(pause());
    setitimer(ITIMER_REAL, &i, NULL);
    pid_t pid = kit_fork();
    if (pid == 0) {
        msleep(100);
        _exit(3);
    }
    int st;
    SHOW(waitpid(pid, &st, 0) == pid); /* signal() set SA_RESTART */
    return 0;
}
