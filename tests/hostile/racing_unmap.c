/*
 * @timeout 60
 * While one thread reads into a buffer, another unmaps it, maps it again, takes its
 * rights away: the call answers with a count or with EFAULT, and nothing else breaks.
 */
#include "kit.h"
static char *m;
static volatile int stop;
static void *shake(void *x)
{
    while (!stop) {
        munmap(m, BLOCK);
        mmap(m, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        mprotect(m, BLOCK, PROT_NONE);
        mprotect(m, BLOCK, PROT_READ | PROT_WRITE);
    }
    return x;
}
int main(void)
{
    pthread_t t;
    int odd = 0;
    m = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int zero = MUST(open("/dev/zero", O_RDONLY)), fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    static char text[BLOCK];
    MUST(write(fd, text, sizeof text));
    pthread_create(&t, NULL, shake, NULL);
    for (int i = 0; i < 300; i++) {
        ssize_t n = i % 2 ? pread(fd, m, BLOCK, 0) : read(zero, m, BLOCK);
        if (n < 0 ? errno != EFAULT : n > BLOCK)
            odd++;
        n = pwrite(fd, m, 4096, 0);
        if (n < 0 ? errno != EFAULT : n > 4096)
            odd++;
        if (i % 50 == 0)
            sched_yield();
    }
    stop = 1;
    pthread_join(t, NULL);
    SHOW(odd);
    struct stat st;
    MUST(fstat(fd, &st));
    printf("%ld\n", (long)st.st_size);
    return 0;
}
