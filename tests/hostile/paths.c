/*
 * Paths made to wear out the walk: loops of links, links of links that double,
 * names and paths of every length around the limits.
 */
#include "kit.h"
int main(void)
{
    char name[300], path[5000], to[64];
    /* A ring of a hundred links. */
    for (int i = 0; i < 100; i++) {
        sprintf(name, "ring%d", i);
        sprintf(to, "ring%d", (i + 1) % 100);
        MUST(symlink(to, name));
    }
    SHOW(open("ring0", O_RDONLY));
    SHOW(chdir("ring50"));
    SHOW(open("ring99/x", O_CREAT | O_WRONLY, 0644));
    /* Each level names the one below twice: 2^40 steps if nobody counts. */
    MUST(mkdir("e0", 0755));
    for (int i = 1; i < 40; i++) {
        sprintf(name, "e%d", i);
        sprintf(path, "e%d/../e%d", i - 1, i - 1);
        MUST(symlink(path, name));
    }
    SHOW(access("e3", F_OK));
    SHOW(access("e39", F_OK));
    /* Links to themselves with more behind. */
    MUST(symlink("self/self/self", "self"));
    SHOW(access("self", F_OK));
    SHOW(lseek(open("self/..", O_RDONLY), 0, SEEK_SET));
    /* Name lengths. */
    for (int n = 254; n <= 257; n++) {
        memset(name, 'n', n);
        name[n] = 0;
        errno = 0;
        int fd = open(name, O_CREAT | O_WRONLY, 0644);
        printf("name of %d: %s\n", n, ename(fd < 0 ? errno : 0));
    }
    /* Path lengths: the limit of 4096 counts the end. */
    for (int n = 4094; n <= 4098; n++) {
        memset(path, '/', sizeof path);
        memcpy(path, "./", 2);
        path[n - 1] = '.';
        path[n] = 0;
        errno = 0;
        int r = access(path, F_OK);
        printf("path of %d: %s\n", n, ename(r < 0 ? errno : 0));
    }
    /* A tree deeper than a path can say, walked step by step. */
    MUST(mkdir("deep", 0755));
    MUST(chdir("deep"));
    for (int i = 0; i < 60; i++) {
        memset(name, 'd', 100);
        name[100] = 0;
        MUST(mkdir(name, 0755));
        MUST(chdir(name));
    }
    errno = 0;
    char *cwd = getcwd(path, sizeof path);
    printf("getcwd: %s\n", cwd ? cwd[0] == '/' ? "a path" : "?" : ename(errno));
    for (int i = 0; i < 60; i++) {
        MUST(chdir(".."));
        MUST(rmdir(name));
    }
    /* Bytes that no shell would type. */
    for (int c = 1; c < 256; c++) {
        name[0] = (char)c;
        name[1] = 'z';
        name[2] = 0;
        if (c != '/')
            MUST(mkdir(name, 0755));
    }
    DIR *d = opendir(".");
    int n = 0;
    while (readdir(d))
        n++;
    SHOW(n);
    return 0;
}
