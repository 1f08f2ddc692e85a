/* @dynamic: constructors and destructors run in order. */
#include "kit.h"
static void __attribute__((constructor(101))) a(void) { printf("first\n"); }
static void __attribute__((constructor(102))) b(void) { printf("second\n"); }
static void __attribute__((destructor)) z(void) { printf("last\n"); }
int main(void)
{
    printf("main\n");
    return 0;
}
