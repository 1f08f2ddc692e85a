/*
 * @arg 8 @timeout 300
 * A ring of processes passes a real-time signal on with a counting value, while
 * interval timers interrupt all of them: no value is lost, none comes twice.
 */
#include "kit.h"
enum { ROUNDS = 200 };
static void tick(int s) { (void)s; }
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 3, bad = 0, st;
    pid_t *ring = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int *ready = (int *)(ring + n + 1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    for (int i = 0; i < n; i++) {
        pid_t pid = kit_fork();
        if (pid) {
            ring[i] = pid;
        } else {
            struct itimerval t = { { 0, 3000 }, { 0, 1000 } };
            signal(SIGALRM, tick);
            setitimer(ITIMER_REAL, &t, NULL);
            __atomic_fetch_add(ready, 1, __ATOMIC_SEQ_CST);
            while (__atomic_load_n(ready, __ATOMIC_SEQ_CST) < n + 1)
                sched_yield();
            for (int round = 0; round < ROUNDS; round++) {
                siginfo_t info;
                union sigval v;
                while (sigwaitinfo(&set, &info) < 0)
                    if (errno != EINTR)
                        _exit(1);
                if (info.si_value.sival_int != round * n + i)
                    _exit(2);
                v.sival_int = info.si_value.sival_int + 1;
                if ((i + 1 < n || round + 1 < ROUNDS) && sigqueue(ring[(i + 1) % n], SIGRTMIN, v) < 0)
                    _exit(3);
            }
            _exit(0);
        }
    }
    while (__atomic_load_n(ready, __ATOMIC_SEQ_CST) < n)
        sched_yield();
    __atomic_fetch_add(ready, 1, __ATOMIC_SEQ_CST);
    union sigval v = { .sival_int = 0 };
    MUST(sigqueue(ring[0], SIGRTMIN, v));
    for (int i = 0; i < n; i++) {
        MUST(wait(&st));
        bad += st != 0;
    }
    printf("signals: %d processes, %d rounds, %d bad\n", n, ROUNDS, bad);
    return bad;
}
