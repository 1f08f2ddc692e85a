/* telldir and seekdir come back to the same entry; "." and ".." are there. */
#include "kit.h"
int main(void)
{
    char names[40][64];
    long at[40];
    int n = 0, wrong = 0, dots = 0;
    struct dirent *e;
    for (int i = 0; i < 30; i++) {
        char name[16];
        sprintf(name, "entry%d", i);
        put_file(name, "");
    }
    DIR *d = opendir(".");
    for (;;) {
        at[n] = telldir(d);
        if (!(e = readdir(d)))
            break;
        dots += !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
        strcpy(names[n++], e->d_name);
    }
    printf("%d entries, %d dots\n", n, dots);
    for (int i = n - 1; i >= 0; i -= 3) {
        seekdir(d, at[i]);
        e = readdir(d);
        wrong += !e || strcmp(e->d_name, names[i]);
    }
    printf("%d wrong\n", wrong);
    struct stat a, b;
    MUST(stat(".", &a));
    rewinddir(d);
    while ((e = readdir(d)))
        if (!strcmp(e->d_name, "."))
            IS(e->d_ino == a.st_ino);
        else if (!strcmp(e->d_name, "..") && !stat("..", &b))
            IS(e->d_ino == b.st_ino);
    return 0;
}
