/* Conditions: producers and consumers through a small buffer, broadcast, time limits. */
#include "kit.h"
enum { SIZE = 4, ITEMS = 500 };
static int buffer[SIZE], used, in, out;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t room = PTHREAD_COND_INITIALIZER, data = PTHREAD_COND_INITIALIZER;
static void *produce(void *x)
{
    for (int i = 0; i < ITEMS; i++) {
        pthread_mutex_lock(&m);
        while (used == SIZE)
            pthread_cond_wait(&room, &m);
        buffer[in] = i;
        in = (in + 1) % SIZE;
        used++;
        pthread_cond_signal(&data);
        pthread_mutex_unlock(&m);
    }
    return x;
}
static void *consume(void *x)
{
    long sum = 0;
    (void)x;
    for (int i = 0; i < ITEMS; i++) {
        pthread_mutex_lock(&m);
        while (!used)
            pthread_cond_wait(&data, &m);
        sum += buffer[out];
        out = (out + 1) % SIZE;
        used--;
        pthread_cond_signal(&room);
        pthread_mutex_unlock(&m);
    }
    return (void *)sum;
}
static int go, waiting;
static pthread_cond_t start = PTHREAD_COND_INITIALIZER;
static void *waiter(void *x)
{
    pthread_mutex_lock(&m);
    waiting++;
    while (!go)
        pthread_cond_wait(&start, &m);
    pthread_mutex_unlock(&m);
    return x;
}
int main(void)
{
    pthread_t t[8];
    long total = 0;
    for (int i = 0; i < 6; i++)
        pthread_create(&t[i], NULL, i % 2 ? consume : produce, NULL);
    for (int i = 0; i < 6; i++) {
        void *r;
        pthread_join(t[i], &r);
        total += (long)r;
    }
    SHOW(total);
    for (int i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, waiter, NULL);
    while (__atomic_load_n(&waiting, __ATOMIC_ACQUIRE) < 8)
        msleep(1);
    pthread_mutex_lock(&m);
    go = 1;
    pthread_cond_broadcast(&start);
    pthread_mutex_unlock(&m);
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    printf("all through\n");
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_nsec = (ts.tv_nsec + 10000000) % 1000000000;
    ts.tv_sec += ts.tv_nsec < 10000000;
    pthread_mutex_lock(&m);
    IS(pthread_cond_timedwait(&start, &m, &ts) == ETIMEDOUT);
    return 0;
}
