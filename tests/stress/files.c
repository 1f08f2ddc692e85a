/*
 * @arg 8 @timeout 300
 * Several processes make, write, read, rename, link and remove files in one common
 * directory and in their own; afterwards every directory is empty again.
 */
#include "kit.h"
static int work(int me)
{
    char a[64], b[64], own[64], text[256], back[256];
    unsigned seed = (unsigned)me * 7919 + 1;
    sprintf(own, "own%d", me);
    MUST(mkdir(own, 0755));
    for (int i = 0; i < 400; i++) {
        seed = seed * 1103515245 + 12345;
        int in_common = seed >> 16 & 1, n = 1 + (int)(seed >> 20) % 255;
        sprintf(a, "%s/f%d_%d", in_common ? "common" : own, me, i % 7);
        sprintf(b, "%s/g%d_%d", in_common ? own : "common", me, i % 5);
        memset(text, 'a' + i % 26, sizeof text);
        int fd = MUST(open(a, O_RDWR | O_CREAT | O_TRUNC, 0644));
        MUST(write(fd, text, (size_t)n));
        if (seed >> 18 & 1)
            MUST(rename(a, b));
        else if (link(a, b) < 0 && errno != EEXIST)
            return 2;
        if (pread(fd, back, sizeof back, 0) != n || memcmp(back, text, (size_t)n))
            return 3;
        close(fd);
        if ((i & 3) == 3) {
            if (unlink(a) < 0 && errno != ENOENT)
                return 4;
            if (unlink(b) < 0 && errno != ENOENT)
                return 5;
        }
    }
    const char *dirs[] = { "common", own };
    for (int d = 0; d < 2; d++)
        for (int i = 0; i < 7; i++) {
            sprintf(a, "%s/f%d_%d", dirs[d], me, i);
            unlink(a);
            sprintf(a, "%s/g%d_%d", dirs[d], me, i);
            unlink(a);
        }
    return rmdir(own) < 0 ? 6 : 0;
}
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 2, bad = 0, st;
    MUST(mkdir("common", 0755));
    for (int i = 0; i < n; i++)
        if (kit_fork() == 0)
            _exit(work(i));
    for (int i = 0; i < n; i++) {
        MUST(wait(&st));
        bad += st != 0;
    }
    int left = rmdir("common");
    printf("files: %d processes, %d bad, common %s\n", n, bad, left ? ename(errno) : "empty");
    return bad || left;
}
