/*
 * asuser - run a program as another user.
 *
 *     asuser UID PROGRAM [ARGUMENT...]
 */
#define _GNU_SOURCE
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    uid_t id;

    if (argc < 3) {
        fprintf(stderr, "usage: asuser UID PROGRAM [ARGUMENT...]\n");
        return 125;
    }
    id = (uid_t)atoi(argv[1]);
    if (setgroups(0, NULL) < 0 || setgid(id) < 0 || setuid(id) < 0) {
        perror("asuser");
        return 125;
    }
    /* The applets of busybox need no links that way. */
    argv[1] = "busybox";
    execv("/bin/busybox", argv + 1);
    perror(argv[2]);
    return 127;
}
