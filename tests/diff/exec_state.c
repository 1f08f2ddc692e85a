/* Over exec: what stays of a process (numbers, directory, mask, limits) and what goes. */
#include "kit.h"
int main(int argc, char **argv)
{
    if (argc > 1) {
        char b[200];
        struct rlimit r;
        IS(getpid() == atoi(argv[1]));
        IS(getppid() == atoi(argv[2]));
        printf("%s\n", getcwd(b, sizeof b));
        printf("%o\n", umask(0));
        getrlimit(RLIMIT_NOFILE, &r);
        printf("%ld\n", (long)r.rlim_cur);
        IS(getpgrp() == getpid());
        IS(access("/proc/self/exe", F_OK) == 0);
        ssize_t n = readlink("/proc/self/exe", b, sizeof b);
        printf("%.*s\n", (int)n, b);
        return 0;
    }
    char me[16], parent[16];
    struct rlimit r = { 77, 77 };
    MUST(mkdir("d", 0755));
    MUST(chdir("d"));
    umask(051);
    MUST(setrlimit(RLIMIT_NOFILE, &r));
    pid_t top = getpid();
    pid_t pid = kit_fork();
    if (pid == 0) {
        setpgid(0, 0);
        mmap(NULL, BLOCK, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        sprintf(me, "%d", getpid());
        sprintf(parent, "%d", top);
        execl("/tests/bin/diffc", "diffc", argv[0], me, parent, NULL);
        _exit(9);
    }
    reap("program", pid);
    return 0;
}
