/* Rows of threads and of what they wait on. */
#define _GNU_SOURCE
#include "bench.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int word;
static pthread_t peer;

/* The word goes from `from` to `to`; waits in the kernel until it may. */
static void pass(int from, int to)
{
    while (atomic_load(&word) != from)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, to, NULL, NULL, 0);
    atomic_store(&word, to);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *answer(void *n)
{
    for (long i = (long)n; i > 0; i--)
        pass(1, 0);
    return NULL;
}

static void futex_pingpong(long n)
{
    for (long i = 0; i < n; i++)
        pass(0, 1);
    while (atomic_load(&word) != 0)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
}

#define TURNS 10000

static void start_answer(void)
{
    if (pthread_create(&peer, NULL, answer, (void *)(long)TURNS) != 0)
        fail("pthread_create");
}

static void join_answer(void) { pthread_join(peer, NULL); }

static void lock_unlock(long n)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    while (n--) {
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
    }
}

static void *end_at_once(void *unused) { return unused; }

static void create_join(long n)
{
    while (n--) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, end_at_once, NULL) != 0)
            fail("pthread_create");
        pthread_join(thread, NULL);
    }
}

const struct row thread_rows[] = {
    { "mutex_uncontended", 200000, NULL, lock_unlock, NULL },
    { "futex_pingpong", TURNS, start_answer, futex_pingpong, join_answer },
    { "thread_create_join", 1000, NULL, create_join, NULL },
    { NULL },
};
