/*
 * @k42
 * Replies that nobody waits for, and calls that are made wrongly: RETURN without a call, in slots of the wrong kind or
 * beyond all, with lengths beyond a slot; CALL to nobody, to oneself, with such slots and lengths.
 */
#include "kit.h"
#include "k42.h"

static const unsigned long none[5];

static void reply(const char *what, unsigned slot, unsigned length)
{
    printf("%s: %s\n", what, k42_name(k42_kernel(K42_RETURN, 0, k42_word(0, slot, length), 0, 1, 2)));
    fflush(stdout);
}

static void call(const char *what, unsigned long target, unsigned long word)
{
    printf("%s: %s\n", what, k42_name(k42_call(target, 0, word, none)));
    fflush(stdout);
}

int main(void)
{
    unsigned clients = k42_client_slots(), all = clients + k42_server_slots(), spare = k42_spare_slot();
    for (unsigned slot = 0; slot < 256; slot++)
        if (k42_kernel(K42_RETURN, 0, k42_word(0, slot, 0), 0, 1, 2) != -EINVAL)
            printf("slot %u took a reply\n", slot);
    reply("a reply to oneself as client", spare, 8);
    reply("a reply in the first slot behind all", all, 8);
    reply("a reply in slot 255", 255, 0xffff);
    reply("a reply beyond a slot", clients, K42_SLOT_SIZE + 1);
    printf("a reply with the status of a caller: %s\n",
        k42_name(k42_kernel(K42_RETURN, k42_own_id(), -1ul, k42_any(K42_KFS), -1ul, -1ul)));
    call("a call to nobody", k42_any(0), k42_word(1, spare, 0));
    call("a call to process 4095", k42_any(4095), k42_word(1, spare, 0));
    call("a call to a wrong generation", k42_any(0x10000 + K42_KFS), k42_word(1, spare, 0));
    call("a call to no dispatcher", (unsigned long)K42_KFS << 32 | 63, k42_word(1, spare, 0));
    call("a call to oneself", k42_own_id(), k42_word(1, spare, 0));
    call("a call from a server slot", k42_any(K42_KFS), k42_word(1, clients, 0));
    call("a call from slot 255", k42_any(K42_KFS), k42_word(1, 255, 0));
    call("a call beyond a slot", k42_any(K42_KFS), k42_word(1, spare, K42_SLOT_SIZE + 1));
    call("a call of 65535 bytes", k42_any(K42_KFS), k42_word(1, spare, 0xffff));
    k42_all_goes_on();
    /* Entry points that lead nowhere: the kernel enters them in user state, and only this process ends. */
    pid_t pid = kit_fork();
    if (pid == 0) {
        unsigned long *entry = (unsigned long *)(k42_page() + K42_PAGE_ENTRY);
        for (int i = 0; i < 8; i++)
            entry[i] = 0xc000000000000000ul + 0x100ul * i;
        getpid();
        for (;;)
            *(volatile char *)0 = 0;
    }
    int status = 0;
    waitpid(pid, &status, 0);
    IS(WIFSIGNALED(status));
    k42_all_goes_on();
    return 0;
}
