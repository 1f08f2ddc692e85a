/*
 * On which CPUs a process runs: it is where it asked to be, its children are too, and over exec; another process can
 * say so as well. On a machine of one CPU this is little.
 */
#include "kit.h"
#include <sched.h>
static int cpus;
static int now(void)
{
    unsigned cpu = 999;
    syscall(SYS_getcpu, &cpu, NULL, NULL);
    return cpu;
}
static int only(pid_t pid, int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(pid, sizeof set, &set);
}
static int is_only(pid_t pid, int cpu)
{
    cpu_set_t set;
    return sched_getaffinity(pid, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set);
}
/* A child waits in a read, or spins, until its parent has moved it. */
static int moved(int cpu, int spins)
{
    int go[2], status;
    char c;
    MUST(pipe(go));
    pid_t child = MUST(fork());
    if (child == 0) {
        close(go[1]);
        if (spins)
            while (!is_only(0, cpu))
                ;
        else
            read(go[0], &c, 1);
        _exit(now() == cpu && is_only(0, cpu) ? 0 : 1);
    }
    close(go[0]);
    int good = only(child, cpu) == 0 && is_only(child, cpu);
    close(go[1]);
    MUST(waitpid(child, &status, 0));
    return good && status == 0;
}
int main(int argc, char **argv)
{
    cpu_set_t all, none;
    int status, good = 1;
    double kept = 1.25;
    MUST(sched_getaffinity(0, sizeof all, &all));
    cpus = CPU_COUNT(&all);
    if (argc > 1)
        return !is_only(0, atoi(argv[1])) || now() != atoi(argv[1]);
    for (int i = 0; i < 3 * cpus; i++) {
        kept *= 2;
        good &= only(0, i % cpus) == 0 && now() == i % cpus && is_only(0, i % cpus);
    }
    IS(good);
    IS(kept == 1.25 * (1l << (3 * cpus)));
    for (int i = 0; i < cpus; i++) {
        MUST(only(0, i));
        pid_t child = MUST(fork());
        if (child == 0)
            _exit(now() != i || !is_only(0, i));
        MUST(waitpid(child, &status, 0));
        good &= status == 0;
        if ((child = MUST(fork())) == 0) {
            char number[12];
            snprintf(number, sizeof number, "%d", i);
            execl("/proc/self/exe", argv[0], "affinity", number, NULL);
            _exit(9);
        }
        MUST(waitpid(child, &status, 0));
        good &= status == 0;
    }
    IS(good);
    MUST(sched_setaffinity(0, sizeof all, &all));
    for (int i = 0; i < cpus; i++)
        good &= moved(i, 0) && moved(i, 1);
    IS(good);
    CPU_ZERO(&none);
    SHOW(sched_setaffinity(0, sizeof none, &none));
    SHOW(only(0, 1000));
    SHOW(only(-1, 0));
    SHOW(only(999999, 0));
    SHOW(sched_getaffinity(999999, sizeof all, &all));
    SHOW(syscall(SYS_sched_getaffinity, 0, 4, &all));
    SHOW(syscall(SYS_sched_setaffinity, 0, 8, NULL));
    pid_t other = MUST(fork());
    if (other == 0) {
        MUST(setuid(1000));
        SHOW(only(getppid(), 0));
        SHOW(only(0, 0));
        fflush(stdout);
        _exit(0);
    }
    MUST(waitpid(other, &status, 0));
    return 0;
}
