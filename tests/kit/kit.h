/*
 * kit.h - what the guest test programs share: short ways to print a result
 * that is the same on every run and on every system (names of errors, never
 * numbers of processes, times or addresses).
 */
#ifndef KIT_H
#define KIT_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* The name of an error: "EBADF"; "0" for none. */
static inline const char *ename(int e)
{
    const char *n = e ? strerrorname_np(e) : "0";
    return n ? n : "E?";
}

/* Prints "what = value" or "what = -1 ENAME". */
#define SHOW(call) \
    do { \
        errno = 0; \
        long show_r = (long)(call); \
        if (show_r == -1) \
            printf("%s = -1 %s\n", #call, ename(errno)); \
        else \
            printf("%s = %ld\n", #call, show_r); \
        fflush(stdout); \
    } while (0)

/* The same for a value that differs from run to run: only "ok" or the error. */
#define OK(call) \
    do { \
        errno = 0; \
        long ok_r = (long)(call); \
        if (ok_r == -1) \
            printf("%s = -1 %s\n", #call, ename(errno)); \
        else \
            printf("%s ok\n", #call); \
        fflush(stdout); \
    } while (0)

/* Prints whether a condition holds. */
#define IS(cond) \
    do { \
        printf("%s: %s\n", #cond, (cond) ? "yes" : "no"); \
        fflush(stdout); \
    } while (0)

/* A step that must work for the case to mean anything; its value. */
#define MUST(call) \
    ({ \
        __typeof__(call) must_r = (call); \
        if ((long)must_r == -1) { \
            printf("line %d: %s: %s\n", __LINE__, #call, ename(errno)); \
            fflush(stdout); \
            _exit(99); \
        } \
        must_r; \
    })

/* Says how a child ended, from its wait status. */
static inline void show_status(const char *who, int st)
{
    if (WIFEXITED(st))
        printf("%s: exit %d\n", who, WEXITSTATUS(st));
    else if (WIFSIGNALED(st))
        printf("%s: signal %s\n", who, sigabbrev_np(WTERMSIG(st)));
    else if (WIFSTOPPED(st))
        printf("%s: stopped %s\n", who, sigabbrev_np(WSTOPSIG(st)));
    else if (WIFCONTINUED(st))
        printf("%s: continued\n", who);
    else
        printf("%s: status %x\n", who, (unsigned)st);
    fflush(stdout);
}

/* Forks with clean output buffers. */
static inline pid_t kit_fork(void)
{
    fflush(stdout);
    return MUST(fork());
}

/* Waits for one child and says how it ended. */
static inline void reap(const char *who, pid_t pid)
{
    int st = 0;
    MUST(waitpid(pid, &st, 0));
    show_status(who, st);
}

/* A new file with this text in it. */
static inline void put_file(const char *path, const char *text)
{
    int fd = MUST(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    MUST(write(fd, text, strlen(text)));
    close(fd);
}

/* Prints the file's text between brackets. */
static inline void cat_file(const char *path)
{
    char b[4096];
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        printf("%s: %s\n", path, ename(errno));
        return;
    }
    ssize_t n = read(fd, b, sizeof b);
    close(fd);
    printf("%s: [%.*s]\n", path, n < 0 ? 0 : (int)n, b);
    fflush(stdout);
}

/* Sleeps so many milliseconds, whatever signals come. */
static inline void msleep(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

/* A block larger than any page: 64 KiB is the largest page of these machines. */
enum { BLOCK = 65536 };

#endif
