/*
 * @arg 3 @timeout 300
 * Memory exhaustion, several times over: each round a process takes all that it can
 * get and is refused or ended.  Every round gets as much as the first, within a few
 * per cent: nothing is lost on the way.
 */
#include "kit.h"
int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 1, uneven = 0;
    long first = 0;
    volatile long *got = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < rounds; i++) {
        int st;
        *got = 0;
        pid_t pid = kit_fork();
        if (pid == 0) {
            int fd = open("/proc/self/oom_score_adj", O_WRONLY);
            if (fd >= 0)
                write(fd, "1000", 4);
            for (;;) {
                char *m = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (m == MAP_FAILED)
                    _exit(0);
                for (int k = 0; k < 4 << 20; k += 4096)
                    m[k] = 1;
                ++*got;
            }
        }
        MUST(waitpid(pid, &st, 0));
        if (!first)
            first = *got;
        uneven += labs(*got - first) > first / 20 + 2;
    }
    printf("memory: %d rounds, %d uneven, %s\n", rounds, uneven, first > 8 ? "plenty" : "too little");
    return uneven;
}
