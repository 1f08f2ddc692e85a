/* Directories: their entries with kinds, rewinding, changes while reading. */
#include "kit.h"
static int by_name(const void *a, const void *b) { return strcmp(a, b); }
static void list(DIR *d)
{
    static char names[64][300];
    struct dirent *e;
    int n = 0;
    while (n < 64 && (e = readdir(d)))
        snprintf(names[n++], 300, "%s %c", e->d_name,
            e->d_type == DT_DIR ? 'd' : e->d_type == DT_REG ? 'f' : e->d_type == DT_LNK ? 'l' : e->d_type == DT_FIFO ? 'p' : '?');
    qsort(names, n, sizeof names[0], by_name);
    for (int i = 0; i < n; i++)
        printf(" %s", names[i]);
    printf("\n");
}
int main(void)
{
    put_file("file", "");
    MUST(mkdir("dir", 0755));
    MUST(symlink("file", "link"));
    MUST(mkfifo("fifo", 0644));
    DIR *d = opendir(".");
    list(d);
    put_file("new", "");
    rewinddir(d);
    list(d);
    struct stat st;
    MUST(fstat(dirfd(d), &st));
    IS(S_ISDIR(st.st_mode));
    closedir(d);
    /* Remove all while reading: each is seen once, and nothing is left. */
    MUST(mkdir("many", 0755));
    MUST(chdir("many"));
    for (int i = 0; i < 300; i++) {
        char name[16];
        sprintf(name, "f%d", i);
        put_file(name, "");
    }
    d = opendir(".");
    int seen = 0;
    struct dirent *e;
    while ((e = readdir(d)))
        if (e->d_name[0] == 'f') {
            seen++;
            MUST(unlink(e->d_name));
        }
    closedir(d);
    printf("seen %d\n", seen);
    MUST(chdir(".."));
    SHOW(rmdir("many"));
    errno = 0;
    IS(!opendir("file") && errno == ENOTDIR);
    IS(!opendir("missing") && errno == ENOENT);
    char b[1024];
    int fd = MUST(open("file", O_RDONLY));
    SHOW(syscall(SYS_getdents64, fd, b, sizeof b));
    fd = MUST(open(".", O_RDONLY));
    SHOW(syscall(SYS_getdents64, fd, b, 4));
    SHOW(syscall(SYS_getdents64, fd, 8, 1024));
    return 0;
}
