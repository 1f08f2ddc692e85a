/* Rows of mapping and faulting: map, touch every so many bytes, unmap. */
#include "bench.h"
#include <sys/mman.h>
#include <unistd.h>

static void *map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        fail("mmap");
    return p;
}

static void touch(long n, size_t bytes, size_t step)
{
    while (n--) {
        volatile char *p = map(bytes);
        for (size_t at = 0; at < bytes; at += step)
            p[at] = 1;
        MUST(munmap((void *)p, bytes));
    }
}

static size_t page(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static void one_page(long n) { touch(n, page(), page()); }
static void many_pages(long n) { touch(n, 256 * page(), page()); }
static void four_kib(long n) { touch(n, 4096, 4096); }
static void one_mib(long n) { touch(n, 1 << 20, 4096); }
static void sixteen_mib(long n) { touch(n, 16 << 20, 4096); }

static volatile char *protected;

static void map_one(void)
{
    protected = map(page());
    protected[0] = 1;
}

static void protect(long n)
{
    size_t bytes = page();
    while (n--) {
        MUST(mprotect((void *)protected, bytes, PROT_READ));
        MUST(mprotect((void *)protected, bytes, PROT_READ | PROT_WRITE));
        protected[0] = (char)n;
    }
}

const struct row memory_rows[] = {
    { "mmap_touch_1pg", 5000, NULL, one_page, NULL },
    { "mmap_touch_256pg", 40, NULL, many_pages, NULL },
    { "mmap_touch_4K", 5000, NULL, four_kib, NULL },
    { "mmap_touch_1M", 400, NULL, one_mib, NULL },
    { "mmap_touch_16M", 30, NULL, sixteen_mib, NULL },
    { "mprotect_ro_rw_tch", 10000, map_one, protect, NULL },
    { NULL },
};
