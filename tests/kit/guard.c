/*
 * guard - run one guest test case and frame its result on standard output.
 *
 *     guard SECONDS DIR NAME PROGRAM [ARGUMENT...]
 *
 * The case runs in the (empty) directory DIR as the leader of a session of its
 * own, with standard input from /dev/null, a small fixed environment, umask 022
 * and its two outputs in files, so that nothing of the runner leaks into it.
 * When it has ended, or has been killed because SECONDS went by, guard prints
 *
 *     @@@ begin NAME
 *     1|a line of its standard output
 *     2|a line of its standard error
 *     @@@ end NAME exit 0
 *
 * A line that did not end in a newline is followed by a line "1\" (or "2\").
 * The last word pair is "exit N", "signal N" or "timeout S".  A byte that a
 * console could change (a control character other than tab) is
 * written \xNN, and "\" as "\\": the frame is text whatever the case printed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHOWN = 65536 }; /* bytes of one output that are shown */

static volatile sig_atomic_t timed_out;

static void on_alarm(int signo)
{
    (void)signo;
    timed_out = 1;
}

static void die(const char *what)
{
    fprintf(stderr, "guard: %s: %s\n", what, strerror(errno));
    _exit(125);
}

/* Shows the file PATH, each line led by "TAG|". */
static void show(char tag, const char *path)
{
    int at_start = 1, c;
    long left = SHOWN;
    FILE *f = fopen(path, "r");
    if (!f) {
        printf("%c|guard: %s: %s\n", tag, path, strerror(errno));
        return;
    }
    while (left-- > 0 && (c = getc(f)) != EOF) {
        if (at_start)
            printf("%c|", tag);
        at_start = c == '\n';
        if (c == '\n' || c == '\t' || (c >= ' ' && c != '\\' && c != 127))
            putchar(c);
        else if (c == '\\')
            printf("\\\\");
        else
            printf("\\x%02x", c);
    }
    if (!at_start)
        printf("\n%c\\\n", tag);
    if (left < 0)
        printf("%c|guard: more than %d bytes\n", tag, SHOWN);
    fclose(f);
}

static void redirect(int fd, const char *path, int flags)
{
    int f = open(path, flags, 0600);
    if (f < 0)
        die(path);
    if (f != fd) {
        dup2(f, fd);
        close(f);
    }
}

static void run(char **argv, const char *dir, const char *out, const char *err)
{
    static char *environment[] = {
        "PATH=/tests/bin:/sbin:/usr/sbin:/bin:/usr/bin", "HOME=/", "TERM=dumb", "LC_ALL=C", "TZ=UTC0", NULL,
    };
    sigset_t none;
    int s;

    for (s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    umask(022);
    if (chdir(dir) < 0)
        die(dir);
    redirect(0, "/dev/null", O_RDONLY);
    redirect(1, out, O_WRONLY | O_CREAT | O_TRUNC);
    redirect(2, err, O_WRONLY | O_CREAT | O_TRUNC);
    execve(argv[0], argv, environment);
    die(argv[0]);
}

int main(int argc, char **argv)
{
    char out[256], err[256];
    struct sigaction act = { .sa_handler = on_alarm }; /* no SA_RESTART: the wait must end */
    int status = 0;
    pid_t pid;

    if (argc < 5) {
        fprintf(stderr, "usage: guard SECONDS DIR NAME PROGRAM [ARGUMENT...]\n");
        return 125;
    }
    snprintf(out, sizeof out, "%s.1", argv[2]);
    snprintf(err, sizeof err, "%s.2", argv[2]);
    printf("@@@ begin %s\n", argv[3]);
    fflush(stdout);

    sigaction(SIGALRM, &act, NULL);
    pid = fork();
    if (pid < 0) {
        printf("2|guard: fork: %s\n@@@ end %s exit 125\n", strerror(errno), argv[3]);
        return 125;
    }
    if (pid == 0)
        run(argv + 4, argv[2], out, err);

    alarm((unsigned)atoi(argv[1]));
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            die("waitpid");
        if (timed_out) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
        }
    }
    alarm(0);
    kill(-pid, SIGKILL); /* what the case left running in the background */

    show('1', out);
    show('2', err);
    unlink(out);
    unlink(err);
    if (timed_out)
        printf("@@@ end %s timeout %s\n", argv[3], argv[1]);
    else if (WIFSIGNALED(status))
        printf("@@@ end %s signal %d\n", argv[3], WTERMSIG(status));
    else
        printf("@@@ end %s exit %d\n", argv[3], WEXITSTATUS(status));
    return 0;
}
