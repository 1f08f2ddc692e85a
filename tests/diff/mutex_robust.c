/* A robust mutex in shared memory: its owner dies, the next one is told. */
#include "kit.h"
int main(void)
{
    pthread_mutex_t *m = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(m, &a);
    pid_t pid = kit_fork();
    if (pid == 0) {
        pthread_mutex_lock(m);
        _exit(0);
    }
    reap("owner", pid);
    IS(pthread_mutex_lock(m) == EOWNERDEAD);
    SHOW(pthread_mutex_consistent(m));
    SHOW(pthread_mutex_unlock(m));
    SHOW(pthread_mutex_lock(m));
    pid = kit_fork();
    if (pid == 0)
        _exit(pthread_mutex_trylock(m) == EBUSY ? 5 : 0);
    reap("other", pid);
    return 0;
}
