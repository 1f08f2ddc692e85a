/* Semaphores, barriers, read-write locks, once, spin locks. */
#include "kit.h"
#include <semaphore.h>
static sem_t s, done;
static pthread_barrier_t b;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_spinlock_t spin;
static int onces, serial, readers, most, spun;
static void first(void) { onces++; }
static void *f(void *x)
{
    pthread_once(&once, first);
    if (pthread_barrier_wait(&b) == PTHREAD_BARRIER_SERIAL_THREAD)
        __atomic_fetch_add(&serial, 1, __ATOMIC_SEQ_CST);
    sem_wait(&s);
    pthread_rwlock_rdlock(&rw);
    int n = __atomic_add_fetch(&readers, 1, __ATOMIC_SEQ_CST);
    msleep(20);
    if (n > most)
        most = n;
    __atomic_fetch_sub(&readers, 1, __ATOMIC_SEQ_CST);
    pthread_rwlock_unlock(&rw);
    for (int i = 0; i < 100; i++) {
        pthread_spin_lock(&spin);
        spun++;
        pthread_spin_unlock(&spin);
    }
    sem_post(&done);
    return x;
}
int main(void)
{
    pthread_t t[4];
    struct timespec past = { 1, 0 };
    sem_init(&s, 0, 0);
    sem_init(&done, 0, 0);
    pthread_spin_init(&spin, 0);
    pthread_barrier_init(&b, NULL, 4);
    SHOW(sem_trywait(&s));
    SHOW(sem_timedwait(&s, &past));
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, f, NULL);
    for (int i = 0; i < 4; i++)
        sem_post(&s);
    for (int i = 0; i < 4; i++)
        sem_wait(&done);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    printf("once %d serial %d spun %d\n", onces, serial, spun);
    IS(most > 1);
    SHOW(pthread_rwlock_wrlock(&rw));
    IS(pthread_rwlock_tryrdlock(&rw) == EBUSY);
    SHOW(pthread_rwlock_unlock(&rw));
    return 0;
}
