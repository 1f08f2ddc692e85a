/* sendfile: file to pipe and to file, with and without an offset. */
#include "kit.h"
#include <sys/sendfile.h>
int main(void)
{
    char b[32] = "";
    int p[2];
    put_file("f", "0123456789");
    int in = MUST(open("f", O_RDONLY)), out = MUST(open("g", O_CREAT | O_WRONLY, 0644));
    MUST(pipe(p));
    SHOW(sendfile(p[1], in, NULL, 4));
    SHOW(read(p[0], b, 32));
    printf("%s\n", b);
    off_t at = 6;
    SHOW(sendfile(out, in, &at, 100));
    printf("%ld\n", (long)at);
    SHOW(lseek(in, 0, SEEK_CUR));
    cat_file("g");
    SHOW(sendfile(out, in, NULL, 100));
    cat_file("g");
    SHOW(sendfile(out, in, NULL, 100));
    SHOW(sendfile(in, in, NULL, 1));
    SHOW(sendfile(out, p[0], NULL, 1));
    SHOW(sendfile(999, in, NULL, 1));
    return 0;
}
