/* Times of files: set, now, kept; moved by what is done to them. */
#include "kit.h"
#include <utime.h>
int main(void)
{
    struct stat st, old;
    struct timespec t[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } };
    put_file("f", "x");
    SHOW(utimensat(AT_FDCWD, "f", t, 0));
    MUST(stat("f", &st));
    printf("%ld.%09ld %ld.%09ld\n", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    t[0].tv_nsec = UTIME_OMIT;
    t[1].tv_nsec = UTIME_NOW;
    SHOW(utimensat(AT_FDCWD, "f", t, 0));
    MUST(stat("f", &st));
    printf("%ld\n", st.st_atim.tv_sec);
    IS(st.st_mtim.tv_sec > 1500000000);
    t[1].tv_nsec = 2000000000;
    t[0].tv_nsec = 0;
    SHOW(utimensat(AT_FDCWD, "f", t, 0));
    SHOW(utimensat(AT_FDCWD, "missing", NULL, 0));
    struct utimbuf u = { 5, 6 };
    SHOW(utime("f", &u));
    MUST(stat("f", &old));
    printf("%ld %ld\n", (long)old.st_atime, (long)old.st_mtime);
    int fd = MUST(open("f", O_RDWR));
    msleep(20);
    MUST(write(fd, "y", 1));
    MUST(fstat(fd, &st));
    IS(st.st_mtime > 6);
    IS(st.st_ctim.tv_sec > old.st_ctim.tv_sec || st.st_ctim.tv_nsec > old.st_ctim.tv_nsec);
    old = st;
    msleep(20);
    MUST(chmod("f", 0600));
    MUST(fstat(fd, &st));
    IS(st.st_mtim.tv_nsec == old.st_mtim.tv_nsec);
    IS(st.st_ctim.tv_sec > old.st_ctim.tv_sec || st.st_ctim.tv_nsec > old.st_ctim.tv_nsec);
    MUST(mkdir("d", 0755));
    t[0].tv_nsec = t[1].tv_nsec = 0;
    MUST(utimensat(AT_FDCWD, "d", t, 0));
    put_file("d/new", "");
    MUST(stat("d", &st));
    IS(st.st_mtime > 1500000000);
    pid_t pid = kit_fork();
    if (pid == 0) {
        MUST(chmod("f", 0644));
        MUST(setuid(1000));
        SHOW(utimensat(AT_FDCWD, "f", t, 0));
        SHOW(utimensat(AT_FDCWD, "f", NULL, 0));
        fflush(stdout);
        _exit(0);
    }
    reap("user", pid);
    return 0;
}
