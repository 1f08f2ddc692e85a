/*
 * @timeout 60 @k42
 * Calls to each server that its interfaces do not know: every method number on the root, with arguments that mean
 * nothing; bad handles; lengths that do not fit; the kernel's own method from a process.
 */
#include "kit.h"
#include "k42.h"
#include <grp.h>

static const struct {
    const char *name;
    unsigned long process;
} servers[] = { { "memory", K42_MEMORY }, { "process", K42_PROCESS }, { "name", K42_NAME }, { "kfs", K42_KFS },
    { "console", K42_CONSOLE } };
enum { SERVERS = sizeof servers / sizeof servers[0] };

static unsigned long seed = 88172645463325252ul;
static unsigned long any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    /* Small numbers, huge ones, and what is in between. */
    return seed >> (seed % 61);
}

/* Calls with methods of all interfaces, known and unknown, and arguments by chance. One may end or empty this process. */
static int noise(unsigned long process, unsigned long handle, int wild_handles)
{
    static char page[K42_SLOT_SIZE];
    int refused = 0;
    for (unsigned interface = 0; interface < 16; interface++)
        for (unsigned method = 0; method < 56; method++) {
            unsigned long words[5] = { any(), any(), any(), any(), any() };
            unsigned slot = k42_spare_slot();
            for (int i = 0; i < 64; i++)
                page[i] = (char)any();
            memcpy(k42_slot(slot), page, 64);
            unsigned length = any() % (K42_SLOT_SIZE + 1);
            unsigned long to = wild_handles ? any() << 32 | (any() & 0xffff) : handle;
            refused += k42_call(k42_any(process), to, k42_word(interface << 8 | method, slot, length), words) < 0;
        }
    return refused;
}

int main(void)
{
    static const unsigned long none[5], fault[5] = { 1, 0, 0x1000, 1, 0x1000 };
    for (int i = 0; i < SERVERS; i++) {
        unsigned long to = k42_any(servers[i].process);
        unsigned slot = k42_spare_slot();
        printf("%s\n", servers[i].name);
        printf("  no interface: %s\n", k42_name(k42_call(to, 0, k42_word(0xfe01, slot, 0), none)));
        printf("  method 0: %s\n", k42_name(k42_call(to, 0, k42_word(0, slot, 0), none)));
        printf("  the kernel's method: %s\n", k42_name(k42_call(to, 0, k42_word(0xff00, slot, 0), fault)));
        printf("  a handle of nobody: %s\n", k42_name(k42_call(to, 0x7fffffff12345678ul, k42_word(0x0601, slot, 0), none)));
        fflush(stdout);
        for (int wild = 0; wild < 2; wild++) {
            /* What a call does to its own process is its own affair, so another one makes them; it may not live long. */
            pid_t pid = kit_fork();
            if (pid == 0) {
                /* Root may power off. */
                MUST(setgroups(0, NULL));
                MUST(setgid(65534));
                MUST(setuid(65534));
                alarm(20);
                _exit(noise(servers[i].process, 0, wild) > 0 ? 0 : 1);
            }
            int status = 0;
            while (MUST(waitpid(pid, &status, WUNTRACED)) == pid && WIFSTOPPED(status))
                kill(pid, SIGCONT);
            if (wild)
                show_status("  wild handles", status);
        }
        k42_all_goes_on();
    }
    return 0;
}
