# Two CPUs that hand a word to and fro, for the plugin that counts the cache lines which move: how many do is known
# beforehand. Big-endian, real mode, any load address.
#
# CPU 0 starts CPU 1 (QEMU's RTAS by its hypervisor call H_RTAS, 0xf000), and waits for it. Then each does ROUNDS rounds:
# it waits until the word has its number, counts in a line of its own, reads a line that nobody writes, and gives the
# word the other's number. So in each round each CPU moves the word's line twice: it reads what the other wrote, and it
# writes what the other has a copy of. The marks (see src/mark.rs of the plugin) stand where it is CPU 0's turn, and CPU 0
# has seen that.

        .equ    ROUNDS, 1000

        # Waits until the word is \number; with "or 27,27,27" QEMU goes on with the other CPU.
        .macro wait number
1:      or      %r27, %r27, %r27
        lwz     %r6, turn - base(%r31)
        cmpwi   %r6, \number
        bne     1b
        .endm

        .macro rounds mine, other
        li      %r8, ROUNDS
2:      wait    \mine
        lwz     %r6, count\mine - base(%r31)
        addi    %r6, %r6, 1
        stw     %r6, count\mine - base(%r31)
        lwz     %r6, still - base(%r31)
        ori     %r23, %r23, 0           # one operation
        li      %r6, \other
        stw     %r6, turn - base(%r31)
        addic.  %r8, %r8, -1
        bne     2b
        .endm

        .globl  _start
_start: bl      base
base:   mflr    %r31
        addi    %r6, %r31, second - base
        stw     %r6, start_cpu + 16 - base(%r31)
        li      %r3, 0
        ori     %r3, %r3, 0xf000
        addi    %r4, %r31, start_cpu - base
        sc      1
        wait    0
        ori     %r20, %r20, 0           # follow
        # One round before it counts: CPU 1 has its copy afterwards.
        li      %r6, 1
        stw     %r6, turn - base(%r31)
        wait    0
        ori     %r21, %r21, 0           # begin
        rounds  0, 1
        wait    0
        ori     %r22, %r22, 0           # end
        li      %r3, 0
        ori     %r3, %r3, 0xf000
        addi    %r4, %r31, power_off - base
        sc      1
3:      b       3b

second: bl      4f
4:      mflr    %r31
        addi    %r31, %r31, base - 4b
        li      %r6, 0
        stw     %r6, turn - base(%r31)
        wait    1
        li      %r6, 0
        stw     %r6, turn - base(%r31)
        rounds  1, 0
5:      b       5b

        .balign 128
turn:   .long   2
        .balign 128
count0: .long   0
        .balign 128
count1: .long   0
        .balign 128
still:  .long   0
        .balign 128
# Token, numbers of arguments and of results, arguments (CPU, address, its r3), results.
start_cpu:
        .long   0x2006, 3, 1, 1, 0, 0, 0
power_off:
        .long   0x2003, 2, 1, 0, 0, 0
