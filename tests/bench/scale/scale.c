/*
 * Work on several CPUs at once, for QEMU's plugin that counts the cache lines which move.
 *
 *   scale CPUS [-l] [ROW...]
 *
 * A row is an operation that one process (or thread) on each CPU repeats: with files, folders,
 * pipes of its own ("independent") or with the same ones ("_shared"). After every operation a worker
 * lets QEMU go on with another CPU, so that operations of different CPUs alternate. What is
 * counted lies between two marks, which the first worker sets. For each row one line is printed:
 * "NAME counted", in the order in which the plugin reports, or "NAME failed: WHY".
 */
#define _GNU_SOURCE
#include "../bench.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 64, LINE = 128, PAGE = 65536 };

struct worker {
    int number;
    int file, ends[2];
    char path[64], folder[64];
    char data[4096];
};

struct kind {
    const char *name;
    void (*operation)(struct worker *, long);
    long n;
    int threads;
};

struct counter {
    volatile int value;
    char rest[LINE - sizeof(int)];
};

/* What the workers meet at; each counter has a line of its own. */
static struct meeting {
    struct counter barriers[6];
    struct counter shared;
} *meeting;

static int cpus;
static int sharing;
static struct worker workers[MOST];
static struct counter own[MOST];

/* QEMU goes on with the next CPU at an instruction that tells the thread's priority. */
static void let_others(void) { __asm__ volatile("or 27,27,27" : : : "memory"); }

static void meet(int which)
{
    __sync_fetch_and_add(&meeting->barriers[which].value, 1);
    while (meeting->barriers[which].value < cpus)
        let_others();
}

static void need(int good, const char *what)
{
    if (!good) {
        printf("failed: %s: %s\n", what, strerror(errno));
        fflush(stdout);
        _exit(1);
    }
}

static void nothing(struct worker *w, long k) { (void)w, (void)k; }
static void own_counter(struct worker *w, long k) { (void)k; own[w->number].value++; }

static void shared_counter(struct worker *w, long k)
{
    (void)w, (void)k;
    __sync_fetch_and_add(&meeting->shared.value, 1);
}

static void getpid_(struct worker *w, long k) { (void)w, (void)k; syscall(SYS_getpid); }

static void open_(struct worker *w, long k)
{
    (void)k;
    int file = open(w->path, O_RDONLY);
    need(file >= 0 && close(file) == 0, "open");
}

static void stat_(struct worker *w, long k)
{
    struct stat status;
    (void)k;
    need(stat(w->path, &status) == 0, "stat");
}

static void read_(struct worker *w, long k)
{
    (void)k;
    need(pread(w->file, w->data, sizeof w->data, 0) == sizeof w->data, "pread");
}

static void create_(struct worker *w, long k)
{
    char path[100];
    snprintf(path, sizeof path, "%s/%d-%ld", w->folder, w->number, k & 15);
    int file = open(path, O_CREAT | O_RDWR, 0600);
    need(file >= 0 && write(file, w->data, 1024) == 1024, "create");
    need(close(file) == 0 && unlink(path) == 0, "unlink");
}

static void mmap_(struct worker *w, long k)
{
    (void)w, (void)k;
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(page != MAP_FAILED, "mmap");
    page[0] = 1;
    need(munmap(page, PAGE) == 0, "munmap");
}

static void fork_(struct worker *w, long k)
{
    int status;
    (void)w, (void)k;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    need(child > 0 && waitpid(child, &status, 0) == child && status == 0, "fork");
}

static void pipe_(struct worker *w, long k)
{
    (void)k;
    need(write(w->ends[1], w->data, 1) == 1 && read(w->ends[0], w->data, 1) == 1, "pipe");
}

static const struct kind kinds[] = {
    { "nothing", nothing, 400, 0 },
    { "own_counter", own_counter, 400, 0 },
    { "shared_counter", shared_counter, 400, 0 },
    { "getpid", getpid_, 400, 0 },
    { "open", open_, 200, 0 },
    { "open_shared", open_, 200, 0 },
    { "stat", stat_, 200, 0 },
    { "stat_shared", stat_, 200, 0 },
    { "read", read_, 200, 0 },
    { "read_shared", read_, 200, 0 },
    { "create", create_, 100, 0 },
    { "create_shared", create_, 100, 0 },
    { "mmap", mmap_, 100, 0 },
    { "mmap_threads", mmap_, 100, 1 },
    { "fork", fork_, 40, 0 },
    { "pipe", pipe_, 200, 0 },
    { NULL },
};

static const struct kind *kind;

static void pin(int cpu)
{
    cpu_set_t set;
    unsigned now = MOST;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    int done = sched_setaffinity(0, sizeof set, &set);
    if (done < 0 && errno == EINVAL && kind->threads) {
        puts("not counted: threads of one process cannot run on CPUs of their choice here");
        fflush(stdout);
        _exit(1);
    }
    need(done == 0, "sched_setaffinity");
    need(syscall(SYS_getcpu, &now, NULL, NULL) == 0, "getcpu");
    errno = 0;
    need(now == (unsigned)cpu, "a worker does not get the CPU that it asked for");
}

static void *work(void *argument)
{
    struct worker *w = argument;
    int whose = sharing ? 0 : w->number;
    pin(w->number);
    snprintf(w->path, sizeof w->path, "/tmp/scale-%d", whose);
    snprintf(w->folder, sizeof w->folder, "/tmp/scale-d%d", whose);
    mkdir(w->folder, 0700);
    w->file = open(w->path, O_CREAT | O_RDWR, 0600);
    need(w->file >= 0 && write(w->file, w->data, sizeof w->data) == sizeof w->data, "a file");
    need(pipe(w->ends) == 0, "a pipe");
    meet(0);
    MARK_FOLLOW();
    /* What happens once has happened before it counts. */
    for (long k = 0; k < kind->n / 2 + 40; k++) {
        kind->operation(w, k);
        let_others();
    }
    meet(1);
    if (w->number == 0)
        MARK_BEGIN();
    meet(2);
    for (long k = 0; k < kind->n; k++) {
        kind->operation(w, k);
        MARK_OPERATION();
        let_others();
    }
    meet(3);
    if (w->number == 0)
        MARK_END();
    meet(4);
    return NULL;
}

static int in_threads(void)
{
    pthread_t threads[MOST];
    for (int i = 0; i < cpus; i++)
        need(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "pthread_create");
    for (int i = 0; i < cpus; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

/* If one worker fails, the others would wait for it for ever. */
static int in_processes(void)
{
    pid_t children[MOST];
    int bad = 0, status;
    for (int i = 0; i < cpus; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            work(&workers[i]);
            _exit(0);
        }
        need(children[i] > 0, "fork");
    }
    for (int left = cpus; left > 0; left--) {
        need(wait(&status) > 0, "wait");
        if (status != 0 && !bad) {
            bad = 1;
            for (int i = 0; i < cpus; i++)
                kill(children[i], SIGKILL);
        }
    }
    return bad;
}

static void run(void)
{
    sharing = strstr(kind->name, "_shared") != NULL;
    memset(meeting, 0, sizeof *meeting);
    for (int i = 0; i < cpus; i++)
        workers[i].number = i;
    printf("%s ", kind->name);
    fflush(stdout);
    int bad = kind->threads ? in_threads() : in_processes();
    if (!bad)
        puts("counted");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 2 || (cpus = atoi(argv[1])) < 1 || cpus > MOST)
        return 2;
    int list = argc > 2 && strcmp(argv[2], "-l") == 0;
    meeting = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    need(meeting != MAP_FAILED, "shared memory");
    /* A console may have something on its first line already. */
    if (!list)
        puts("");
    for (kind = kinds; kind->name; kind++) {
        int wanted = argc <= 2 || list;
        for (int i = 2; i < argc; i++)
            wanted |= strcmp(argv[i], kind->name) == 0;
        if (!wanted)
            continue;
        if (list) {
            puts(kind->name);
            continue;
        }
        fflush(stdout);
        pid_t apart = fork();
        if (apart == 0) {
            run();
            _exit(0);
        }
        need(apart > 0 && waitpid(apart, NULL, 0) == apart, "a process for the row");
    }
    return 0;
}
