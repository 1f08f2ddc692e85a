/*
 * @timeout 60
 * Processes that spin, with all signals blocked, stopped, or in a storm of faults,
 * are ended by SIGKILL; those that wait are, too.
 */
#include "kit.h"
static void on_segv(int s) { (void)s; }
static void spin(int way)
{
    sigset_t all;
    sigfillset(&all);
    int p[2];
    char c;
    switch (way) {
    case 0:
        for (;;)
            ;
    case 1:
        sigprocmask(SIG_SETMASK, &all, NULL);
        for (;;)
            ;
    case 2:
        for (;;)
            getppid();
    case 3: /* the handler comes back to the fault, for ever */
        signal(SIGSEGV, on_segv);
        for (;;)
            *(volatile int *)16 = 1;
    case 4:
        for (;;)
            sched_yield();
    case 5:
        raise(SIGSTOP);
        break;
    case 6:
        MUST(pipe(p));
        read(p[0], &c, 1);
        break;
    case 7:
        sigprocmask(SIG_SETMASK, &all, NULL);
        msleep(1000000);
        break;
    case 8:
        if (fork() == 0)
            for (;;)
                pause();
        wait(NULL);
        break;
    case 9:
        for (;;)
            close(open("/dev/null", O_RDONLY));
    case 10:
        for (;;)
            munmap(mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), BLOCK);
    }
    _exit(0);
}
int main(void)
{
    enum { WAYS = 11 };
    pid_t pid[WAYS];
    char name[32];
    for (int i = 0; i < WAYS; i++)
        if ((pid[i] = kit_fork()) == 0)
            spin(i);
    msleep(300);
    for (int i = 0; i < WAYS; i++) {
        kill(pid[i], SIGKILL);
        sprintf(name, "way %d", i);
        reap(name, pid[i]);
    }
    /* Four at once, all spinning, killed as a group. */
    pid_t leader = 0;
    for (int i = 0; i < 4; i++) {
        pid_t k = kit_fork();
        if (k == 0) {
            setpgid(0, leader);
            spin(i);
        }
        if (!leader)
            leader = k;
        setpgid(k, leader);
    }
    msleep(50);
    SHOW(kill(-leader, SIGKILL));
    for (int i = 0; i < 4; i++) {
        int st;
        MUST(waitpid(-leader, &st, 0));
        show_status("member", st);
    }
    return 0;
}
