/* mmap: what it refuses. */
#include "kit.h"
static void try(const char *what, void *at, size_t len, int prot, int flags, int fd, off_t off)
{
    errno = 0;
    void *p = mmap(at, len, prot, flags, fd, off);
    printf("%s: %s\n", what, p == MAP_FAILED ? ename(errno) : "mapped");
}
int main(void)
{
    put_file("f", "x");
    int r = MUST(open("f", O_RDONLY)), w = MUST(open("f", O_WRONLY)), d = MUST(open(".", O_RDONLY)), p[2];
    MUST(pipe(p));
    try("length 0", NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    try("no sharing kind", NULL, 1, PROT_READ, MAP_ANONYMOUS, -1, 0);
    try("bad descriptor", NULL, 1, PROT_READ, MAP_PRIVATE, 999, 0);
    try("write-only file", NULL, 1, PROT_READ, MAP_PRIVATE, w, 0);
    try("read-only file shared for writing", NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, r, 0);
    try("read-only file shared for reading", NULL, 1, PROT_READ, MAP_SHARED, r, 0);
    try("read-only file private for writing", NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, r, 0);
    try("directory", NULL, 1, PROT_READ, MAP_PRIVATE, d, 0);
    try("pipe", NULL, 1, PROT_READ, MAP_PRIVATE, p[0], 0);
    try("huge", NULL, (size_t)1 << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    try("whole", NULL, (size_t)-1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    try("fixed unaligned", (void *)0x10000001, BLOCK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    try("fixed in the kernel", (void *)0xc000000000000000ul, BLOCK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    char *m = mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, r, 0);
    SHOW(mprotect(m, BLOCK, PROT_READ | PROT_WRITE));
    return 0;
}
