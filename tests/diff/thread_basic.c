/* Threads: arguments, results, join, detach, their own ids, one process. */
#include "kit.h"
static pid_t main_tid;
static void *f(void *x)
{
    if (gettid() == main_tid || getpid() != main_tid)
        return (void *)-1;
    return (void *)((long)x * 2);
}
static void *quit(void *x) { pthread_exit(x); }
static pthread_t other;
static void *self(void *x)
{
    (void)x;
    return (void *)(long)(pthread_equal(pthread_self(), other) != 0);
}
int main(void)
{
    pthread_t t[5];
    void *r;
    main_tid = gettid();
    IS(main_tid == getpid());
    for (long i = 0; i < 5; i++)
        SHOW(pthread_create(&t[i], NULL, f, (void *)i));
    for (int i = 0; i < 5; i++) {
        pthread_join(t[i], &r);
        printf("%ld ", (long)r);
    }
    printf("\n");
    pthread_create(&other, NULL, quit, (void *)7);
    pthread_join(other, &r);
    SHOW((long)r);
    pthread_create(&other, NULL, self, NULL);
    pthread_t one = other;
    pthread_join(one, &r);
    SHOW((long)r >= 0);
    IS(pthread_join(pthread_self(), NULL) == EDEADLK);
    return 0;
}
