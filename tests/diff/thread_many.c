/* A thousand threads created and joined, ten at a time. */
#include "kit.h"
static void *f(void *x) { return (char *)x + 1; }
int main(void)
{
    long sum = 0;
    for (long round = 0; round < 100; round++) {
        pthread_t t[10];
        for (long i = 0; i < 10; i++)
            if (pthread_create(&t[i], NULL, f, (void *)(round * 10 + i)))
                return 1;
        for (int i = 0; i < 10; i++) {
            void *r;
            pthread_join(t[i], &r);
            sum += (long)r;
        }
    }
    SHOW(sum);
    return 0;
}
