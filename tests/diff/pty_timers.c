/* VMIN and VTIME outside canonical mode: how many bytes a read gives, and how long it waits for them. */
#include "kit.h"
#include <pty.h>
static int m, s;
static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
static void set(int minimum, int tenths)
{
    struct termios t;
    MUST(tcgetattr(s, &t));
    cfmakeraw(&t);
    t.c_cc[VMIN] = minimum;
    t.c_cc[VTIME] = tenths;
    MUST(tcsetattr(s, TCSANOW, &t));
    printf("VMIN %d VTIME %d\n", minimum, tenths);
    fflush(stdout);
}
/* Types one byte, `times` times, each after so many milliseconds. */
static pid_t typist(int times, int ms)
{
    pid_t pid = kit_fork();
    if (pid == 0) {
        for (int i = 0; i < times; i++) {
            msleep(ms);
            MUST(write(m, "z", 1));
        }
        _exit(0);
    }
    return pid;
}
static int ready(void)
{
    struct pollfd p = { .fd = s, .events = POLLIN };
    return poll(&p, 1, 0);
}
static void handler(int n) { (void)n; }
int main(void)
{
    char b[100];
    MUST(openpty(&m, &s, NULL, NULL, NULL));
    set(0, 0);
    SHOW(ready());
    SHOW(read(s, b, 9));
    MUST(write(m, "ab", 2));
    SHOW(ready());
    SHOW(read(s, b, 9));

    set(0, 3);
    SHOW(ready());
    double start = seconds();
    SHOW(read(s, b, 9));
    double took = seconds() - start;
    IS(took > 0.25 && took < 1.5);
    pid_t pid = typist(1, 50);
    SHOW(read(s, b, 9));
    reap("typist", pid);
    MUST(fcntl(s, F_SETFL, O_NONBLOCK));
    SHOW(read(s, b, 9));
    MUST(fcntl(s, F_SETFL, 0));
    MUST(write(m, "abc", 3));
    SHOW(read(s, b, 2));
    SHOW(read(s, b, 2));

    set(5, 3);
    MUST(write(m, "abc", 3));
    SHOW(ready());
    start = seconds();
    SHOW(read(s, b, 9));
    took = seconds() - start;
    IS(took > 0.25 && took < 1.5); /* the timer runs from the last byte */
    pid = typist(7, 20);
    SHOW(read(s, b, 5));
    reap("typist", pid);
    SHOW(read(s, b, 2));
    /* The first byte is waited for as long as it takes. */
    pid = typist(1, 600);
    start = seconds();
    SHOW(read(s, b, 9));
    IS(seconds() - start > 0.8);
    reap("typist", pid);
    MUST(write(m, "abcde", 5));
    SHOW(read(s, b, 3));
    MUST(fcntl(s, F_SETFL, O_NONBLOCK));
    SHOW(read(s, b, 9));
    SHOW(read(s, b, 9));
    MUST(fcntl(s, F_SETFL, 0));
    /* A signal ends it: with what there is, or without anything. */
    struct sigaction a = { .sa_handler = handler };
    struct itimerval soon = { { 0, 0 }, { 0, 50000 } };
    sigaction(SIGALRM, &a, NULL);
    set(5, 20);
    MUST(write(m, "ab", 2));
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(read(s, b, 9));
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(read(s, b, 9));

    set(3, 0);
    MUST(write(m, "ab", 2));
    SHOW(ready());
    MUST(write(m, "c", 1));
    SHOW(ready());
    SHOW(read(s, b, 9));
    MUST(write(m, "ab", 2));
    SHOW(read(s, b, 2)); /* no more than what is asked for */
    /* The master does not heed the settings. */
    set(9, 9);
    MUST(write(s, "xy", 2));
    SHOW(read(m, b, 9));
    return 0;
}
