/*
 * ptydo - talk to a program through a pseudo-terminal, by a script.
 *
 * The script comes on standard input, a command a line:
 *
 *     run PROGRAM ARGUMENT...   start it on a new terminal (words may be "quoted")
 *     expect TEXT               wait until TEXT came out, past what was matched before
 *     send TEXT                 type it
 *     pause N                   let N milliseconds go by
 *     hangup                    close our side of the terminal
 *     end                       read to the end of the program, and end as it did
 *
 * In TEXT, \n, \xNN and \\ are understood.  What came out of the terminal is shown whole.  If an expected text does not
 * come within five seconds, what came so far is shown and the status is 124.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 1 << 16, WAIT_MS = 5000 };

static char seen[SIZE];  /* all that came out */
static size_t seen_len;
static size_t matched;   /* how far "expect" has come */
static int master = -1;
static pid_t child = -1;

static void fail(const char *what, const char *text)
{
    fwrite(seen, 1, seen_len, stdout);
    printf("\nptydo: %s: %s\n", what, text);
    fflush(stdout);
    if (child > 0)
        kill(-child, SIGKILL);
    _exit(124);
}

static void start(char *line)
{
    char *argv[64];
    int n = 0, slave;

    while (*line && n < 63) {
        char *to;
        while (*line == ' ')
            line++;
        if (!*line)
            break;
        argv[n++] = to = line;
        if (*line == '"') {
            for (line++; *line && *line != '"'; line++)
                *to++ = *line == '\\' && line[1] ? *++line : *line;
            if (*line)
                line++;
        } else {
            while (*line && *line != ' ')
                *to++ = *line++;
        }
        if (*line)
            line++;
        *to = 0;
    }
    argv[n] = NULL;

    master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        fail("no terminal", strerror(errno));
    child = fork();
    if (child < 0)
        fail("fork", strerror(errno));
    if (child == 0) {
        setsid();
        slave = open(ptsname(master), O_RDWR);
        if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
            _exit(126);
        close(master);
        dup2(slave, 0);
        dup2(slave, 1);
        dup2(slave, 2);
        if (slave > 2)
            close(slave);
        execv(argv[0], argv);
        _exit(127);
    }
}

/* Takes what comes within MS milliseconds; 0 at the end of the terminal. */
static int take(int ms)
{
    struct pollfd p = { .fd = master, .events = POLLIN };
    ssize_t n;

    if (poll(&p, 1, ms) <= 0)
        return 1;
    n = read(master, seen + seen_len, SIZE - seen_len);
    if (n <= 0)
        return 0;
    seen_len += (size_t)n;
    return 1;
}

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void expect(const char *text)
{
    long end = now_ms() + WAIT_MS;
    for (;;) {
        char *at = memmem(seen + matched, seen_len - matched, text, strlen(text));
        if (at) {
            matched = (size_t)(at - seen) + strlen(text);
            return;
        }
        if (now_ms() > end)
            fail("did not come", text);
        if (!take(50) && !memmem(seen + matched, seen_len - matched, text, strlen(text)))
            fail("ended before", text);
    }
}

/* Turns \n, \xNN and \\ into bytes, in place; the length of what they make. */
static size_t decode(char *text)
{
    char *to = text, *from = text;
    while (*from) {
        if (*from != '\\') {
            *to++ = *from++;
        } else if (from[1] == 'x') {
            char hex[3] = { from[2], from[3], 0 };
            *to++ = (char)strtol(hex, NULL, 16);
            from += 4;
        } else {
            *to++ = from[1] == 'n' ? '\n' : from[1];
            from += 2;
        }
    }
    *to = 0;
    return (size_t)(to - text);
}

static void type(char *text)
{
    size_t length = decode(text);
    if (write(master, text, length) < 0)
        fail("write", strerror(errno));
}

static int end(void)
{
    int status = 0;
    long until = now_ms() + WAIT_MS;
    while (master >= 0 && take(50))
        if (now_ms() > until)
            fail("did not end", "");
    waitpid(child, &status, 0);
    fwrite(seen, 1, seen_len, stdout);
    printf("\n");
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void)
{
    static char line[4096];

    while (fgets(line, sizeof line, stdin)) {
        char *argument;
        line[strcspn(line, "\n")] = 0;
        argument = strchr(line, ' ');
        argument = argument ? (*argument = 0, argument + 1) : line + strlen(line);
        if (!strcmp(line, "run"))
            start(argument);
        else if (!strcmp(line, "expect")) {
            decode(argument);
            expect(argument);
        }
        else if (!strcmp(line, "send"))
            type(argument);
        else if (!strcmp(line, "pause"))
            for (long until = now_ms() + atoi(argument); now_ms() < until;)
                take((int)(until - now_ms()) + 1);
        else if (!strcmp(line, "hangup")) {
            close(master);
            master = -1;
        } else if (!strcmp(line, "end"))
            return end();
        else
            fail("no such command", line);
    }
    fail("the script", "has no end");
}
