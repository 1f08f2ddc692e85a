/* exec: everything that it refuses; the caller goes on. */
#include "kit.h"
static void try(const char *path)
{
    char *args[] = { (char *)path, NULL }, *env[] = { NULL };
    execve(path, args, env);
    printf("%s: %s\n", path, ename(errno));
}
static void make(const char *path, const void *text, size_t len, int mode)
{
    int fd = MUST(open(path, O_CREAT | O_WRONLY | O_TRUNC, mode));
    MUST(write(fd, text, len));
    close(fd);
}
int main(void)
{
    char elf[64] = "\177ELF\2\1\1";
    char b[200];
    try("missing");
    try("missing/x");
    MUST(mkdir("dir", 0755));
    try("dir");
    make("plain", "text\n", 5, 0644);
    try("plain");
    try("plain/x");
    make("text", "text\n", 5, 0755);
    try("text");
    make("empty", "", 0, 0755);
    try("empty");
    make("elf", elf, sizeof elf, 0755);
    try("elf");
    int in = MUST(open("/bin/busybox", O_RDONLY));
    MUST(read(in, b, sizeof b));
    make("short", b, 63, 0755);
    try("short");
    b[18] = 62; /* another machine */
    make("foreign", b, sizeof b, 0755);
    try("foreign");
    make("script", "#!/missing\n", 11, 0755);
    try("script");
    make("todir", "#!dir\n", 6, 0755);
    try("todir");
    make("nothing", "#!\n", 3, 0755);
    try("nothing");
    make("loop", "#!./loop\n", 9, 0755);
    try("./loop");
    MUST(symlink("round", "round"));
    try("round");
    MUST(mkfifo("fifo", 0755));
    try("fifo");
    char *args[] = { "x", NULL };
    SHOW(execve((char *)8, args, NULL));
    SHOW(execve("/bin/busybox", (char **)8, NULL));
    char *bad[] = { "x", (char *)8, NULL };
    SHOW(execve("/bin/busybox", bad, NULL));
    int w = MUST(open("text", O_WRONLY));
    (void)w;
    make("busy", "#!/bin/busybox true\n", 20, 0755);
    return 0;
}
