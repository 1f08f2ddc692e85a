# The smallest guest that uses all that the host side of a machine offers: it writes to
# the four virtual terminals and powers off. Big-endian, real mode, any load address.
#
# Entered by the firmware; r1 and r5 are not used. The two hypervisor calls are
# H_PUT_TERM_CHAR (0x58: terminal, length, 16 bytes) and QEMU's H_RTAS (0xf000).

        .macro put terminal, length, label
        lis     %r4, 0x7100
        ori     %r4, %r4, \terminal
        li      %r5, \length
        addi    %r9, %r31, \label - base
        ld      %r6, 0(%r9)
        ld      %r7, 8(%r9)
        li      %r3, 0x58
        sc      1
        .endm

        .globl  _start
_start: bl      base
base:   mflr    %r31
        put     0, 7, out
        put     1, 12, log
        put     2, 4, err
        put     3, 13, trace
        put     3, 7, exit
#ifdef HANG
        b       .
#endif
        li      %r3, 0
        ori     %r3, %r3, 0xf000
        addi    %r4, %r31, power_off - base
        sc      1
1:      b       1b

        .balign 16
out:    .ascii  "to out\n         "
log:    .ascii  "log line 1\r\n    "
err:    .ascii  "err\n            "
trace:  .ascii  "trace 0 8192\n   "
exit:   .ascii  "exit 7\n         "
# Token of power-off, no arguments, no results.
power_off:
        .long   0x2003, 2, 1, 0, 0, 0
