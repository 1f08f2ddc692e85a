/*
 * @timeout 60
 * Stacks that run out: of a process, of a thread, of a handler without an alternate
 * stack, of a handler on a small alternate stack, of nested faults.
 */
#include "kit.h"
static long endless(long n)
{
    volatile char room[8192];
    room[0] = (char)n;
    return endless(n + 1) + room[0];
}
static __attribute__((noinline)) int too_big(void)
{
    volatile char room[64 << 20];
    room[0] = 1;
    return room[0];
}
static void *in_thread(void *x) { return (void *)endless((long)x); }
static void h(int s) { endless(s); }
static void refault(int s)
{
    (void)s;
    *(volatile int *)16 = 1;
}
int main(void)
{
    const char *names[] = { "process", "thread", "handler", "small stack", "fault in a fault", "small limit", "frame too big" };
    for (int way = 0; way < 7; way++) {
        pid_t pid = kit_fork();
        if (pid == 0) {
            struct sigaction a = { .sa_handler = h, .sa_flags = SA_ONSTACK };
            stack_t s = { .ss_size = BLOCK, .ss_sp = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) };
            struct rlimit r = { 256 << 10, 256 << 10 };
            pthread_t t;
            switch (way) {
            case 0: endless(0); break;
            case 1:
                pthread_create(&t, NULL, in_thread, NULL);
                pthread_join(t, NULL);
                break;
            case 2:
                a.sa_flags = 0;
                sigaction(SIGSEGV, &a, NULL);
                endless(0);
                break;
            case 3:
                sigaltstack(&s, NULL);
                sigaction(SIGSEGV, &a, NULL);
                endless(0);
                break;
            case 4:
                a.sa_handler = refault;
                a.sa_flags = SA_NODEFER;
                sigaction(SIGSEGV, &a, NULL);
                refault(0);
                break;
            case 5:
                setrlimit(RLIMIT_STACK, &r);
                endless(0);
                break;
            case 6: _exit(too_big());
            }
            _exit(0);
        }
        reap(names[way], pid);
    }
    return 0;
}
