# The first instructions of the kernel, on the boot CPU and on every other.
#
# What is true on entry (QEMU 7.2, and see docs of the crate): big-endian, translation
# off, 64-bit or 32-bit mode, no stack, no TOC pointer, load address unknown.
# What is made true before Rust code runs: the kernel's own byte order, 64-bit mode,
# execution in the linear map at 0xc000000000000000 + physical address (a partition in
# real mode ignores the top four bits of an address, so this needs no translation), an
# empty .bss, relocations applied, r1 and r2.
#
# Comments say what each step is for; the reader is taken to know the ISA.

# ---------------------------------------------------------------------------------
# in_own_order: go on in the kernel's byte order and in 64-bit mode, wherever from.
# Changes r10, r11, r12, lr.
#
# `tdi 0,0,0x48` never traps; read in the other byte order the same word is
# `b .+8`. So a CPU in the right order passes it and jumps over the block; one in the
# wrong order lands on the third word, and from there reads instructions that were
# stored the other way round (`other`) until rfid changes the order.
# ---------------------------------------------------------------------------------
.macro other w
    .long ((\w & 0xff) << 24) | ((\w & 0xff00) << 8) | ((\w >> 8) & 0xff00) | ((\w >> 24) & 0xff)
.endm

.macro in_own_order
    tdi     0, 0, 0x48
    b       .Lright\@
    other   0x429f0005              # bcl   20,31,.+4
    other   0x7d4802a6              # mflr  r10       (address of this instruction)
    other   0x394a0020              # addi  r10,r10,.Lright - here
    other   0x7d6000a6              # mfmsr r11
    other   0x696b0001              # xori  r11,r11,MSR.LE
    other   0x7d5a03a6              # mtsrr0 r10
    other   0x7d7b03a6              # mtsrr1 r11
    other   0x4c000024              # rfid
    nop
.Lright\@:
    mfmsr   11
    li      12, 1
    rldimi  11, 12, 63, 0           # MSR.SF: all 64 bits of an address count
    rldicl  11, 11, 48, 1           # MSR.EE off: rotate it to the top, clear it,
    rotldi  11, 11, 16              # and rotate back
    mtmsrd  11
    isync
.endm

# image_base: r31 := where the image runs (linear map), r10 := its physical address.
# Changes lr.
.macro image_base
    bcl     20, 31, .Lhere\@
.Lhere\@:
    mflr    10
    addis   10, 10, (_start - .Lhere\@)@ha
    addi    10, 10, (_start - .Lhere\@)@l
    clrldi  10, 10, 4
    li      31, 0xc
    sldi    31, 31, 60
    or      31, 31, 10
.endm

    .section .head.text, "ax", @progbits
    .balign 256
    .globl  _start
    .type   _start, @function
_start:
    in_own_order
    mftb    30                      # when the kernel was entered
    image_base
    addi    12, 31, .Lhigh - _start
    mtctr   12
    bctr
.Lhigh:
    # Clear .bss: it holds the stack that comes next.
    ld      11, .Lbss_start - _start(31)
    ld      12, .Lbss_end - _start(31)
    add     11, 11, 31
    add     12, 12, 31
    li      14, 0
1:  cmpld   11, 12
    bge     2f
    std     14, 0(11)
    addi    11, 11, 8
    b       1b
2:
    # Relocate. The image is linked where physical address 0 is seen, so the distance to
    # add is the physical load address, r10. Only R_PPC64_RELATIVE (22) can occur in a
    # static image that refers to nothing outside; anything else stops here.
    ld      11, .Lrela_start - _start(31)
    ld      12, .Lrela_end - _start(31)
    add     11, 11, 31
    add     12, 12, 31
3:  cmpld   11, 12
    bge     5f
    ld      14, 0(11)               # r_offset
    ld      15, 8(11)               # r_info
    ld      16, 16(11)              # r_addend
    cmpldi  15, 22
4:  bne     4b
    add     16, 16, 10
    stdx    16, 14, 10
    addi    11, 11, 24
    b       3b
5:
    ld      2, .Ltoc - _start(31)
    add     2, 2, 31
    ld      1, .Lstack - _start(31)
    add     1, 1, 31
    li      0, 0
    stdu    0, -128(1)
    mr      6, 8                    # OPAL's base and entry
    mr      7, 9
    mr      8, 10                   # physical load address
    mr      9, 30
    bl      k42_boot_start          # (r3, r4, r5 as the firmware left them)
    nop
    trap
    .size   _start, . - _start

# ---------------------------------------------------------------------------------
# The other CPUs under OPAL, which starts them with no word of ours: each finds its record
# in a table by the number that the hardware gave it (PIR).
# ---------------------------------------------------------------------------------
    .globl  _secondary_start_opal
    .type   _secondary_start_opal, @function
_secondary_start_opal:
    in_own_order
    image_base
    ld      11, .Lrecords - _start(31)
    add     11, 11, 31
    mfspr   12, 1023                # PIR
    clrldi  12, 12, 32
    addi    12, 12, 1               # the table counts from 1: 0 is an empty entry
1:  ld      10, 0(11)
    ld      3, 8(11)
    cmpd    10, 12
    beq     _secondary_start
    cmpdi   10, 0
    addi    11, 11, 16
    bne     1b
    b       .                       # nobody has asked for this CPU
    .size   _secondary_start_opal, . - _secondary_start_opal

# ---------------------------------------------------------------------------------
# The other CPUs: r3 = physical address of a SecondaryRecord (secondary.rs).
# ---------------------------------------------------------------------------------
    .globl  _secondary_start
    .type   _secondary_start, @function
_secondary_start:
    in_own_order
    image_base
    addis   12, 31, (.Lhigh2 - _start)@ha
    addi    12, 12, (.Lhigh2 - _start)@l
    mtctr   12
    bctr
.Lhigh2:
    li      12, 0xc
    sldi    12, 12, 60
    or      12, 12, 3
    ld      2, .Ltoc - _start(31)
    add     2, 2, 31
    ld      1, 0(12)                # stack_top
    ld      3, 8(12)                # cpu_index
    li      0, 0
    stdu    0, -128(1)
    bl      kernel_secondary
    nop
    trap
    .size   _secondary_start, . - _secondary_start

# ---------------------------------------------------------------------------------
# Calls into firmware. Firmware runs big-endian, in real mode, and keeps of the nonvolatile
# registers what it likes (Open Firmware: the lower halves), hence the saving of all.
# Frame: 8 + 256: CR, 16 + 256: LR, 24: r2, 32 ff.: r13-r31, 192: MSR.
# ---------------------------------------------------------------------------------
.macro keep_registers
    mflr    0
    std     0, 16(1)
    mfcr    0
    std     0, 8(1)
    stdu    1, -256(1)
    std     2, 24(1)
    .irp    i, 13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    std     \i, 32 + 8 * (\i - 13)(1)
    .endr
    mfmsr   11
    std     11, 192(1)
.endm

.macro restore_registers_and_return
    ld      11, 192(1)
    mtmsrd  11
    isync
    .irp    i, 13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld      \i, 32 + 8 * (\i - 13)(1)
    .endr
    ld      2, 24(1)
    ld      1, 0(1)
    ld      0, 8(1)
    mtcr    0
    ld      0, 16(1)
    mtlr    0
    blr
.endm

# k42_firmware_call(r3 = argument for Open Firmware, r4 = its entry address) -> r3
#
# In 32-bit mode, with addresses below 4 GiB. Real mode only: low and high addresses must
# be the same memory.
    .balign 16
    .globl  k42_firmware_call
    .type   k42_firmware_call, @function
k42_firmware_call:
    keep_registers
    bcl     20, 31, 1f
1:  mflr    10
    addi    10, 10, 2f - 1b
    clrldi  10, 10, 32
    mtlr    10
    clrldi  1, 1, 32
    rldicr  11, 11, 0, 62           # MSR.LE off
    clrldi  11, 11, 1               # MSR.SF off
    mtsrr0  4
    mtsrr1  11
    rfid
2:
    in_own_order
    clrldi  1, 1, 32
    restore_registers_and_return
    .size   k42_firmware_call, . - k42_firmware_call

# k42_opal_call(r3-r6 = arguments, r7 = token, r8 = OPAL's base, r9 = its entry) -> r3
#
# The way back is given as an address in the linear map, where the same code is with
# translation off and on.
    .balign 16
    .globl  k42_opal_call
    .type   k42_opal_call, @function
k42_opal_call:
    keep_registers
    bcl     20, 31, 1f
1:  mflr    10
    addi    10, 10, 2f - 1b
    mtlr    10
    li      12, 0x31                # MSR.IR, DR, LE off
    andc    11, 11, 12
    mr      0, 7
    mr      2, 8
    mtsrr0  9
    mtsrr1  11
    rfid
2:
    in_own_order
    restore_registers_and_return
    .size   k42_opal_call, . - k42_opal_call

# Distances from _start to places that only the linker knows.
    .balign 8
.Lbss_start:    .quad __bss_start - _start
.Lbss_end:      .quad __bss_end - _start
.Lrela_start:   .quad __rela_start - _start
.Lrela_end:     .quad __rela_end - _start
.Ltoc:          .quad .TOC. - _start
.Lrecords:      .quad k42_opal_records - _start
.Lstack:        .quad .Lstack_top - _start

    .section .bss.k42_boot_stack, "aw", @nobits
    .balign 128
    .space  65536
.Lstack_top:

# Where the packing tool says what it put behind the kernel: two big-endian words,
# distance of the payload from the start of the image, and size. Zeroes: nothing.
    .section .data.k42_payload, "aw", @progbits
    .balign 16
    .globl  k42_payload
    .type   k42_payload, @object
k42_payload:
    .quad   0, 0
    .size   k42_payload, 16
