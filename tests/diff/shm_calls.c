/* Shared memory of System V: keys, sizes, permissions, attachments over fork, exec and exit, removal. */
#include "kit.h"
#include <sys/ipc.h>
#include <sys/shm.h>

static long attached(int id)
{
    struct shmid_ds ds;
    return shmctl(id, IPC_STAT, &ds) ? -1 : (long)ds.shm_nattch;
}

static void keys(void)
{
    SHOW(shmget(4711, 100, 0600));
    int id = MUST(shmget(4711, 100, IPC_CREAT | 0600));
    IS(shmget(4711, 0, 0) == id);
    IS(shmget(4711, 100, IPC_CREAT | 0600) == id);
    SHOW(shmget(4711, 101, 0));
    SHOW(shmget(4711, 100, IPC_CREAT | IPC_EXCL | 0600));
    SHOW(shmget(IPC_PRIVATE, 0, 0600));
    SHOW(shmget(IPC_PRIVATE, -1, 0600));
    int one = MUST(shmget(IPC_PRIVATE, 1, 0600)), two = MUST(shmget(IPC_PRIVATE, 1, 0600));
    IS(one != two);
    struct shmid_ds ds;
    MUST(shmctl(id, IPC_STAT, &ds));
    printf("key %d size %ld mode %o uid %d cgid %d attached %ld\n", ds.shm_perm.__key, (long)ds.shm_segsz,
           ds.shm_perm.mode, ds.shm_perm.uid, ds.shm_perm.cgid, (long)ds.shm_nattch);
    IS(ds.shm_cpid == getpid());
    IS(ds.shm_lpid == 0);
    IS(ds.shm_atime == 0 && ds.shm_dtime == 0 && ds.shm_ctime != 0);
    ds.shm_perm.mode = 0640;
    ds.shm_perm.uid = 5;
    SHOW(shmctl(id, IPC_SET, &ds));
    MUST(shmctl(id, IPC_STAT, &ds));
    printf("mode %o uid %d cuid %d\n", ds.shm_perm.mode, ds.shm_perm.uid, ds.shm_perm.cuid);
    SHOW(shmctl(id, IPC_STAT, (void *)8));
    SHOW(shmctl(id, 99, &ds));
    SHOW(shmctl(-1, IPC_STAT, &ds));
    SHOW(shmctl(0x7fffffff, IPC_STAT, &ds));
    for (int i = 0; i < 2; i++) {
        SHOW(shmctl(id, IPC_RMID, NULL));
        SHOW(shmctl(i ? one : two, IPC_RMID, NULL));
    }
    SHOW(shmget(4711, 100, 0));
}

static void attach(void)
{
    int id = MUST(shmget(IPC_PRIVATE, 2 * BLOCK + 1, 0600));
    char *at = MUST(shmat(id, NULL, 0));
    IS(at[0] == 0 && at[2 * BLOCK] == 0);
    at[0] = 'a';
    /* Somewhere else, by an address in the middle, and over what is there. */
    char *room = MUST(mmap(NULL, 8 * BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    OK(shmat(id, room, 0));
    IS(shmat(id, room, SHM_REMAP) == room);
    IS(room[0] == 'a');
    OK(shmat(id, room + 1, 0));
    OK(shmat(id, NULL, SHM_REMAP));
    MUST(munmap(room + 4 * BLOCK, 4 * BLOCK));
    IS(shmat(id, room + 4 * BLOCK + 5, SHM_RND) == room + 4 * BLOCK);
    char *reads = MUST(shmat(id, NULL, SHM_RDONLY));
    IS(reads[0] == 'a');
    OK(read(0, reads, 0));
    printf("attached %ld\n", attached(id));
    pid_t pid = kit_fork();
    if (pid == 0) {
        printf("in the child %ld\n", attached(id));
        at[1] = 'c';
        SHOW(shmdt(reads));
        printf("in the child %ld\n", attached(id));
        fflush(stdout);
        _exit(0);
    }
    reap("child", pid);
    IS(room[1] == 'c');
    printf("after the child %ld\n", attached(id));
    struct shmid_ds ds;
    MUST(shmctl(id, IPC_STAT, &ds));
    IS(ds.shm_lpid == pid);
    pid = kit_fork();
    if (pid == 0) {
        reads[0] = 'x';
        _exit(1);
    }
    reap("writes what it may read", pid);
    printf("after it %ld\n", attached(id));
    pid = kit_fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "exit 3", NULL);
        _exit(1);
    }
    reap("exec", pid);
    printf("after exec %ld\n", attached(id));
    SHOW(shmdt(room + BLOCK));
    SHOW(shmdt(room + 1));
    SHOW(shmdt(room));
    SHOW(shmdt(room));
    MUST(munmap(reads, 3 * BLOCK));
    printf("attached %ld\n", attached(id));
    /* Removed while attached: it stays, and nobody finds it. */
    SHOW(shmctl(id, IPC_RMID, NULL));
    MUST(shmctl(id, IPC_STAT, &ds));
    printf("mode %o key %d attached %ld\n", ds.shm_perm.mode, ds.shm_perm.__key, (long)ds.shm_nattch);
    IS(at[0] == 'a');
    SHOW(shmdt(at));
    SHOW(shmdt(room + 4 * BLOCK));
    SHOW(shmctl(id, IPC_STAT, &ds));
    OK(shmat(id, NULL, 0));
}

static void others(void)
{
    int id = MUST(shmget(4712, BLOCK, IPC_CREAT | 0640));
    char *mine = MUST(shmat(id, NULL, 0));
    strcpy(mine, "for all");
    pid_t pid = kit_fork();
    if (pid == 0) {
        MUST(shmdt(mine));
        MUST(setgid(1000));
        MUST(setuid(1000));
        struct shmid_ds ds;
        SHOW(shmget(4712, 0, 0400));
        SHOW(shmctl(id, IPC_STAT, &ds));
        SHOW(shmctl(id, IPC_RMID, NULL));
        OK(shmat(id, NULL, SHM_RDONLY));
        fflush(stdout);
        _exit(0);
    }
    reap("another user", pid);
    struct shmid_ds ds;
    MUST(shmctl(id, IPC_STAT, &ds));
    ds.shm_perm.mode = 0604;
    MUST(shmctl(id, IPC_SET, &ds));
    pid = kit_fork();
    if (pid == 0) {
        MUST(setgid(1000));
        MUST(setuid(1000));
        int found = MUST(shmget(4712, 0, 0400));
        IS(found == id);
        char *theirs = MUST(shmat(found, NULL, SHM_RDONLY));
        printf("reads %s\n", theirs);
        OK(shmat(found, NULL, 0));
        fflush(stdout);
        _exit(0);
    }
    reap("another user", pid);
    MUST(shmctl(id, IPC_RMID, NULL));
    /* Who is killed lets go as well. */
    id = MUST(shmget(IPC_PRIVATE, BLOCK, 0600));
    int p[2];
    MUST(pipe(p));
    pid = kit_fork();
    if (pid == 0) {
        MUST(shmat(id, NULL, 0));
        MUST(write(p[1], "x", 1));
        pause();
    }
    char byte;
    MUST(read(p[0], &byte, 1));
    printf("attached %ld\n", attached(id));
    kill(pid, SIGKILL);
    reap("killed", pid);
    printf("attached %ld\n", attached(id));
    MUST(shmctl(id, IPC_RMID, NULL));
}

int main(void)
{
    keys();
    attach();
    others();
    return 0;
}
