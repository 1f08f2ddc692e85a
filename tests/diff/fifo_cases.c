/* FIFOs: opening waits, does not wait when told, data in order, end of file. */
#include "kit.h"
int main(void)
{
    char b[64];
    SHOW(mkfifo("p", 0644));
    SHOW(mkfifo("p", 0644));
    SHOW(open("p", O_WRONLY | O_NONBLOCK));
    int r = MUST(open("p", O_RDONLY | O_NONBLOCK));
    SHOW(read(r, b, 1)); /* no writer: end of file */
    int w = MUST(open("p", O_WRONLY | O_NONBLOCK));
    SHOW(read(r, b, 1));
    SHOW(write(w, "abc", 3));
    SHOW(read(r, b, 64));
    close(w);
    SHOW(read(r, b, 64));
    close(r);
    pid_t pid = kit_fork();
    if (pid == 0) {
        int fd = MUST(open("p", O_WRONLY)); /* waits for the reader */
        for (int i = 0; i < 5; i++)
            dprintf(fd, "line %d\n", i);
        _exit(0);
    }
    FILE *f = fopen("p", "r");
    while (fgets(b, sizeof b, f))
        printf("%s", b);
    fclose(f);
    reap("writer", pid);
    int rw = MUST(open("p", O_RDWR));
    SHOW(write(rw, "x", 1));
    SHOW(read(rw, b, 1));
    SHOW(lseek(rw, 0, SEEK_SET));
    return 0;
}
