/* open: what its flags do. */
#include "kit.h"
int main(void)
{
    char b[16] = "";
    int fd = MUST(open("f", O_RDWR | O_CREAT | O_EXCL, 0640));
    IS(fd == 3);
    MUST(write(fd, "hello", 5));
    close(fd);
    fd = MUST(open("f", O_WRONLY | O_APPEND));
    MUST(write(fd, "+", 1));
    IS(fcntl(fd, F_GETFL) & O_APPEND);
    close(fd);
    cat_file("f");
    fd = MUST(open("f", O_RDONLY));
    SHOW(write(fd, "x", 1));
    close(fd);
    fd = MUST(open("f", O_WRONLY));
    SHOW(read(fd, b, 1));
    close(fd);
    fd = MUST(open("f", O_WRONLY | O_TRUNC));
    SHOW(lseek(fd, 0, SEEK_END));
    close(fd);
    fd = MUST(open("f", O_RDONLY | O_CLOEXEC));
    SHOW(fcntl(fd, F_GETFD));
    close(fd);
    fd = MUST(open(".", O_RDONLY | O_DIRECTORY));
    SHOW(read(fd, b, 1));
    close(fd);
    fd = MUST(open("f", O_PATH));
    SHOW(read(fd, b, 1));
    struct stat st;
    SHOW(fstat(fd, &st));
    IS(S_ISREG(st.st_mode));
    close(fd);
    fd = MUST(creat("g", 0600));
    SHOW(write(fd, "x", 1));
    SHOW(read(fd, b, 1));
    return 0;
}
