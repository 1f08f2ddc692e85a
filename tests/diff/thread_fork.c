/* fork from a threaded process: the child has one thread, and the C library works. */
#include "kit.h"
static volatile int stop;
static void *spin(void *x)
{
    while (!stop) {
        free(malloc(100));
        sched_yield();
    }
    return x;
}
static void *forks(void *x)
{
    (void)x;
    pid_t pid = fork();
    if (pid == 0) {
        void *p = malloc(1000);
        pthread_t t;
        stop = 1;
        int ok = p && gettid() == getpid() && !pthread_create(&t, NULL, spin, NULL) && !pthread_join(t, NULL);
        _exit(ok ? 17 : 1);
    }
    int st;
    waitpid(pid, &st, 0);
    return (void *)(long)st;
}
int main(void)
{
    pthread_t t[3], g;
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, spin, NULL);
    for (int n = 0; n < 10; n++) {
        void *r;
        pthread_create(&g, NULL, forks, NULL);
        pthread_join(g, &r);
        show_status("child", (int)(long)r);
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    return 0;
}
