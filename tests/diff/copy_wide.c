/*
 * Large transfers move by the vector registers: the program finds its own again afterwards, the bytes are right
 * whatever the alignment, and one that runs into a hole tells exactly how far it came.
 */
#include "kit.h"
#include <sys/syscall.h>

static unsigned char *source, *target;

static void fill(void)
{
    for (size_t i = 0; i < 2 * BLOCK; i++)
        source[i] = (i * 167 + (i >> 8)) & 255;
}

/* Registers VSR 0 to 7 and 32 to 39 hold marks over a system call; how many came back changed. */
static int changed(long number, long a, long b, long c, long d, long *result)
{
    static unsigned long long marks[32] __attribute__((aligned(16))), after[32] __attribute__((aligned(16)));
    for (int i = 0; i < 32; i++)
        marks[i] = 0x1111111111111111ull * (i % 15 + 1) + i;
    register long r0 __asm__("r0") = number;
    register long r3 __asm__("r3") = a;
    register long r4 __asm__("r4") = b;
    register long r5 __asm__("r5") = c;
    register long r6 __asm__("r6") = d;
    register void *r14 __asm__("r14") = marks;
    register void *r15 __asm__("r15") = after;
#define EACH(op, base) \
    "li 8,0\n" op " 0,8," base "\nli 8,16\n" op " 1,8," base "\nli 8,32\n" op " 2,8," base "\nli 8,48\n" op " 3,8," base \
    "\nli 8,64\n" op " 4,8," base "\nli 8,80\n" op " 5,8," base "\nli 8,96\n" op " 6,8," base "\nli 8,112\n" op " 7,8," base \
    "\nli 8,128\n" op " 32,8," base "\nli 8,144\n" op " 33,8," base "\nli 8,160\n" op " 34,8," base "\nli 8,176\n" op \
    " 35,8," base "\nli 8,192\n" op " 36,8," base "\nli 8,208\n" op " 37,8," base "\nli 8,224\n" op " 38,8," base \
    "\nli 8,240\n" op " 39,8," base "\n"
    __asm__ volatile(EACH("lxvd2x", "14") "sc\n" EACH("stxvd2x", "15")
                     : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6)
                     : "r"(r14), "r"(r15)
                     : "r7", "r8", "r9", "r10", "r11", "r12", "cr0", "ctr", "memory", "fr0", "fr1", "fr2", "fr3", "fr4",
                       "fr5", "fr6", "fr7", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7");
    *result = r3;
    int different = 0;
    for (int i = 0; i < 32; i++)
        different += marks[i] != after[i];
    return different;
}

int main(void)
{
    source = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    target = mmap(NULL, 3 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fill();
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    long result;
    printf("changed %d", changed(SYS_pwrite64, fd, (long)source, 2 * BLOCK, 0, &result));
    printf(" of a write of %ld\n", result);
    printf("changed %d", changed(SYS_pread64, fd, (long)target, 2 * BLOCK, 0, &result));
    printf(" of a read of %ld, %s\n", result, memcmp(source, target, 2 * BLOCK) ? "wrong" : "right");

    static const int sizes[] = { 1023, 1024, 1025, 1151, 1152, 1153, 4096, 5000, 65535 };
    int wrong = 0;
    for (int round = 0; round < 40; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            int from = round % 17, to = round % 13, size = sizes[i];
            memset(target, 0xee, size + 32);
            if (pread(fd, target + to, size, from) != size || memcmp(target + to, source + from, size)
                || target[to + size] != 0xee)
                wrong++;
        }
    SHOW(wrong);

    munmap(target + BLOCK, BLOCK);
    for (int i = 0; i < 40; i++)
        pread(fd, target, 8192, 0);
    for (int before = 5000; before < 5300; before += 37) {
        memset(target, 0, BLOCK);
        ssize_t n = pread(fd, target + BLOCK - before, 3 * 8192, 0);
        printf("%zd ", n < 0 ? n : n - before);
        if (n > 0 && memcmp(target + BLOCK - before, source, n))
            printf("(wrong) ");
    }
    printf("\n");

    int p[2];
    MUST(pipe(p));
    pid_t child = MUST(fork());
    if (child == 0) {
        close(p[0]);
        for (int i = 0; i < 12; i++)
            for (int done = 0; done < BLOCK;) {
                ssize_t n = write(p[1], source + i + done, BLOCK - done);
                if (n <= 0)
                    _exit(1);
                done += n;
            }
        _exit(0);
    }
    close(p[1]);
    int bad = 0;
    for (int i = 0; i < 12; i++) {
        for (int done = 0; done < BLOCK;)
            done += MUST(read(p[0], target + done, BLOCK - done));
        bad += memcmp(target, source + i, BLOCK) != 0;
    }
    SHOW(bad);
    int status;
    MUST(waitpid(child, &status, 0));
    SHOW(status);
    return 0;
}
