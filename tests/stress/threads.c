/*
 * @arg 2000 @timeout 300
 * Threads come and go, quarrel over a few locks, pass work through a queue.
 */
#include "kit.h"
enum { LOCKS = 4, WORKERS = 12, QUEUE = 16 };
static pthread_mutex_t lock[LOCKS];
static long under[LOCKS];
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t room = PTHREAD_COND_INITIALIZER, data = PTHREAD_COND_INITIALIZER;
static long queue[QUEUE], head, tail;
static void *brief(void *x)
{
    int k = (int)(long)x % LOCKS;
    pthread_mutex_lock(&lock[k]);
    under[k]++;
    pthread_mutex_unlock(&lock[k]);
    return x;
}
static void *worker(void *x)
{
    long sum = 0;
    (void)x;
    for (;;) {
        pthread_mutex_lock(&m);
        while (head == tail)
            pthread_cond_wait(&data, &m);
        long job = queue[tail++ % QUEUE];
        pthread_cond_signal(&room);
        pthread_mutex_unlock(&m);
        if (job < 0)
            return (void *)sum;
        sum += job;
        pthread_mutex_lock(&lock[job % LOCKS]);
        under[job % LOCKS]++;
        pthread_mutex_unlock(&lock[job % LOCKS]);
    }
}
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 100, sum = 0, total = 0;
    pthread_t w[WORKERS], t[8];
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&lock[i], NULL);
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&w[i], NULL, worker, NULL);
    for (long i = 0; i < n + WORKERS; i++) {
        pthread_mutex_lock(&m);
        while (head - tail == QUEUE)
            pthread_cond_wait(&room, &m);
        queue[head++ % QUEUE] = i < n ? i : -1;
        pthread_cond_signal(&data);
        pthread_mutex_unlock(&m);
        if (i % 8 == 0 && i < n) {
            for (long k = 0; k < 8; k++)
                if (pthread_create(&t[k], NULL, brief, (void *)k))
                    return 2;
            for (int k = 0; k < 8; k++)
                pthread_join(t[k], NULL);
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        void *r;
        pthread_join(w[i], &r);
        sum += (long)r;
    }
    for (int i = 0; i < LOCKS; i++)
        total += under[i];
    printf("threads: %ld jobs, sum %s, locks %s\n", n, sum == n * (n - 1) / 2 ? "right" : "wrong",
        total == n + (n + 7) / 8 * 8 ? "right" : "wrong");
    return sum != n * (n - 1) / 2;
}
