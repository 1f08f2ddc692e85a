/*
 * @timeout 300
 * One process takes all the memory that it can get.  It is refused or ended; a
 * neighbour that works all the time goes on, and afterwards there is memory again.
 */
#include "kit.h"
int main(void)
{
    int p[2];
    MUST(pipe(p));
    pid_t neighbour = kit_fork();
    if (neighbour == 0) {
        for (long n = 0;; n++) {
            char *m = mmap(NULL, 4 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (m == MAP_FAILED)
                _exit(1);
            memset(m, 1, 4 * BLOCK);
            munmap(m, 4 * BLOCK);
            char c;
            struct pollfd f = { .fd = p[0], .events = POLLIN };
            if (poll(&f, 1, 5) == 1 && read(p[0], &c, 1) == 1)
                _exit(n > 0 ? 0 : 2);
        }
    }
    for (int round = 0; round < 2; round++) {
        pid_t hog = kit_fork();
        if (hog == 0) {
            int fd = open("/proc/self/oom_score_adj", O_WRONLY);
            if (fd >= 0)
                write(fd, "1000", 4);
            for (;;) {
                char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (m == MAP_FAILED)
                    _exit(0);
                for (int i = 0; i < 1 << 20; i += 4096)
                    m[i] = 1;
            }
        }
        int st;
        MUST(waitpid(hog, &st, 0));
        printf("the hog is %s\n", WIFEXITED(st) || WTERMSIG(st) == SIGKILL || WTERMSIG(st) == SIGSEGV || WTERMSIG(st) == SIGBUS
                ? "stopped" : "?");
    }
    MUST(write(p[1], "x", 1));
    reap("neighbour", neighbour);
    char *m = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    IS(m != MAP_FAILED);
    memset(m, 1, 64 << 20);
    IS(m[(64 << 20) - 1] == 1);
    return 0;
}
