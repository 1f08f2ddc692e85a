/* @dynamic: threads, their storage and signals in a dynamic program. */
#include "kit.h"
static __thread int own = 1;
static void *f(void *x)
{
    own += (int)(long)x;
    char *p = malloc(1000);
    memset(p, own, 1000);
    long r = p[999];
    free(p);
    return (void *)r;
}
static volatile int got;
static void h(int s) { got = s; }
int main(void)
{
    pthread_t t[16];
    long sum = 0;
    for (long i = 0; i < 16; i++)
        pthread_create(&t[i], NULL, f, (void *)i);
    for (int i = 0; i < 16; i++) {
        void *r;
        pthread_join(t[i], &r);
        sum += (long)r;
    }
    printf("%ld %d\n", sum, own);
    signal(SIGUSR1, h);
    raise(SIGUSR1);
    IS(got == SIGUSR1);
    return 0;
}
