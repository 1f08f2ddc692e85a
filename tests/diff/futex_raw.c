/* The futex call itself: wrong value, time limits, counts, requeue, errors. */
#include "kit.h"
#include <linux/futex.h>
static int f, g;
static volatile int woken;
static long fut(int *a, int op, int v, void *t, int *b, int v3) { return syscall(SYS_futex, a, op, v, t, b, v3); }
static void *waiter(void *x)
{
    fut(&f, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    __atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
    return x;
}
int main(void)
{
    struct timespec t = { 0, 10000000 }, bad = { 0, 2000000000 };
    pthread_t th[5];
    SHOW(fut(&f, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0));
    SHOW(fut(&f, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0));
    SHOW(fut(&f, FUTEX_WAIT, 0, &t, NULL, 0));
    SHOW(fut(&f, FUTEX_WAIT_PRIVATE, 0, &bad, NULL, 0));
    SHOW(fut(&f, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    SHOW(fut((int *)((char *)&f + 1), FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    SHOW(fut((int *)8, FUTEX_WAIT, 0, NULL, NULL, 0));
    SHOW(fut(&f, 99, 0, NULL, NULL, 0));
    for (int i = 0; i < 5; i++)
        pthread_create(&th[i], NULL, waiter, NULL);
    msleep(50);
    SHOW(fut(&f, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0));
    msleep(20);
    SHOW(woken);
    SHOW(fut(&f, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)10l, &g, 0));
    msleep(20);
    SHOW(woken);
    SHOW(fut(&f, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
    SHOW(fut(&g, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
    for (int i = 0; i < 5; i++)
        pthread_join(th[i], NULL);
    SHOW(woken);
    SHOW(fut(&f, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 0));
    return 0;
}
