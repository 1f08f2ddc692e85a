/* mlock and mlockall: what is locked is there, stays, and counts against the limit. */
#include "kit.h"
static int resident(char *p)
{
    unsigned char v[64] = { 0 };
    MUST(mincore(p, BLOCK, v));
    return v[0] & 1;
}
static long locked(void)
{
    char line[200];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f))
        sscanf(line, "VmLck: %ld", &kib);
    fclose(f);
    return kib;
}
static char *map(size_t bytes, int access, int flags)
{
    char *p = mmap(NULL, bytes, access, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (p == MAP_FAILED)
        printf("mmap: %s\n", ename(errno));
    return p;
}
static void limit(size_t bytes)
{
    struct rlimit r = { bytes, bytes };
    MUST(setrlimit(RLIMIT_MEMLOCK, &r));
}
int main(void)
{
    char *p = map(4 * BLOCK, PROT_READ | PROT_WRITE, 0);
    IS(!resident(p) && !resident(p + BLOCK));
    SHOW(mlock(p, BLOCK));
    IS(resident(p) && !resident(p + BLOCK));
    SHOW(locked());
    SHOW(mlock(p + BLOCK + 1, BLOCK - 1));
    IS(resident(p + BLOCK));
    SHOW(locked());
    SHOW(madvise(p, BLOCK, MADV_DONTNEED));
    SHOW(msync(p, BLOCK, MS_INVALIDATE));
    SHOW(msync(p, BLOCK, MS_SYNC));
    pid_t pid = kit_fork();
    if (pid == 0) {
        SHOW(locked());
        _exit(0);
    }
    reap("child", pid);
    SHOW(munlock(p, BLOCK));
    SHOW(locked());
    SHOW(madvise(p, BLOCK, MADV_DONTNEED));
    IS(!resident(p));
    SHOW(mlock2(p, BLOCK, MLOCK_ONFAULT));
    IS(!resident(p));
    SHOW(locked());
    SHOW(mlock2(p, BLOCK, 8));
    SHOW(mlock(p, 0));
    munmap(p + 2 * BLOCK, BLOCK);
    SHOW(mlock(p, 4 * BLOCK));
    SHOW(munlock(p, 4 * BLOCK));
    SHOW(munmap(p, 4 * BLOCK));
    SHOW(locked());
    SHOW(mlock((char *)BLOCK, (size_t)-BLOCK));
    p = map(BLOCK, PROT_NONE, 0);
    SHOW(mlock(p, BLOCK));
    SHOW(munlock(p, BLOCK));
    p = map(2 * BLOCK, PROT_READ | PROT_WRITE, MAP_LOCKED);
    IS(resident(p) && resident(p + BLOCK));
    SHOW(locked());
    munmap(p, 2 * BLOCK);

    SHOW(mlockall(0));
    SHOW(mlockall(MCL_ONFAULT));
    SHOW(mlockall(1));
    SHOW(mlockall(MCL_FUTURE));
    p = map(BLOCK, PROT_READ | PROT_WRITE, 0);
    IS(resident(p));
    SHOW(locked());
    SHOW(mlockall(MCL_CURRENT));
    IS(locked() > 100);
    p = map(BLOCK, PROT_READ | PROT_WRITE, 0);
    IS(!resident(p));
    SHOW(munlockall());
    SHOW(locked());

    limit(3 * BLOCK);
    MUST(setuid(1000));
    p = map(4 * BLOCK, PROT_READ | PROT_WRITE, 0);
    SHOW(mlock(p, 2 * BLOCK));
    SHOW(mlock(p + 2 * BLOCK, 2 * BLOCK));
    SHOW(mlock(p + 2 * BLOCK, BLOCK));
    SHOW(mlock(p, 3 * BLOCK)); /* no more than before */
    SHOW(mlock(p + 3 * BLOCK, BLOCK));
    IS(map(BLOCK, PROT_READ | PROT_WRITE, MAP_LOCKED) == MAP_FAILED);
    SHOW(munlock(p, BLOCK));
    SHOW(mlock(p + 3 * BLOCK, BLOCK));
    SHOW(mlockall(MCL_CURRENT));
    SHOW(munlockall());
    SHOW(mlockall(MCL_FUTURE));
    IS(map(2 * BLOCK, PROT_READ | PROT_WRITE, 0) != MAP_FAILED);
    IS(map(2 * BLOCK, PROT_READ | PROT_WRITE, 0) == MAP_FAILED);
    SHOW(munlockall());
    limit(0);
    SHOW(mlock(p, BLOCK));
    SHOW(mlockall(MCL_CURRENT));
    IS(map(BLOCK, PROT_READ, MAP_LOCKED) == MAP_FAILED);
    SHOW(munlock(p, BLOCK));
    return 0;
}
