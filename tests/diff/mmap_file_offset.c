/* Parts of a larger file mapped at an offset. */
#include "kit.h"
int main(void)
{
    int fd = MUST(open("f", O_RDWR | O_CREAT, 0644));
    for (int i = 0; i < 4; i++) {
        char t[16];
        sprintf(t, "block %d", i);
        MUST(pwrite(fd, t, 7, (off_t)i * BLOCK));
    }
    char *p = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, BLOCK);
    printf("%.7s, %.7s\n", p, p + BLOCK);
    p[BLOCK] = 'B';
    char b[8] = "";
    SHOW(pread(fd, b, 7, 2 * BLOCK));
    printf("%s\n", b);
    char *all = mmap(NULL, 3 * BLOCK + 7, PROT_READ, MAP_PRIVATE, fd, 0);
    printf("%.7s, %.7s, %.7s\n", all, all + 2 * BLOCK, all + 3 * BLOCK);
    IS(mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, fd, 17) == MAP_FAILED && errno == EINVAL);
    return 0;
}
