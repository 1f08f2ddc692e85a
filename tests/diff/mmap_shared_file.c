/* A shared mapping is the file: for read, write, other mappings, other processes. */
#include "kit.h"
int main(void)
{
    char b[16] = "";
    put_file("f", "0123456789");
    int fd = MUST(open("f", O_RDWR));
    char *p = mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *q = mmap(NULL, 10, PROT_READ, MAP_SHARED, fd, 0);
    IS(p != q);
    p[0] = 'A';
    SHOW(pread(fd, b, 10, 0));
    printf("%s\n", b);
    MUST(pwrite(fd, "B", 1, 1));
    printf("%.10s %.10s\n", p, q);
    pid_t pid = kit_fork();
    if (pid == 0) {
        p[2] = 'C';
        int other = MUST(open("f", O_RDWR));
        char *r = mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
        r[3] = 'D';
        _exit(0);
    }
    reap("child", pid);
    printf("%.10s\n", q);
    SHOW(msync(p, 10, MS_SYNC));
    cat_file("f");
    MUST(munmap(p, 10));
    MUST(munmap(q, 10));
    cat_file("f");
    return 0;
}
