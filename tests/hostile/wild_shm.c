/* Shared memory of System V by wild ids, addresses and sizes. */
#include "kit.h"
#include <sys/ipc.h>
#include <sys/shm.h>
int main(void)
{
    static const long words[] = { 0, 1, -1, 4096, 0x7fffffff, 0x80000000, 1L << 46, -4096, 0x3ff100000000, 0x3ff000100000 };
    const int count = sizeof words / sizeof *words;
    int mine = MUST(shmget(IPC_PRIVATE, 4096, 0600));
    for (int a = 0; a < count; a++) {
        shmdt((void *)words[a]);
        for (int b = 0; b < count; b++) {
            shmat(words[a], (void *)words[b], words[a]);
            shmat(mine, (void *)words[a], words[b] & ~SHM_REMAP);
            shmctl(words[a], words[b] & 31, (void *)words[b]);
            if ((words[a] & 31) != IPC_RMID)
                shmctl(mine, words[a] & 31, (void *)words[b]);
            syscall(117, words[a], mine, words[b], words[a], words[b], 0);
        }
    }
    /* All that can be had, and back. */
    int ids[5000], made = 0;
    while (made < 5000 && (ids[made] = shmget(IPC_PRIVATE, 1 << 20, 0600)) >= 0)
        made++;
    IS(made > 10);
    IS(errno == ENOSPC || errno == ENOMEM);
    for (int i = 0; i < made; i++)
        MUST(shmctl(ids[i], IPC_RMID, NULL));
    char *at = MUST(shmat(MUST(shmget(IPC_PRIVATE, 1 << 20, 0600)), NULL, 0));
    at[0] = 1;
    printf("alive\n");
    return 0;
}
