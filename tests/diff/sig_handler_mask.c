/* In a handler its own signal and sa_mask are blocked; SA_NODEFER, SA_RESETHAND. */
#include "kit.h"
static volatile int depth, deepest, runs;
static void nest(int s)
{
    depth++;
    runs++;
    if (depth > deepest)
        deepest = depth;
    if (runs < 3)
        raise(s);
    depth--;
}
static volatile char order[16];
static volatile int at;
static void usr2(int s)
{
    (void)s;
    order[at++] = '2';
}
static void usr1(int s)
{
    (void)s;
    order[at++] = '(';
    raise(SIGUSR2);
    order[at++] = ')';
}
int main(void)
{
    struct sigaction a = { .sa_handler = nest };
    sigaction(SIGUSR1, &a, NULL);
    raise(SIGUSR1);
    printf("deepest %d runs %d\n", deepest, runs);
    a.sa_flags = SA_NODEFER;
    deepest = runs = 0;
    sigaction(SIGUSR1, &a, NULL);
    raise(SIGUSR1);
    printf("deepest %d runs %d\n", deepest, runs);
    signal(SIGUSR2, usr2);
    a.sa_handler = usr1;
    a.sa_flags = 0;
    sigaction(SIGUSR1, &a, NULL);
    raise(SIGUSR1);
    sigaddset(&a.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &a, NULL);
    raise(SIGUSR1);
    printf("%s\n", (char *)order);
    a.sa_handler = usr2;
    a.sa_flags = SA_RESETHAND;
    sigaction(SIGUSR1, &a, NULL);
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    IS(now.sa_handler == SIG_DFL);
    return 0;
}
