/*
 * Runs rows and prints "NAME TENTHS" for each: tenths of a nanosecond per operation.
 *
 *   bench [-d FOLDER] [-t TINY] [-l] [ROW...]
 *
 * Every row runs in its own process, so that one that fails is reported as
 * "NAME failed: WHAT" and the rest go on. -l lists the rows, with how often
 * each does its operation.
 */
#include "bench.h"
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *folder = "/tmp";
const char *tiny_path = "/bench/tiny";
static const char *running;
double own_figure;

static const struct row *const tables[] = {
    call_rows, memory_rows, file_rows, process_rows, talk_rows, thread_rows,
    whole_rows,
};

void fail(const char *what)
{
    printf("%s failed: %s: %s\n", running, what, strerror(errno));
    fflush(stdout);
    _exit(1);
}

const char *scratch(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void measure(const struct row *row)
{
    running = row->name;
    if (row->before)
        row->before();
    uint64_t start = now();
    MARK_BEGIN();
    row->body(row->n);
    MARK_END();
    uint64_t spent = now() - start;
    if (row->after)
        row->after();
    double each = own_figure > 0 ? own_figure : (double)spent / (double)row->n;
    printf("%s %llu\n", row->name, (unsigned long long)(each * 10));
    fflush(stdout);
}

static void apart(const struct row *row)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        measure(row);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        printf("%s failed: no process for it: %s\n", row->name, strerror(errno));
    else if (WIFSIGNALED(status))
        printf("%s failed: killed by signal %d\n", row->name, WTERMSIG(status));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int option, list = 0;
    while ((option = getopt(argc, argv, "d:t:l")) != -1) {
        switch (option) {
        case 'd': folder = optarg; break;
        case 't': tiny_path = optarg; break;
        case 'l': list = 1; break;
        default: return 2;
        }
    }
    /* A console may have something on its first line already. */
    if (!list)
        puts("");
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const struct row *row = tables[t]; row->name; row++) {
            int wanted = optind >= argc;
            for (int i = optind; i < argc; i++)
                wanted |= strcmp(argv[i], row->name) == 0;
            if (!wanted)
                continue;
            if (list)
                printf("%s %ld\n", row->name, row->n);
            else
                apart(row);
        }
    }
    return 0;
}
