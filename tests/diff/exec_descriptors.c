/* Over exec: descriptors stay with their offsets, close-on-exec ones do not. */
#include "kit.h"
int main(int argc, char **argv)
{
    char b[8] = "";
    if (argc > 1) {
        for (int i = 0; i < 10; i++)
            if (fcntl(i, F_GETFD) < 0)
                printf("%d closed\n", i);
            else
                printf("%d open %d\n", i, (int)lseek(i, 0, SEEK_CUR) > 0 && i > 2 ? (int)lseek(i, 0, SEEK_CUR) : 0);
        SHOW(read(3, b, 3));
        printf("%s\n", b);
        return 0;
    }
    put_file("f", "0123456789");
    int fd = MUST(open("f", O_RDONLY));
    MUST(lseek(fd, 4, SEEK_SET));
    MUST(open("f", O_RDONLY | O_CLOEXEC));
    MUST(dup(fd));
    MUST(fcntl(fd, F_DUPFD_CLOEXEC, 7));
    MUST(dup2(7, 8));
    int p[2];
    MUST(pipe2(p, O_CLOEXEC));
    fflush(stdout);
    execl("/proc/self/exe", "diffc", argv[0], "again", NULL);
    return 9;
}
