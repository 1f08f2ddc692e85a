/*
 * @arg 500 @timeout 300
 * Free memory before and after a thousand processes, mappings, files and pipes: what
 * was taken comes back.
 */
#include "kit.h"
static long free_kb(void)
{
    char line[128];
    long kb = -1;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemFree: %ld", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb;
}
static void churn(long n)
{
    for (long i = 0; i < n; i++) {
        int p[2], st;
        char *m = mmap(NULL, 8 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(m, 1, 8 * BLOCK);
        MUST(pipe(p));
        MUST(write(p[1], m, 8192));
        int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
        MUST(write(fd, m, BLOCK));
        pid_t pid = MUST(fork());
        if (pid == 0) {
            m[0] = 2;
            if (i % 4 == 0)
                kill(getpid(), SIGKILL);
            _exit(0);
        }
        MUST(waitpid(pid, &st, 0));
        munmap(m, 8 * BLOCK);
        close(p[0]);
        close(p[1]);
        close(fd);
        MUST(unlink("f"));
    }
}
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 50;
    churn(n / 5 + 5); /* caches fill */
    long before = free_kb();
    churn(n);
    long after = free_kb();
    printf("leaks: %ld rounds, %s\n", n, before < 0 ? "no figures" : before - after < 4096 ? "memory came back" : "memory lost");
    if (before - after >= 4096)
        printf("%ld KiB\n", before - after);
    return before < 0 || before - after >= 4096;
}
