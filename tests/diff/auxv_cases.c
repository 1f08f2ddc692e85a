/* What the kernel tells a program at its start. */
#include "kit.h"
#include <sys/auxv.h>
int main(void)
{
    unsigned long page = getauxval(AT_PAGESZ);
    IS(page == 4096 || page == 65536);
    IS((long)page == sysconf(_SC_PAGESIZE));
    IS(getauxval(AT_PHDR) && getauxval(AT_PHENT) == 56 && getauxval(AT_PHNUM) > 1);
    IS(getauxval(AT_RANDOM) != 0);
    SHOW(getauxval(AT_UID));
    SHOW(getauxval(AT_EUID));
    SHOW(getauxval(AT_SECURE));
    SHOW(getauxval(AT_CLKTCK));
    printf("%s\n", (char *)getauxval(AT_EXECFN));
    printf("%s\n", (char *)getauxval(AT_PLATFORM));
    IS(getauxval(AT_DCACHEBSIZE) == 128);
    IS(getauxval(AT_HWCAP) & 0x80000000ul); /* 32-bit mode */
    IS(getauxval(AT_HWCAP) & 0x10000000ul); /* AltiVec */
    IS(getauxval(AT_HWCAP) & 0x00000080ul); /* VSX */
    IS(getauxval(AT_HWCAP2) & 0x80000000ul); /* ISA 2.07 */
    return 0;
}
