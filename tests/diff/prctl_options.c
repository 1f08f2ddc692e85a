/* prctl: what is set is what is got, what is inherited, and what it leads to. */
#include "kit.h"
#include <sys/prctl.h>
static void *named(void *x)
{
    char n[17] = "";
    (void)x;
    MUST(prctl(PR_GET_NAME, n));
    IS(strcmp(n, "first") == 0); /* from who made the thread */
    MUST(prctl(PR_SET_NAME, "second"));
    MUST(prctl(PR_GET_NAME, n));
    printf("thread %s\n", n);
    return NULL;
}
static void show(const char *who)
{
    int reaper = -1, death = -1;
    MUST(prctl(PR_GET_CHILD_SUBREAPER, &reaper));
    MUST(prctl(PR_GET_PDEATHSIG, &death));
    printf("%s: dumpable %d, reaper %d, death signal %d, no new privileges %d\n", who, prctl(PR_GET_DUMPABLE), reaper,
        death, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    fflush(stdout);
}
/* The owner of a process's files in /proc is root if nobody else may look into it. */
static int owner(pid_t pid)
{
    char path[40];
    struct stat s;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    MUST(stat(path, &s));
    return s.st_uid;
}
int main(void)
{
    pthread_t t;
    char n[17] = "";
    int status;
    show("at first");
    SHOW(prctl(PR_SET_DUMPABLE, 2));
    SHOW(prctl(PR_SET_DUMPABLE, 0));
    SHOW(prctl(PR_SET_PDEATHSIG, 65));
    SHOW(prctl(PR_SET_PDEATHSIG, -1));
    SHOW(prctl(PR_SET_PDEATHSIG, SIGUSR1));
    SHOW(prctl(PR_SET_CHILD_SUBREAPER, 7));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1));
    SHOW(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    show("then");
    pid_t child = kit_fork();
    if (child == 0) {
        show("child");
        _exit(0);
    }
    reap("child", child);
    SHOW(prctl(PR_GET_PDEATHSIG, 8));
    SHOW(prctl(PR_GET_CHILD_SUBREAPER, 8));
    SHOW(prctl(PR_GET_SECCOMP));
    SHOW(prctl(PR_CAPBSET_READ, 0));
    SHOW(prctl(PR_CAPBSET_READ, 1000));
    /* An orphan comes to the subreaper. */
    int up[2];
    char c;
    MUST(pipe(up));
    child = kit_fork();
    if (child == 0) {
        if (kit_fork() == 0) {
            close(up[1]);
            read(up[0], &c, 1);
            _exit(5);
        }
        _exit(0);
    }
    reap("its parent", child);
    close(up[1]);
    close(up[0]);
    IS(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 5);
    child = kit_fork();
    if (child == 0) {
        MUST(setuid(1000));
        printf("after setuid: dumpable %d, owner %d\n", prctl(PR_GET_DUMPABLE), owner(getpid()));
        MUST(prctl(PR_SET_DUMPABLE, 1));
        printf("after all: dumpable %d, owner %d\n", prctl(PR_GET_DUMPABLE), owner(getpid()));
        fflush(stdout);
        _exit(0);
    }
    reap("another user", child);
    MUST(prctl(PR_SET_NAME, "first"));
    pthread_create(&t, NULL, named, NULL);
    pthread_join(t, NULL);
    MUST(prctl(PR_GET_NAME, n));
    printf("process %s\n", n);
    return 0;
}
