/* Cancelling a thread in a blocking call; clean-up handlers. */
#include "kit.h"
static int p[2], cleaned;
static void clean(void *x)
{
    (void)x;
    cleaned++;
}
static void *f(void *x)
{
    char c;
    pthread_cleanup_push(clean, NULL);
    MUST(read(p[0], &c, 1));
    pthread_cleanup_pop(0);
    return x;
}
static void *deaf(void *x)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    msleep(30);
    return x;
}
int main(void)
{
    pthread_t t;
    void *r;
    MUST(pipe(p));
    pthread_create(&t, NULL, f, NULL);
    msleep(10);
    SHOW(pthread_cancel(t));
    pthread_join(t, &r);
    IS(r == PTHREAD_CANCELED);
    SHOW(cleaned);
    pthread_create(&t, NULL, deaf, (void *)3);
    msleep(5);
    pthread_cancel(t);
    pthread_join(t, &r);
    SHOW((long)r);
    return 0;
}
