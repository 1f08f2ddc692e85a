/*
 * Micro-benchmarks: what a row is.
 *
 * A row has a body that performs an operation `n` times and is timed as a whole; what it
 * needs before and after is not timed. Under QEMU's -icount shift=0 one guest instruction
 * takes one nanosecond, so the time per operation is the instructions per operation.
 * The program is plain Linux: the same binary runs on K42 and on Linux.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

struct row {
    const char *name;
    long n;                    /* operations that are timed */
    void (*before)(void);      /* may be NULL */
    void (*body)(long n);
    void (*after)(void);       /* may be NULL */
};

/*
 * Marks for QEMU plugins (tools/plugin): instructions that do nothing else. What is between
 * BEGIN and END is counted; OPERATION says that one operation is done.
 */
#ifdef __powerpc64__
#define MARK(number) __asm__ volatile("ori " #number "," #number ",0" : : : "memory")
#else
#define MARK(number) ((void)0)
#endif
#define MARK_FOLLOW() MARK(20)
#define MARK_BEGIN() MARK(21)
#define MARK_END() MARK(22)
#define MARK_OPERATION() MARK(23)

/* Ends the row with a message when a call has failed. */
void fail(const char *what) __attribute__((noreturn));
#define MUST(call)                                                             \
    ({                                                                         \
        __typeof__(call) result_ = (call);                                     \
        if (result_ == (__typeof__(call))-1)                                   \
            fail(#call);                                                       \
        result_;                                                               \
    })

/* Nanoseconds per operation, for a body that knows it better than the clock around it. */
extern double own_figure;

/* A path in the folder for scratch files; one buffer, valid until the next call. */
const char *scratch(const char *name);

/* The program that does nothing but exit. */
extern const char *tiny_path;

/* The rows, by subject; each table ends with a row without a name. */
extern const struct row call_rows[], memory_rows[], file_rows[], process_rows[], talk_rows[],
    thread_rows[], whole_rows[];

#endif
