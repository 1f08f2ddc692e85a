/*
 * @timeout 60
 * Threads open, duplicate, close and use the same few descriptors all at once: each
 * call works or says EBADF, and the table is whole afterwards.
 */
#include "kit.h"
static volatile int odd;
static void *churn(void *x)
{
    unsigned seed = (unsigned)(long)x + 1;
    char b[16];
    for (int i = 0; i < 1500; i++) {
        int fd = 10 + (int)(seed >> 16) % 6;
        long r = 0;
        seed = seed * 1103515245 + 12345;
        switch (seed >> 28 & 7) {
        case 0: r = dup2(3, fd); break;
        case 1: r = close(fd); break;
        case 2: r = read(fd, b, sizeof b); break;
        case 3: r = lseek(fd, 0, SEEK_SET); break;
        case 4: r = fcntl(fd, F_GETFD); break;
        case 5: r = fcntl(fd, F_DUPFD, 10); break;
        case 6: r = close(fd); break;
        case 7: r = pread(fd, b, sizeof b, 0); break;
        }
        if (r < 0 && errno != EBADF && errno != EMFILE && errno != EBUSY)
            odd++;
    }
    return NULL;
}
int main(void)
{
    pthread_t t[4];
    put_file("f", "0123456789abcdef");
    IS(open("f", O_RDONLY) == 3);
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, churn, (void *)i);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    SHOW(odd);
    for (int fd = 4; fd < 2000; fd++)
        close(fd);
    SHOW(dup(3));
    char b[4];
    SHOW(pread(4, b, 4, 0));
    return 0;
}
