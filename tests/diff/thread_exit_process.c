/* exit, exec and fatal signals in one thread end all of them. */
#include "kit.h"
static int way;
static void *sleeper(void *x)
{
    for (;;)
        pause();
    return x;
}
static void *spinner(void *x)
{
    for (;;)
        ;
    return x;
}
static void *ender(void *x)
{
    msleep(10);
    if (way == 0)
        exit(11);
    if (way == 1)
        execl("/bin/busybox", "busybox", "sh", "-c", "exit 12", NULL);
    if (way == 2)
        *(volatile int *)16 = 1;
    if (way == 3)
        kill(getpid(), SIGTERM);
    return x;
}
int main(void)
{
    for (way = 0; way < 4; way++) {
        pid_t pid = kit_fork();
        if (pid == 0) {
            pthread_t t;
            pthread_create(&t, NULL, sleeper, NULL);
            pthread_create(&t, NULL, spinner, NULL);
            pthread_create(&t, NULL, ender, NULL);
            for (;;)
                pause();
        }
        reap("process", pid);
    }
    /* The first thread may leave while others go on. */
    pid_t pid = kit_fork();
    if (pid == 0) {
        pthread_t t;
        way = 0;
        pthread_create(&t, NULL, ender, NULL);
        pthread_exit(NULL);
    }
    reap("leader gone", pid);
    return 0;
}
