/*
 * @k42
 * The kernel's own calls, by a process without any right: each that needs one is refused, whatever the arguments; the
 * others refuse what is out of range.
 */
#include "kit.h"
#include "k42.h"

static const unsigned long wild[] = { 0, 1, 4, 0x3000, 0x7fffffff, 0x100000000ul, 0x3ff000000000ul,
    0xc000000000000000ul, 0xfffffffffffffff8ul, -1ul };
enum { WILD = sizeof wild / sizeof wild[0] };

int main(void)
{
    struct k42_call call;
    /* All that need a right: SPACE_CREATE to FAULT_DONE. STATISTICS needs one for other processes only. */
    for (unsigned long number = K42_SPACE_CREATE; number < K42_COUNT; number++) {
        if (number == K42_STATISTICS)
            continue;
        const char *answer = NULL;
        int same = 1;
        for (int i = 0; i < WILD; i++) {
            long status = k42_kernel(number, wild[i], wild[(i + 3) % WILD], wild[(i + 5) % WILD], wild[(i + 7) % WILD], 1);
            const char *name = k42_name(status);
            same &= !answer || !strcmp(answer, name);
            answer = name;
        }
        printf("call %lu: %s%s\n", number, answer, same ? "" : ", not always");
        fflush(stdout);
    }
    printf("statistics of the memory server: %s\n", k42_name(k42_kernel(K42_STATISTICS, K42_MEMORY, 0, 0, 0, 0)));
    printf("statistics of nobody: %s\n", k42_name(k42_kernel(K42_STATISTICS, 0xffff, 0, 0, 0, 0)));
    /* What is no call of K42's is one of Linux, which nobody makes who has said that he takes no upcalls. */
    SHOW(syscall(K42_SELECTOR | K42_CALLS, 1, 2, 3, 4, 5));
    SHOW(syscall(K42_SELECTOR | 0xffff, 1, 2, 3, 4, 5));
    pid_t pid = kit_fork();
    if (pid == 0)
        _exit(k42_kernel(K42_CALLS, 1, 2, 3, 4, 5) < 0);
    int status = 0;
    MUST(waitpid(pid, &status, 0));
    IS(WIFSIGNALED(status));
    /* What anybody may do, done wrong. */
    for (int i = 0; i < WILD; i++)
        if (wild[i] % 8 != 0 || wild[i] > K42_PAGE_SIZE)
            printf("resume at wild %d: %s\n", i, k42_name(k42_kernel(K42_RESUME, wild[i], 1, 0, 0, 0)));
    printf("resume at the page's end: %s\n", k42_name(k42_kernel(K42_RESUME, K42_PAGE_SIZE - 8, 1, 0, 0, 0)));
    printf("send to the memory server: %s\n", k42_name(k42_kernel(K42_SEND, k42_any(K42_MEMORY), 6, 1, 1, 1)));
    printf("send to the process server: %s\n", k42_name(k42_kernel(K42_SEND, k42_any(K42_PROCESS), 6, 1, 1, 1)));
    printf("send to nobody: %s\n", k42_name(k42_kernel(K42_SEND, k42_any(0xffff), 1, 1, 1, 1)));
    printf("log of 57 bytes: %s\n", k42_name(k42_kernel(K42_LOG, 57, 0, 0, 0, 0)));
    printf("log of wild length: %s\n", k42_name(k42_kernel(K42_LOG, -1ul, 0, 0, 0, 0)));
    printf("count of nothing: %s\n", k42_name(k42_kernel(K42_COUNT, -1ul, 0, 0, 0, 0)));
    for (int i = 3; i < WILD; i++)
        printf("to wild CPU %d: %s\n", i, k42_name(k42_kernel(K42_CHANGE_CPU, wild[i], 0, 0, 0, 0)));
    /* The status in full: nothing but r3 to r10 is told. */
    memset(&call, 0, sizeof call);
    call.number = K42_SELECTOR | K42_SPACE_CREATE;
    k42_make(&call);
    IS(call.came == K42_DIRECTLY);
    k42_all_goes_on();
    return 0;
}
