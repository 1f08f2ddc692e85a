/* Every thread has its own errno, __thread variables and keys with destructors. */
#include "kit.h"
static __thread int own = 5;
static __thread char zeroed[10000];
static pthread_key_t key;
static int destroyed;
static void destroy(void *x) { __atomic_fetch_add(&destroyed, (int)(long)x, __ATOMIC_SEQ_CST); }
static void *f(void *x)
{
    long ok = own == 5 && zeroed[0] == 0 && zeroed[9999] == 0 && !pthread_getspecific(key);
    own = (int)(long)x;
    memset(zeroed, 1, sizeof zeroed);
    pthread_setspecific(key, x);
    errno = (int)(long)x;
    for (int i = 0; i < 50; i++) {
        sched_yield();
        ok &= own == (long)x && errno == (long)x;
    }
    return (void *)ok;
}
int main(void)
{
    pthread_t t[8];
    long ok = 0;
    pthread_key_create(&key, destroy);
    for (long i = 1; i <= 8; i++)
        pthread_create(&t[i - 1], NULL, f, (void *)i);
    for (int i = 0; i < 8; i++) {
        void *r;
        pthread_join(t[i], &r);
        ok += (long)r;
    }
    printf("%ld ok, destroyed %d, own %d\n", ok, destroyed, own);
    return 0;
}
