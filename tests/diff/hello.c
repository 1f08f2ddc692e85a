/* The least that must work: a static program prints and ends with a status. */
#include "kit.h"
int main(int argc, char **argv)
{
    printf("hello from %s, %d\n", argv[0], argc);
    return 7;
}
