/*
 * @arg 3000 @timeout 300
 * Mappings of all kinds come, go, change and are forked at random; a model of what
 * each must hold is kept and compared all the time.
 */
#include "kit.h"
enum { SLOTS = 24 };
static struct { unsigned char *at; size_t len; int value, writable; } m[SLOTS];
static int check(int i) { return m[i].at[0] != m[i].value || m[i].at[m[i].len - 1] != m[i].value || m[i].at[m[i].len / 2] != m[i].value; }
int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 200, wrong = 0, forks = 0;
    unsigned seed = 42;
    for (long step = 0; step < n; step++) {
        seed = seed * 1103515245 + 12345;
        int i = (int)(seed >> 16) % SLOTS, what = (int)(seed >> 24) % 8;
        if (!m[i].at) {
            m[i].len = (1 + (seed >> 12) % 8) * BLOCK;
            m[i].at = mmap(NULL, m[i].len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (m[i].at == MAP_FAILED)
                return 2;
            m[i].writable = 1;
            m[i].value = 0;
        }
        wrong += check(i);
        switch (what) {
        case 0:
            munmap(m[i].at, m[i].len);
            m[i].at = NULL;
            break;
        case 1:
            m[i].writable = !m[i].writable;
            mprotect(m[i].at, m[i].len, m[i].writable ? PROT_READ | PROT_WRITE : PROT_READ);
            break;
        case 2:
            if (m[i].len > BLOCK && !munmap(m[i].at, BLOCK)) {
                m[i].at += BLOCK;
                m[i].len -= BLOCK;
            }
            break;
        case 3:
            if (m[i].writable) {
                size_t len = m[i].len + BLOCK;
                unsigned char *at = mremap(m[i].at, m[i].len, len, MREMAP_MAYMOVE);
                if (at == MAP_FAILED)
                    return 3;
                memset(at + m[i].len, m[i].value, BLOCK);
                m[i].at = at;
                m[i].len = len;
            }
            break;
        case 4:
            if (step % 16 == 0) {
                int st;
                pid_t pid = MUST(fork());
                if (pid == 0) {
                    int bad = 0;
                    for (int k = 0; k < SLOTS; k++)
                        if (m[k].at) {
                            bad += check(k);
                            if (m[k].writable)
                                memset(m[k].at, 255, m[k].len);
                        }
                    _exit(bad != 0);
                }
                MUST(waitpid(pid, &st, 0));
                wrong += st != 0;
                forks++;
            }
            break;
        default:
            if (m[i].writable) {
                m[i].value = (int)(seed >> 8) & 255;
                memset(m[i].at, m[i].value, m[i].len);
            }
        }
    }
    for (int i = 0; i < SLOTS; i++)
        if (m[i].at)
            wrong += check(i);
    printf("mappings: %ld steps, %ld forks, %ld wrong\n", n, forks, wrong);
    return wrong != 0;
}
