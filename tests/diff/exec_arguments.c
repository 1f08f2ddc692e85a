/* exec: arguments and environment come as given, also empty ones and none. */
#include "kit.h"
extern char **environ;
int main(int argc, char **argv)
{
    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            printf("%d [%s]\n", i, argv[i]);
        for (char **e = environ; *e; e++)
            printf("env %s\n", *e);
        return 0;
    }
    char *args[] = { "diffc", argv[0], "", "a b", "\xc3\xa4", "-", NULL };
    char *env[] = { "A=1", "EMPTY=", "no equals sign", NULL };
    char *none[] = { NULL };
    pid_t pid = kit_fork();
    if (pid == 0)
        _exit(execve("/tests/bin/diffc", args, env) ? 9 : 0);
    reap("with", pid);
    pid = kit_fork();
    if (pid == 0)
        _exit(execve("/tests/bin/diffc", args, none) ? 9 : 0);
    reap("without", pid);
    return 0;
}
