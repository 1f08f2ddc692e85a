/* Mutexes: normal, recursive, error-checking, timed, tried. */
#include "kit.h"
static pthread_mutex_t m;
static void *try(void *x)
{
    (void)x;
    return (void *)(long)pthread_mutex_trylock(&m);
}
static void *timed(void *x)
{
    struct timespec t;
    (void)x;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += 0;
    t.tv_nsec += 20000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return (void *)(long)pthread_mutex_timedlock(&m, &t);
}
static const char *in_thread(void *(*f)(void *))
{
    pthread_t t;
    void *r;
    pthread_create(&t, NULL, f, NULL);
    pthread_join(t, &r);
    return ename((int)(long)r);
}
int main(void)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&m, &a);
    SHOW(pthread_mutex_lock(&m));
    SHOW(pthread_mutex_lock(&m));
    printf("%s %s\n", in_thread(try), in_thread(timed));
    SHOW(pthread_mutex_unlock(&m));
    printf("%s\n", in_thread(try));
    SHOW(pthread_mutex_unlock(&m));
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&m, &a);
    SHOW(pthread_mutex_lock(&m));
    IS(pthread_mutex_lock(&m) == EDEADLK);
    SHOW(pthread_mutex_unlock(&m));
    IS(pthread_mutex_unlock(&m) == EPERM);
    printf("%s\n", in_thread(try));
    return 0;
}
