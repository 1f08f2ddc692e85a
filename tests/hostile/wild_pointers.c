/*
 * @timeout 120
 * Every system call that takes a pointer gets pointers that lead nowhere: none,
 * odd ones, the kernel's, the top of the address space, the area where K42 keeps
 * its library, pages without rights.  Whatever the call says, the process and the
 * system go on; and where a call must look at the pointer it must refuse.
 */
#include "kit.h"
#include <linux/futex.h>

/*
 * A call's arguments, a word each:
 *   f  a file, open for reading and writing     d  AT_FDCWD
 *   r  the reading end of an empty pipe         w  its writing end
 *   S  a path, read by the call                 I  memory that it reads
 *   O  memory that it writes                    a number stands for itself
 * The pointer under test is wild, the others are good.
 */
static const struct {
    const char *name;
    int number;
    const char *arguments;
} calls[] = {
#define C(name, arguments) { #name, SYS_##name, arguments }
    C(read, "f O 16"), C(write, "f I 16"), C(open, "S 0 0"), C(creat, "S 420"), C(link, "S S"), C(unlink, "S"),
    C(execve, "S I I"), C(chdir, "S"), C(mknod, "S 4096 0"), C(chmod, "S 420"), C(lchown, "S 0 0"), C(stat, "S O"),
    C(mount, "S S S 0 0"), C(umount2, "S 0"), C(utime, "S I"), C(access, "S 0"), C(rename, "S S"), C(mkdir, "S 493"),
    C(rmdir, "S"), C(pipe, "O"), C(times, "O"), C(acct, "S"), C(chroot, "S"), C(sethostname, "I 8"),
    C(setdomainname, "I 8"), C(setrlimit, "7 I"), C(ugetrlimit, "7 O"), C(getrusage, "0 O"), C(gettimeofday, "O 0"),
    C(settimeofday, "I 0"), C(getgroups, "8 O"), C(setgroups, "2 I"), C(symlink, "S S"), C(readlink, "S O 64"),
    C(uselib, "S"), C(swapon, "S 0"), C(truncate, "S 0"), C(statfs, "S O"), C(fstatfs, "f O"),
    C(setitimer, "0 I O"), C(getitimer, "0 O"), C(lstat, "S O"), C(fstat, "f O"), C(swapoff, "S"), C(sysinfo, "O"),
    C(uname, "O"), C(adjtimex, "O"), C(getdents, "f O 512"), C(_newselect, "1 I I I I"), C(readv, "f I 2"),
    C(writev, "f I 2"), C(sched_setparam, "0 I"), C(sched_getparam, "0 O"), C(sched_setscheduler, "0 0 I"),
    C(sched_rr_get_interval, "0 O"), C(nanosleep, "I 0"), C(getresuid, "O O O"), C(poll, "I 2 0"),
    C(getresgid, "O O O"), C(prctl, "15 S 0 0 0"), C(rt_sigaction, "10 I O 8"), C(rt_sigprocmask, "0 I O 8"),
    C(rt_sigpending, "O 8"), C(rt_sigtimedwait, "I O I 8"), C(rt_sigqueueinfo, "0 10 I"), C(rt_sigsuspend, "I 8"),
    C(pread64, "f O 16 0"), C(pwrite64, "f I 16 0"), C(chown, "S 0 0"), C(getcwd, "O 512"), C(capget, "I O"),
    C(capset, "I I"), C(sigaltstack, "I O"), C(sendfile, "f f O 16"), C(pivot_root, "S S"), C(mincore, "0 65536 O"),
    C(getdents64, "f O 512"), C(setxattr, "S S I 8 0"), C(lsetxattr, "S S I 8 0"), C(fsetxattr, "f S I 8 0"),
    C(getxattr, "S S O 8"), C(lgetxattr, "S S O 8"), C(fgetxattr, "f S O 8"), C(removexattr, "S S"), C(lremovexattr, "S S"),
    C(fremovexattr, "f S"), C(futex, "I 0 99 I 0 0"), C(sched_setaffinity, "0 8 I"), C(sched_getaffinity, "0 128 O"),
    C(io_setup, "1 O"), C(timer_create, "1 I O"), C(clock_settime, "0 I"), C(clock_gettime, "0 O"),
    C(clock_getres, "0 O"), C(clock_nanosleep, "1 0 I 0"), C(utimes, "S I"), C(mq_open, "S 0 0 0"), C(mq_unlink, "S"),
    C(waitid, "0 0 O 5 0"), C(wait4, "-1 O 1 O"), C(inotify_add_watch, "f S 1"), C(openat, "d S 0 0"),
    C(mkdirat, "d S 493"), C(mknodat, "d S 4096 0"), C(fchownat, "d S 0 0 0"), C(futimesat, "d S I"),
    C(newfstatat, "d S O 0"), C(unlinkat, "d S 0"), C(renameat, "d S d S"), C(linkat, "d S d S 0"),
    C(symlinkat, "S d S"), C(readlinkat, "d S O 64"), C(fchmodat, "d S 420"), C(faccessat, "d S 0"),
    C(pselect6, "1 I I I I I"), C(ppoll, "I 2 I I 8"), C(splice, "f O w O 16 0"), C(vmsplice, "w I 1 0"),
    C(utimensat, "d S I 0"), C(signalfd, "-1 I 8"), C(pipe2, "O 0"), C(preadv, "f I 2 0 0"), C(pwritev, "f I 2 0 0"),
    C(rt_tgsigqueueinfo, "0 0 10 I"), C(prlimit64, "0 7 I O"), C(socketpair, "1 1 0 O"), C(socketcall, "1 I"),
    C(renameat2, "d S d S 0"), C(getrandom, "O 16 0"), C(memfd_create, "S 0"), C(execveat, "d S I I 0"),
    C(copy_file_range, "f I f I 16 0"), C(preadv2, "f I 2 0 0 0"), C(pwritev2, "f I 2 0 0 0"), C(statx, "d S 0 0 O"),
    C(getcpu, "O O 0"), C(epoll_ctl, "f 1 r I"), C(name_to_handle_at, "d S O O 0"), C(sched_getattr, "0 O 48 0"),
    C(faccessat2, "d S 0 0"), C(clone3, "I 88"), C(openat2, "d S I 24"),
#undef C
};

enum { CALLS = sizeof calls / sizeof calls[0], MAX = 6 };

static char *good;          /* memory that is there, zero */
static char *none, *readonly;
static int file, pipe_r, pipe_w;

static const char *const kind_names[] = { "null", "odd", "unmapped", "no rights", "kernel", "kernel top", "linux top", "k42 top",
    "k42 library", "k42 library odd", "read-only" };
enum { KINDS = sizeof kind_names / sizeof kind_names[0], READONLY = KINDS - 1 };

static long wild(int kind)
{
    const unsigned long at[] = { 0, 1, 0x5000, (unsigned long)none, 0xc000000000000000ul, 0xfffffffffffffff8ul, 0x7ffffffffff8ul,
        0x3ffffffffff8ul, 0x3ff000000000ul, 0x3ff000001235ul, (unsigned long)readonly };
    return (long)at[kind];
}

/* Fills in the arguments; the pointer number `test` (from 0) gets `value`; how many pointers there are. */
static int fill(const char *spec, long a[MAX], int test, long value, int *writes)
{
    char text[64], *word, *rest = text;
    int n = 0, pointers = 0;
    memset(a, 0, MAX * sizeof a[0]);
    strcpy(text, spec);
    while ((word = strsep(&rest, " "))) {
        switch (*word) {
        case 'f': a[n] = file; break;
        case 'r': a[n] = pipe_r; break;
        case 'w': a[n] = pipe_w; break;
        case 'd': a[n] = AT_FDCWD; break;
        case 'S':
        case 'I':
        case 'O':
            a[n] = *word == 'S' ? (long)"file" : (long)good + 4096 * n;
            if (pointers++ == test) {
                a[n] = value;
                *writes = *word == 'O';
            }
            break;
        default: a[n] = atol(word);
        }
        n++;
    }
    return pointers;
}

/* One call with one wild pointer, in a process of its own: its error, or 0. */
static int attempt(int call, const long a[MAX])
{
    int p[2], e = -1, st;
    MUST(pipe(p));
    pid_t pid = fork();
    if (pid == 0) {
        alarm(3);
        errno = 0;
        long r = syscall(calls[call].number, a[0], a[1], a[2], a[3], a[4], a[5]);
        e = r == -1 ? errno : 0;
        if (getpid() != pid) /* a clone that worked makes a second one of us */
            write(p[1], &e, sizeof e);
        _exit(0);
    }
    close(p[1]);
    if (read(p[0], &e, sizeof e) != sizeof e)
        e = -1;
    close(p[0]);
    MUST(waitpid(pid, &st, 0));
    return WIFSIGNALED(st) ? -WTERMSIG(st) : e;
}

int main(void)
{
    int attempts = 0, writes = 0;

    good = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    none = mmap(NULL, BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    readonly = mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    put_file("file", "some text that is longer than sixteen bytes");
    file = MUST(open("file", O_RDWR));
    int p[2];
    MUST(pipe2(p, O_NONBLOCK));
    pipe_r = p[0];
    pipe_w = p[1];

    gid_t groups[2] = { 1, 2 };
    MUST(syscall(SYS_setgroups, 2, groups));
    for (int c = 0; c < CALLS; c++) {
        long a[MAX];
        int pointers = fill(calls[c].arguments, a, -1, 0, &writes);
        for (int test = 0; test < pointers; test++) {
            int refused = 0, accepted = 0, waits = 0;
            const char *bad = NULL;
            for (int kind = 0; kind < KINDS; kind++) {
                fill(calls[c].arguments, a, test, wild(kind), &writes);
                if (kind == READONLY && !writes)
                    continue;
                int e = attempt(c, a);
                attempts++;
                if (e == -SIGALRM)
                    waits = 1; /* as if there were no time limit */
                else if (e < 0)
                    bad = kind_names[kind];
                else if (e > 0)
                    refused++;
                else if (kind) /* none at all is often allowed */
                    accepted++;
            }
            if (bad)
                printf("%s pointer %d: %s kills\n", calls[c].name, test, bad);
            else if (waits)
                printf("%s pointer %d: waits\n", calls[c].name, test);
            else if (accepted)
                printf("%s pointer %d: %s\n", calls[c].name, test, refused ? "some accepted" : "accepted");
            fflush(stdout);
        }
    }
    printf("%s\n", attempts > 1500 ? "many attempts" : "few attempts");
    /* Still here, and whole. */
    put_file("file", "text");
    cat_file("file");
    return 0;
}
