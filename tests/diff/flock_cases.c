/* flock: belongs to the open file, shared by dup and fork. */
#include "kit.h"
int main(void)
{
    int a = MUST(open("f", O_RDWR | O_CREAT, 0644)), b = MUST(open("f", O_RDWR)), c = MUST(dup(a));
    SHOW(flock(a, LOCK_EX));
    SHOW(flock(b, LOCK_SH | LOCK_NB));
    SHOW(flock(c, LOCK_EX | LOCK_NB));
    SHOW(flock(c, LOCK_SH));
    SHOW(flock(b, LOCK_SH | LOCK_NB));
    SHOW(flock(a, LOCK_EX | LOCK_NB));
    SHOW(flock(b, LOCK_UN));
    SHOW(flock(a, LOCK_EX | LOCK_NB));
    close(a);
    SHOW(flock(b, LOCK_EX | LOCK_NB));
    close(c);
    SHOW(flock(b, LOCK_EX | LOCK_NB));
    SHOW(flock(999, LOCK_SH));
    return 0;
}
