/*
 * @timeout 60
 * Code that has no business to work: jumps into the kernel and into K42's library,
 * privileged and unknown instructions, stores into the program's own text.  Each
 * ends only the process that tried.
 */
#include "kit.h"
static void jump(unsigned long to) { __asm__ volatile("mtctr %0; bctr" ::"r"(to) : "ctr", "memory"); }
static void load(unsigned long at) { (void)*(volatile long *)at; }
static void store(unsigned long at) { *(volatile long *)at = 0; }
#define INSTRUCTION(name, code) \
    static void name(unsigned long x) { __asm__ volatile("mr 9,%0; " code ::"r"(x) : "r9", "memory", "lr", "ctr", "cr0"); }
INSTRUCTION(rfid, "rfid")
INSTRUCTION(hrfid, "hrfid")
INSTRUCTION(mtmsrd, "mtmsrd 9")
INSTRUCTION(mtmsr, "mtmsr 9")
INSTRUCTION(mfmsr, "mfmsr 9")
INSTRUCTION(tlbie, ".long 0x7c004a64")
INSTRUCTION(slbia, "slbia")
INSTRUCTION(mtlpid, "mtspr 319,9")
INSTRUCTION(mtpid, "mtspr 48,9")
INSTRUCTION(mtdec, "mtspr 22,9")
INSTRUCTION(mtsprg3, "mtspr 275,9")
INSTRUCTION(mfhsprg, "mfspr 9,304")
INSTRUCTION(mtsrr0, "mtspr 26,9")
INSTRUCTION(hypercall, ".long 0x44000022")
INSTRUCTION(illegal, ".long 0")
INSTRUCTION(illegal2, ".long 0x07ffffff")
INSTRUCTION(lwarx, "addi 9,9,1; lwarx 10,0,9")
static const struct {
    const char *name;
    void (*f)(unsigned long);
    unsigned long x;
    int exact; /* the very signal matters, not only that there is one */
} tries[] = {
    { "jump to null", jump, 0, 1 },
    { "jump to the kernel", jump, 0xc000000000000000ul, 1 },
    { "jump to the vectors", jump, 0xc000000000000700ul, 1 },
    { "jump to the library", jump, 0x3ff000000000ul, 0 },
    { "jump into the library", jump, 0x3ff000001000ul, 0 },
    { "load from the kernel", load, 0xc000000000100000ul, 1 },
    { "store to the kernel", store, 0xc000000000100000ul, 1 },
    { "store to the library", store, 0x3ff000000000ul, 1 },
    { "store to the text", store, (unsigned long)jump, 1 },
    { "store to null", store, 0, 1 },
    { "rfid", rfid, 0, 1 },
    { "hrfid", hrfid, 0, 1 },
    { "mtmsrd", mtmsrd, 0, 1 },
    { "mtmsr", mtmsr, 0, 1 },
    { "mfmsr", mfmsr, 0, 1 },
    { "tlbie", tlbie, 0, 1 },
    { "slbia", slbia, 0, 1 },
    { "mtspr PID", mtpid, 0, 1 },
    { "mtspr DEC", mtdec, 0, 1 },
    { "mtspr SPRG3", mtsprg3, 0, 1 },
    { "mfspr HSPRG0", mfhsprg, 0, 1 },
    { "mtspr SRR0", mtsrr0, 0, 1 },
    { "mtspr LPID", mtlpid, 0, 1 },
    { "illegal", illegal, 0, 1 },
    { "illegal too", illegal2, 0, 1 },
    { "hypercall", hypercall, 0, 1 },
};
int main(void)
{
    static long aligned;
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        int st;
        pid_t pid = kit_fork();
        if (pid == 0) {
            tries[i].f(tries[i].x);
            _exit(0);
        }
        MUST(waitpid(pid, &st, 0));
        if (tries[i].exact)
            show_status(tries[i].name, st);
        else
            printf("%s: %s\n", tries[i].name, WIFSIGNALED(st) ? "ended" : "went on");
    }
    pid_t pid = kit_fork();
    if (pid == 0) {
        lwarx((unsigned long)&aligned);
        _exit(0);
    }
    reap("lwarx unaligned", pid);
    return 0;
}
