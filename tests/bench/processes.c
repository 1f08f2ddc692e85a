/* Rows of making processes. */
#include "bench.h"
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void reap(pid_t child)
{
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        fail("the child's status");
}

static void fork_exit(long n)
{
    while (n--) {
        pid_t child = MUST(fork());
        if (child == 0)
            _exit(0);
        reap(child);
    }
}

static void fork_exec(long n)
{
    while (n--) {
        pid_t child = MUST(fork());
        if (child == 0) {
            execl(tiny_path, tiny_path, (char *)NULL);
            _exit(127);
        }
        reap(child);
    }
}

static void spawn(long n)
{
    char *arguments[] = { (char *)tiny_path, NULL };
    while (n--) {
        pid_t child;
        if (posix_spawn(&child, tiny_path, NULL, NULL, arguments, environ) != 0)
            fail("posix_spawn");
        reap(child);
    }
}

const struct row process_rows[] = {
    { "fork_exit_wait", 300, NULL, fork_exit, NULL },
    { "fork_exec_wait", 200, NULL, fork_exec, NULL },
    { "spawn_exec_wait", 200, NULL, spawn, NULL },
    { NULL },
};
