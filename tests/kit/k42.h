/*
 * k42.h - K42's own calls, made by hand: for programs that do what the library never would. The numbers are those of
 * libk42/abi; a test of the crate k42-tests compares them.
 */
#ifndef K42_H
#define K42_H
#include <stdio.h>
#include <string.h>

/* Calls to the kernel: libk42/abi/src/calls.rs. */
#define K42_SELECTOR 0x4b420000ul
#define K42_CALL 0
#define K42_RETURN 1
#define K42_SEND 2
#define K42_YIELD 3
#define K42_RESUME 4
#define K42_SET_TIMER 5
#define K42_LOG 6
#define K42_SPACE_CREATE 8
#define K42_MAP 10
#define K42_MAP_BATCH 11
#define K42_RECLAIM 15
#define K42_STATISTICS 20
#define K42_COUNT 28
#define K42_CHANGE_CPU 29
#define K42_CALLS 30

/* Processes: libk42/abi/src/ids.rs. */
#define K42_MEMORY 1
#define K42_PROCESS 2
#define K42_NAME 3
#define K42_KFS 4
#define K42_CONSOLE 5
#define K42_ANY 0xfffffffful

/* Errors of K42's own: libk42/abi/src/error.rs. */
#define K42_DELETED 512
#define K42_DEAD 513
#define K42_BUSY 514
#define K42_NO_DISPATCHER 515
#define K42_NO_METHOD 516
#define K42_BAD_HANDLE 517
#define K42_NO_RIGHT 518
#define K42_BAD_MESSAGE 519

/* The dispatcher page: libk42/abi/src/dispatcher.rs. */
#define K42_PAGE_ENTRY 0x40
#define K42_PAGE_CLIENT_SLOTS 0x90
#define K42_PAGE_SERVER_SLOTS 0x94
#define K42_PAGE_COMM_ID 0x38
#define K42_PAGE_SIZE 4096
#define K42_SLOT_SIZE 8192

/* How a call came back. */
enum { K42_DIRECTLY, K42_RETURNED, K42_FAILED };

/* A call: its number, r3-r10 before and after, and how it came back. */
struct k42_call {
    unsigned long number, r[8], came;
};

/*
 * Makes a call with `disabled` set and with entry points of its own for RETURN_IN and CALL_FAILED; whatever way the
 * kernel comes back, the registers that C wants kept are what they were.
 */
void k42_make(struct k42_call *call);

__asm__(
    ".pushsection .bss\n"
    ".balign 8\n"
    "k42_kept: .space 256\n"
    ".popsection\n"
    ".pushsection .text\n"
    ".globl k42_make\n"
    ".type k42_make,@function\n"
    "k42_make:\n"
    "lis 4,k42_kept@ha; addi 4,4,k42_kept@l\n"
    "std 1,0(4); std 2,8(4); mflr 0; std 0,16(4); mfcr 0; std 0,24(4); std 3,32(4)\n"
    "std 13,56(4); std 14,64(4); std 15,72(4); std 16,80(4); std 17,88(4); std 18,96(4); std 19,104(4)\n"
    "std 20,112(4); std 21,120(4); std 22,128(4); std 23,136(4); std 24,144(4); std 25,152(4); std 26,160(4)\n"
    "std 27,168(4); std 28,176(4); std 29,184(4); std 30,192(4); std 31,200(4)\n"
    "mfspr 5,259; li 0,1; std 0,0(5)\n"
    "ld 6,0x68(5); std 6,40(4); ld 6,0x70(5); std 6,48(4)\n"
    "lis 6,2f@ha; addi 6,6,2f@l; std 6,0x68(5)\n"
    "lis 6,3f@ha; addi 6,6,3f@l; std 6,0x70(5)\n"
    "mr 11,3; ld 0,0(11)\n"
    "ld 3,8(11); ld 4,16(11); ld 5,24(11); ld 6,32(11); ld 7,40(11); ld 8,48(11); ld 9,56(11); ld 10,64(11)\n"
    "sc\n"
    "li 11,0; b 4f\n"
    "2: li 11,1; b 4f\n"
    "3: li 11,2\n"
    "4: lis 12,k42_kept@ha; addi 12,12,k42_kept@l\n"
    "ld 1,32(12)\n"
    "std 3,8(1); std 4,16(1); std 5,24(1); std 6,32(1); std 7,40(1); std 8,48(1); std 9,56(1); std 10,64(1)\n"
    "std 11,72(1)\n"
    "ld 1,0(12); ld 2,8(12); ld 0,16(12); mtlr 0; ld 0,24(12); mtcr 0\n"
    "ld 13,56(12); ld 14,64(12); ld 15,72(12); ld 16,80(12); ld 17,88(12); ld 18,96(12); ld 19,104(12)\n"
    "ld 20,112(12); ld 21,120(12); ld 22,128(12); ld 23,136(12); ld 24,144(12); ld 25,152(12); ld 26,160(12)\n"
    "ld 27,168(12); ld 28,176(12); ld 29,184(12); ld 30,192(12); ld 31,200(12)\n"
    "mfspr 5,259\n"
    "ld 6,40(12); std 6,0x68(5); ld 6,48(12); std 6,0x70(5)\n"
    "li 0,0; std 0,0(5)\n"
    "blr\n"
    ".size k42_make,.-k42_make\n"
    ".popsection\n");

/* The address of this process's dispatcher page. */
static inline char *k42_page(void)
{
    char *page;
    __asm__ volatile("mfspr %0,259" : "=r"(page));
    return page;
}

static inline unsigned k42_client_slots(void) { return *(unsigned *)(k42_page() + K42_PAGE_CLIENT_SLOTS); }
static inline unsigned k42_server_slots(void) { return *(unsigned *)(k42_page() + K42_PAGE_SERVER_SLOTS); }
static inline unsigned long k42_own_id(void) { return *(unsigned long *)(k42_page() + K42_PAGE_COMM_ID); }

/* A slot that the library does not use, since it takes the lowest that is free. */
static inline unsigned k42_spare_slot(void) { return k42_client_slots() - 1; }
static inline char *k42_slot(unsigned slot) { return k42_page() + K42_PAGE_SIZE + (unsigned long)slot * K42_SLOT_SIZE; }

/* A call to the kernel with up to five arguments; the status. */
static inline long k42_kernel(unsigned long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
    unsigned long e)
{
    struct k42_call call = { K42_SELECTOR | number, { a, b, c, d, e }, 0 };
    k42_make(&call);
    return (long)call.r[0];
}

static inline unsigned long k42_word(unsigned method, unsigned slot, unsigned length)
{
    return length | (unsigned long)slot << 16 | (unsigned long)method << 32;
}

static inline unsigned long k42_any(unsigned long process) { return process << 32 | K42_ANY; }

/* A protected call; the status, wherever it comes from. */
static inline long k42_call(unsigned long target, unsigned long handle, unsigned long word, const unsigned long words[5])
{
    struct k42_call call = { K42_SELECTOR | K42_CALL,
        { target, handle, word, words[0], words[1], words[2], words[3], words[4] }, 0 };
    k42_make(&call);
    return (long)(call.came == K42_DIRECTLY ? call.r[0] : call.r[1]);
}

/* The name of a status. */
static inline const char *k42_name(long status)
{
    static const char *own[] = { "DELETED", "DEAD", "BUSY", "NO_DISPATCHER", "NO_METHOD", "BAD_HANDLE", "NO_RIGHT",
        "BAD_MESSAGE" };
    if (status >= 0)
        return "no error";
    if (-status >= K42_DELETED && -status <= K42_BAD_MESSAGE)
        return own[-status - K42_DELETED];
    return ename((int)-status);
}

/* That nobody but the caller has suffered: another program runs, memory and files are there. */
static inline void k42_all_goes_on(void)
{
    pid_t pid = kit_fork();
    if (pid == 0) {
        execl("/bin/busybox", "busybox", "true", NULL);
        _exit(99);
    }
    reap("another program", pid);
    put_file("goes-on", "files are there\n");
    cat_file("goes-on");
    char *memory = malloc(1 << 20);
    IS(memory && memset(memory, 7, 1 << 20) == memory);
    free(memory);
}

#endif
