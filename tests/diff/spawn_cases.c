/* posix_spawn: programs, file actions, attributes, errors. */
#include "kit.h"
#include <spawn.h>
extern char **environ;
int main(void)
{
    pid_t pid;
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    char *echo[] = { "busybox", "echo", "spawned", NULL };
    char *cat[] = { "busybox", "cat", NULL };
    SHOW(posix_spawn(&pid, "/bin/busybox", NULL, NULL, echo, environ));
    reap("echo", pid);
    put_file("in", "from a file\n");
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, "in", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&fa, 1, "out", O_WRONLY | O_CREAT, 0644);
    SHOW(posix_spawn(&pid, "/bin/busybox", &fa, NULL, cat, environ));
    reap("cat", pid);
    cat_file("out");
    posix_spawnattr_init(&at);
    posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&at, 0);
    SHOW(posix_spawn(&pid, "/bin/busybox", NULL, &at, echo, environ));
    reap("own group", pid);
    IS(posix_spawn(&pid, "/missing", NULL, NULL, echo, environ) == ENOENT);
    SHOW(waitpid(-1, NULL, 0));
    return 0;
}
