/* Rows of single system calls, and of none at all. */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int file;
static char byte;

static void nothing(long n)
{
    while (n--)
        __asm__ volatile("" : : : "memory");
}

static void clock_read(long n)
{
    struct timespec t;
    while (n--)
        clock_gettime(CLOCK_MONOTONIC, &t);
}

static void getpid_raw(long n)
{
    while (n--)
        syscall(SYS_getpid);
}

static void open_zero(void) { file = MUST(open("/dev/zero", O_RDONLY)); }
static void open_null(void) { file = MUST(open("/dev/null", O_WRONLY)); }

static void read_byte(long n)
{
    while (n--)
        MUST(read(file, &byte, 1));
}

static void write_byte(long n)
{
    while (n--)
        MUST(write(file, &byte, 1));
}

static void fstat_stdout(long n)
{
    struct stat st;
    while (n--)
        MUST(fstat(1, &st));
}

static void open_scratch(void) { file = MUST(open(scratch("seek"), O_CREAT | O_RDWR, 0600)); }
static void drop_scratch(void) { unlink(scratch("seek")); }

static void seek(long n)
{
    while (n--)
        lseek(file, 0, SEEK_SET);
}

static void wake_nobody(long n)
{
    int word = 0;
    while (n--)
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void yield(long n)
{
    while (n--)
        sched_yield();
}

static volatile long delivered;

static void count(int signal)
{
    (void)signal;
    delivered++;
}

static void install(long n)
{
    struct sigaction action = { .sa_handler = count };
    while (n--)
        sigaction(SIGUSR1, &action, NULL);
}

static void install_once(void)
{
    delivered = 0;
    install(1);
}

static void signal_self(long n)
{
    pid_t self = getpid();
    for (long i = 0; i < n; i++)
        kill(self, SIGUSR1);
    if (delivered != n)
        fail("a signal was lost");
}

static void sleep_short(long n)
{
    struct timespec t = { 0, 1000 };
    while (n--)
        nanosleep(&t, NULL);
}

const struct row call_rows[] = {
    { "loop_empty", 2000000, NULL, nothing, NULL },
    { "clock_gettime", 200000, NULL, clock_read, NULL },
    { "getpid", 200000, NULL, getpid_raw, NULL },
    { "read1_devzero", 100000, open_zero, read_byte, NULL },
    { "write1_devnull", 100000, open_null, write_byte, NULL },
    { "fstat", 50000, NULL, fstat_stdout, NULL },
    { "lseek", 100000, open_scratch, seek, drop_scratch },
    { "futex_wake_none", 100000, NULL, wake_nobody, NULL },
    { "sched_yield", 50000, NULL, yield, NULL },
    { "sigaction", 50000, NULL, install, NULL },
    { "sig_deliver_self", 20000, install_once, signal_self, NULL },
    { "nanosleep_1us", 200, NULL, sleep_short, NULL },
    { NULL },
};
