/*
 * @timeout 60
 * rt_sigreturn without a signal, and with a frame that asks for privilege, for
 * another byte order, for a kernel address: no more than the process ends.
 */
#include "kit.h"
#include <ucontext.h>
static int way;
static volatile int back;
enum { NIP = 32, MSR = 33 };
static void h(int s, siginfo_t *i, void *u)
{
    ucontext_t *c = u;
    unsigned long *r = c->uc_mcontext.gp_regs;
    (void)s;
    (void)i;
    switch (way) {
    case 0: r[MSR] &= ~(1ul << 14); break;               /* PR off: supervisor */
    case 1: r[MSR] |= 1ul << 60; break;                  /* HV */
    case 2: r[MSR] &= ~(1ul << 15); break;               /* EE off: no interrupts */
    case 3: r[MSR] &= ~(3ul << 4); break;                /* IR, DR off: real addresses */
    case 4: r[MSR] = 0; break;
    case 5: r[NIP] = 0xc000000000000000ul; break;
    case 6: r[NIP] = 0x3ff000000000ul; break;
    case 7: r[1] = 0xc000000000000000ul; break;
    case 8: sigfillset(&c->uc_sigmask); break;
    }
}
int main(void)
{
    struct sigaction a = { .sa_sigaction = h, .sa_flags = SA_SIGINFO };
    pid_t pid = kit_fork();
    if (pid == 0) {
        syscall(SYS_rt_sigreturn);
        _exit(0);
    }
    reap("no frame", pid);
    pid = kit_fork();
    if (pid == 0) {
        register long r0 __asm__("r0") = SYS_rt_sigreturn;
        register unsigned long r9 __asm__("r9") = 0xc000000000000000ul;
        __asm__ volatile("mr 1,9; sc" ::"r"(r0), "r"(r9) : "memory");
        _exit(0);
    }
    reap("kernel stack", pid);
    sigaction(SIGUSR1, &a, NULL);
    const char *names[] = { "supervisor", "hypervisor", "interrupts off", "real mode", "nothing set", "to the kernel",
        "to the library", "kernel stack after", "all blocked" };
    for (way = 0; way < 9; way++) {
        int st;
        pid = kit_fork();
        if (pid == 0) {
            raise(SIGUSR1);
            /* Still a user's process: a privileged instruction does not work. */
            signal(SIGILL, SIG_DFL);
            sigset_t none;
            sigemptyset(&none);
            sigprocmask(SIG_SETMASK, &none, NULL);
            __asm__ volatile("mfmsr 9" ::: "r9");
            back = 1;
            _exit(1);
        }
        MUST(waitpid(pid, &st, 0));
        if (way == 6 || way == 7)
            printf("%s: %s\n", names[way], WIFSIGNALED(st) ? "ended" : "went on");
        else
            show_status(names[way], st);
    }
    return 0;
}
