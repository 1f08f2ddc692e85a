/* Rows of files and directories. */
#define _GNU_SOURCE
#include "bench.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char path[4200], other[4300];
static char block[65536];
static int file;

static void create_at(const char *name)
{
    snprintf(path, sizeof path, "%s", scratch(name));
    close(MUST(open(path, O_CREAT | O_RDWR, 0600)));
}

static void create_one(void) { create_at("one"); }
static void drop(void) { unlink(path); }

static void open_close(long n)
{
    while (n--)
        close(MUST(open(path, O_RDONLY)));
}

static void stat_path(long n)
{
    struct stat st;
    while (n--)
        MUST(stat(path, &st));
}

static void create_deep(void)
{
    char name[64] = "";
    for (int depth = 1; depth <= 4; depth++) {
        sprintf(name + strlen(name), "%sdeep%d", depth > 1 ? "/" : "", depth);
        mkdir(scratch(name), 0700);
    }
    strcat(name, "/file");
    create_at(name);
}

static void create_write_unlink(long n)
{
    for (long i = 0; i < n; i++) {
        char name[32];
        sprintf(name, "new%ld", i % 16);
        snprintf(path, sizeof path, "%s", scratch(name));
        int fd = MUST(open(path, O_CREAT | O_TRUNC | O_RDWR, 0600));
        MUST(write(fd, block, 1024));
        close(fd);
        MUST(unlink(path));
    }
}

static void thousand(int make)
{
    for (int i = 0; i < 1000; i++) {
        snprintf(other, sizeof other, "%s/entry%04d", path, i);
        if (make)
            close(MUST(open(other, O_CREAT | O_RDWR, 0600)));
        else
            unlink(other);
    }
}

static void fill_directory(void)
{
    snprintf(path, sizeof path, "%s", scratch("full"));
    mkdir(path, 0700);
    thousand(1);
}

static void empty_directory(void)
{
    thousand(0);
    rmdir(path);
}

static void list(long n)
{
    while (n--) {
        int fd = MUST(open(path, O_RDONLY | O_DIRECTORY));
        while (MUST(syscall(SYS_getdents64, fd, block, sizeof block)) > 0)
            ;
        close(fd);
    }
}

static void create_renamed(void)
{
    create_at("name-a");
    snprintf(other, sizeof other, "%s", scratch("name-b"));
}

static void rename_twice(long n)
{
    while (n--) {
        MUST(rename(path, other));
        MUST(rename(other, path));
    }
}

static void open_4k(void)
{
    create_at("four-k");
    file = MUST(open(path, O_RDWR));
    MUST(write(file, block, 4096));
}

static void read_4k(long n)
{
    while (n--)
        MUST(pread(file, block, 4096, 0));
}

static void write_4k(long n)
{
    while (n--)
        MUST(pwrite(file, block, 4096, 0));
}

const struct row file_rows[] = {
    { "open_close", 20000, create_one, open_close, drop },
    { "create_w1K_unlink", 5000, NULL, create_write_unlink, NULL },
    { "stat", 50000, create_one, stat_path, drop },
    { "stat_deep4", 30000, create_deep, stat_path, drop },
    { "getdents_1000", 100, fill_directory, list, empty_directory },
    { "rename_x2", 5000, create_renamed, rename_twice, drop },
    { "pread_4K", 30000, open_4k, read_4k, drop },
    { "pwrite_4K", 30000, open_4k, write_4k, drop },
    { NULL },
};
