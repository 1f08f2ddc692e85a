/*
 * Futexes in memory that processes share: who waits is woken by number, by whatever address the word has, and by nothing
 * else; by requeue too; a waiter that has died is not counted. Mutexes and conditions of pthread on top.
 */
#include "kit.h"
#include <linux/futex.h>
static struct shared {
    int word, other, ready, turn;
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    int sum, go;
} *at;
static long futex(int *f, int op, int value, void *timeout, int *second, int third)
{
    return syscall(SYS_futex, f, op, value, timeout, second, third);
}
static struct shared *map_it(void)
{
    int fd = MUST(open("memory", O_RDWR));
    struct shared *m = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    IS(m != MAP_FAILED);
    close(fd);
    return m;
}
/* A child that has the memory at an address of its own, says that it is there, and waits. */
static pid_t waiter(int *word, int bits, struct timespec *timeout)
{
    int before = __atomic_load_n(&at->ready, __ATOMIC_ACQUIRE);
    pid_t pid = kit_fork();
    if (pid == 0) {
        /* Something in the way, so that the place is another one. */
        mmap(NULL, BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int fd = open("memory", O_RDWR);
        struct shared *mine = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        int *w = (int *)((char *)mine + ((char *)word - (char *)at));
        __atomic_fetch_add(&mine->ready, 1, __ATOMIC_ACQ_REL);
        errno = 0;
        long r = futex(w, bits ? FUTEX_WAIT_BITSET : FUTEX_WAIT, 0, timeout, NULL, bits);
        _exit(r == 0 ? 0 : errno);
    }
    while (__atomic_load_n(&at->ready, __ATOMIC_ACQUIRE) == before)
        sched_yield();
    return pid;
}
/* Wakes as soon as there is somebody. */
static long wake(int *word, int count)
{
    long r;
    while ((r = futex(word, FUTEX_WAKE, count, NULL, NULL, 0)) == 0)
        msleep(1);
    return r;
}
static void ended(const char *what, pid_t pid)
{
    int status;
    MUST(waitpid(pid, &status, 0));
    printf("%s: %s\n", what, WIFEXITED(status) ? ename(WEXITSTATUS(status)) : "killed");
    fflush(stdout);
}
static void locked(void)
{
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&at->mutex);
        int seen = at->sum;
        if (i % 16 == 0)
            sched_yield();
        at->sum = seen + 1;
        pthread_mutex_unlock(&at->mutex);
    }
}
int main(void)
{
    struct timespec soon = { 0, 100000000 };
    pid_t a, b, c;
    int fd = MUST(open("memory", O_RDWR | O_CREAT, 0600));
    MUST(ftruncate(fd, BLOCK));
    close(fd);
    at = map_it();

    a = waiter(&at->word, 0, NULL);
    SHOW(wake(&at->word, 1));
    ended("woken", a);
    SHOW(futex(&at->word, FUTEX_WAKE, 1, NULL, NULL, 0));

    /* A change of the word alone wakes nobody. */
    a = waiter(&at->other, 0, &soon);
    msleep(20);
    at->other = 1;
    ended("changed", a);
    at->other = 0;
    SHOW(futex(&at->word, FUTEX_WAIT, 7, NULL, NULL, 0));

    /* Each of three once; the bits choose. */
    a = waiter(&at->word, 1, NULL);
    msleep(20);
    b = waiter(&at->word, 2, NULL);
    msleep(20);
    c = waiter(&at->word, 3, NULL);
    msleep(20);
    SHOW(futex(&at->word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 2));
    ended("bit 2", b);
    SHOW(futex(&at->word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 4));
    SHOW(futex(&at->word, FUTEX_WAKE, 9, NULL, NULL, 0));
    ended("bit 1", a);
    ended("bits 3", c);

    /* Who is moved is woken at the new word. */
    a = waiter(&at->word, 0, NULL);
    msleep(20);
    b = waiter(&at->word, 0, NULL);
    msleep(20);
    SHOW(futex(&at->word, FUTEX_CMP_REQUEUE, 1, (void *)9, &at->other, 5));
    SHOW(futex(&at->word, FUTEX_CMP_REQUEUE, 1, (void *)9, &at->other, 0));
    ended("first", a);
    SHOW(futex(&at->word, FUTEX_WAKE, 9, NULL, NULL, 0));
    SHOW(futex(&at->other, FUTEX_WAKE, 9, NULL, NULL, 0));
    ended("moved", b);

    /* The dead do not wait. */
    a = waiter(&at->word, 0, NULL);
    msleep(20);
    b = waiter(&at->word, 0, NULL);
    msleep(20);
    kill(a, SIGKILL);
    ended("dead", a);
    SHOW(futex(&at->word, FUTEX_WAKE, 9, NULL, NULL, 0));
    ended("alive", b);

    /* FUTEX_WAKE_OP on two words. */
    a = waiter(&at->word, 0, NULL);
    b = waiter(&at->other, 0, NULL);
    msleep(20);
    SHOW(futex(&at->word, FUTEX_WAKE_OP, 1, (void *)1, &at->other, FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 0)));
    SHOW(at->other);
    ended("op 1", a);
    ended("op 2", b);

    pthread_mutexattr_t m;
    pthread_condattr_t d;
    pthread_mutexattr_init(&m);
    pthread_condattr_init(&d);
    SHOW(pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED));
    SHOW(pthread_condattr_setpshared(&d, PTHREAD_PROCESS_SHARED));
    pthread_mutex_init(&at->mutex, &m);
    pthread_cond_init(&at->condition, &d);
    pid_t children[4];
    for (int i = 0; i < 4; i++)
        if ((children[i] = kit_fork()) == 0) {
            locked();
            pthread_mutex_lock(&at->mutex);
            at->ready = -1;
            while (!at->go)
                pthread_cond_wait(&at->condition, &at->mutex);
            at->turn++;
            pthread_mutex_unlock(&at->mutex);
            _exit(0);
        }
    locked();
    msleep(20);
    pthread_mutex_lock(&at->mutex);
    at->go = 1;
    pthread_cond_broadcast(&at->condition);
    pthread_mutex_unlock(&at->mutex);
    for (int i = 0; i < 4; i++)
        ended("worker", children[i]);
    SHOW(at->sum);
    SHOW(at->turn);
    return 0;
}
