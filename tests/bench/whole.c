/*
 * Rows of whole programs: Debian's, unmodified. One operation is the whole run, from fork to
 * the end. What they work on is made before the time begins. dbench's is a megabyte of its load.
 */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FOLDERS = 20, FILES = 15, LINES = 20000, COMMANDS = 1000, WORDS = 160000 };

/* Where programs from packages lie, with the libraries that they need. */
#define PACKAGES "/bench/packages"
#define LOADED                                                                 \
    PACKAGES "/lib64/ld64.so.2 --library-path " PACKAGES                       \
             "/usr/lib/powerpc64le-linux-gnu:" PACKAGES "/lib/powerpc64le-linux-gnu "

/* The same numbers on every machine and every run. */
static unsigned number(void)
{
    static unsigned state = 42;
    state = state * 1103515245u + 12345u;
    return state >> 16 & 0x7fff;
}

/* Shows the end of what a command has said, and gives up. */
static void fail_with_output(const char *what)
{
    char last[300] = "";
    int out = open(scratch("whole.out"), O_RDONLY);
    if (out >= 0 && lseek(out, -(off_t)(sizeof last - 1), SEEK_END) < 0)
        lseek(out, 0, SEEK_SET);
    if (out >= 0 && read(out, last, sizeof last - 1) > 0)
        puts(last);
    fail(what);
}

/* Runs a command with the shell; its output goes to a file, since a console is slow. */
static void run(const char *command)
{
    int status;
    pid_t child = MUST(fork());
    if (child == 0) {
        int out = open(scratch("whole.out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (out < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || chdir(scratch("")) != 0)
            _exit(126);
        execl("/bin/busybox", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        fail_with_output("the command's status");
}

static void each(long n, const char *command)
{
    while (n--)
        run(command);
}

static FILE *make(const char *name)
{
    FILE *file = fopen(scratch(name), "w");
    if (!file)
        fail(name);
    return file;
}

static void make_tree(void)
{
    char name[64];
    mkdir(scratch("tree"), 0700);
    for (int folder = 0; folder < FOLDERS; folder++) {
        snprintf(name, sizeof name, "tree/%d", folder);
        mkdir(scratch(name), 0700);
        for (int file = 0; file < FILES; file++) {
            snprintf(name, sizeof name, "tree/%d/%d", folder, file);
            FILE *f = make(name);
            for (int line = 0; line < 100; line++)
                fprintf(f, "line %d of file %d: %u\n", line, file, number());
            if (file == 7)
                fputs("needle\n", f);
            fclose(f);
        }
    }
}

static void make_lines(void)
{
    FILE *f = make("lines");
    for (int i = 0; i < LINES; i++)
        fprintf(f, "%05u %05u\n", number(), number());
    fclose(f);
}

static void make_words(void)
{
    FILE *f = make("words");
    for (int i = 0; i < WORDS; i++)
        fprintf(f, "word%u ", number() % 500);
    fclose(f);
}

static void make_postmark(void)
{
    FILE *f = make("postmark.conf");
    fprintf(f, "set location %s\nset number 500\nset transactions 2000\nset seed 42\nrun\nquit\n",
            scratch("pm"));
    fclose(f);
    mkdir(scratch("pm"), 0700);
}

static void clean(void) { run("rm -rf tree lines words sorted words.gz pm db postmark.conf a.tar"); }

static void script(long n)
{
    char command[200];
    snprintf(command, sizeof command,
             "i=0; while [ $i -lt %d ]; do /bin/busybox true; i=$((i+1)); done", COMMANDS);
    each(n, command);
}

static void tar(long n) { each(n, "tar cf a.tar tree && tar tf a.tar"); }
static void sort(long n) { each(n, "sort lines >sorted && sort -n -k 2 lines >sorted"); }
static void find(long n) { each(n, "find tree -type f | xargs grep -l needle"); }
static void gzip(long n) { each(n, "gzip -c words >words.gz && gunzip -c words.gz >words"); }
static void postmark(long n) { each(n, LOADED PACKAGES "/usr/bin/postmark postmark.conf"); }

static void make_folder(void) { mkdir(scratch("db"), 0700); }

/* dbench runs for a time and tells how much it did, so its figure is what a megabyte costs. */
static void dbench(long n)
{
    double throughput = 0;
    char line[200];
    each(n, LOADED PACKAGES "/usr/bin/dbench -t 2 -D db -c " PACKAGES
                            "/usr/share/dbench/client.txt 1");
    FILE *out = fopen(scratch("whole.out"), "r");
    while (out && fgets(line, sizeof line, out))
        sscanf(line, "Throughput %lf MB/sec", &throughput);
    if (throughput <= 0)
        fail_with_output("dbench told no throughput");
    own_figure = 1e9 / throughput;
}

const struct row whole_rows[] = {
    { "sh_1000_commands", 1, NULL, script, NULL },
    { "tar_tree", 1, make_tree, tar, clean },
    { "sort_lines", 1, make_lines, sort, clean },
    { "find_xargs_grep", 1, make_tree, find, clean },
    { "gzip_1M", 1, make_words, gzip, clean },
    { "postmark", 1, make_postmark, postmark, clean },
    { "dbench_1M", 1, make_folder, dbench, clean },
    { NULL },
};
