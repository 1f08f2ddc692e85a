/*
 * Exception entry and exit (Power ISA book III, "Interrupts").
 *
 * The blob between k42_vectors and k42_vectors_end is copied to real address 0. Everything is entered
 * with interrupts off. From a program (translation on, AIL = 3) the vectors run at
 * 0xc000_0000_0000_4000 + offset, translation on; from real mode, or where AIL does not apply (machine check,
 * system reset), at the offset itself, translation off. Both see the linear map, since real mode ignores the top bits of an
 * address, so the same code serves both.
 *
 * SPRG1 holds this CPU's PerCpu block, SPRG3 the user address of the current dispatcher's page (readable
 * there as SPR 259), SPRG2 and SPRG0 are scratch of the first instructions.
 *
 * Names of offsets and of everything else that Rust decides come from arch/mod.rs: PC_* are fields of PerCpu, D_* of
 * Dispatcher, F_* of RegisterFrame, PAGE_* of the dispatcher page.
 */
        .machine power9

        .set DSISR, 18
        .set DAR, 19
        .set PIDR, 48
        .set SPRG0, 272
        .set SPRG1, 273
        .set SPRG2, 274
        .set SPRG3, 275

/* Saves r13 to r31 into the frame at \frame. */
        .macro save_13_to_31 frame
        std 13, 0x68(\frame)
        std 14, 0x70(\frame)
        std 15, 0x78(\frame)
        std 16, 0x80(\frame)
        std 17, 0x88(\frame)
        std 18, 0x90(\frame)
        std 19, 0x98(\frame)
        std 20, 0xa0(\frame)
        std 21, 0xa8(\frame)
        std 22, 0xb0(\frame)
        std 23, 0xb8(\frame)
        std 24, 0xc0(\frame)
        std 25, 0xc8(\frame)
        std 26, 0xd0(\frame)
        std 27, 0xd8(\frame)
        std 28, 0xe0(\frame)
        std 29, 0xe8(\frame)
        std 30, 0xf0(\frame)
        std 31, 0xf8(\frame)
        .endm

        .section .text.vectors, "ax"
        .balign 0x100

/* A vector: leaves r11 = PerCpu and r12 = offset; the old r11 is in SPRG2, the old r12 and CTR in PerCpu. */
        .macro vector offset
        .org k42_vectors + \offset
        mtspr SPRG2, 11
        mfspr 11, SPRG1
        std 12, PC_S12(11)
        mfctr 12
        std 12, PC_SCTR(11)
        ld 12, PC_TRAP_ENTRY(11)
        mtctr 12
        li 12, \offset
        bctr
        .endm

/* The same where there is room for eight instructions only. */
        .macro short_vector offset
        .org k42_vectors + \offset
        mtspr SPRG2, 11
        mfspr 11, SPRG1
        std 12, PC_S12(11)
        li 12, \offset
        b .Lshort
        .endm

/*
 * A page fault: if it is a program's, on to \label with r12 = its frame, r10 = its CR; the old r10 and r12 are in PerCpu,
 * the old r11 in SPRG2.
 */
        .macro fault_vector offset, label
        .org k42_vectors + \offset
        mtspr SPRG2, 11
        mfspr 11, SPRG1
        std 10, PC_S10(11)
        std 12, PC_S12(11)
        mfcr 10
        mfsrr1 12
        andi. 12, 12, 0x4000
        ld 12, PC_CURRENT(11)
        bne \label
        mtcr 10
        ld 10, PC_S10(11)
        mfctr 12
        std 12, PC_SCTR(11)
        ld 12, PC_TRAP_ENTRY(11)
        mtctr 12
        li 12, \offset
        bctr
        .endm

        .global k42_vectors
k42_vectors:
        vector 0x100
        vector 0x200
        fault_vector 0x300, .Lfault_data
        vector 0x380
        fault_vector 0x400, .Lfault_code
        vector 0x480
        vector 0x500
        vector 0x600
        vector 0x700
        vector 0x800
        vector 0x900
        vector 0x980
        vector 0xa00
        vector 0xb00

/*
 * System call. By the Linux ABI r0, r3-r12, CTR, XER and CR0 are the callee's, and K42's own
 * calls promise no more, so nothing needs saving to get going. r9-r12 carry nothing in either kind.
 */
        .org k42_vectors + 0xc00
        xoris 12, 0, CALL_SELECTOR
        cmpldi 12, K42_CALLS
        mfspr 11, SPRG1
        blt .Lown_call

        /* Linux call: on to the program's own library, unless the library made it by mistake: from its image or above.
           (The vDSO, below, makes calls for programs.) */
        ld 10, PC_PAGE(11)
        ld 9, PAGE_DISABLED(10)
        mfsrr0 11
        srdi 12, 11, 32
        cmpldi 12, EMU_IMAGE_HIGH
        bge .Llibrary_error
        cmpldi 9, 0
        bne .Llibrary_error
        ld 12, PAGE_ENTRY_SYSTEM_CALL(10)
        mfspr 10, SPRG3
        mtsrr0 12
        rfid

.Lown_call:
        cmpldi 12, CALL_RETURN
        blt .Lcall
        beq .Lreturn
.Lother_call:
        /* Calls of the hypervisor, which some of these make, change SRR0 and SRR1. */
        std 1, PC_UR1(11)
        std 2, PC_UR2(11)
        mfsrr0 0
        std 0, PC_UNIP(11)
        mfsrr1 0
        std 0, PC_UMSR(11)
        mflr 0
        std 0, PC_ULR(11)
        mfcr 0
        std 0, PC_UCR(11)
        ld 1, PC_STACK(11)
        ld 2, PC_TOC(11)
        ld 11, PC_CALLS(11)
        sldi 12, 12, 3
        ldx 12, 11, 12
        mtctr 12
        bctrl
        mfspr 11, SPRG1
        ld 0, PC_ULR(11)
        mtlr 0
        ld 0, PC_UCR(11)
        mtcr 0
        ld 0, PC_UNIP(11)
        mtsrr0 0
        ld 0, PC_UMSR(11)
        mtsrr1 0
        ld 4, PC_OUT(11)
        ld 5, PC_OUT+8(11)
        ld 6, PC_OUT+16(11)
        ld 7, PC_OUT+24(11)
        ld 1, PC_UR1(11)
        ld 2, PC_UR2(11)
        rfid
        /* What of the handler's registers is left in r8-r12 is documented as undefined. */

        vector 0xd00
        vector 0xe00
        short_vector 0xe80
        short_vector 0xea0
        short_vector 0xf00
        short_vector 0xf20
        short_vector 0xf40
        short_vector 0xf60
        short_vector 0xf80

        .org k42_vectors + 0x1000
.Lshort:
        std 10, PC_S10(11)
        mfctr 10
        std 10, PC_SCTR(11)
        ld 10, PC_TRAP_ENTRY(11)
        mtctr 10
        ld 10, PC_S10(11)
        bctr
.Llibrary_error:
        /* r11 and r12 of a Linux call carry nothing: no state is lost by going on as any trap. */
        mfspr 11, SPRG1
        std 12, PC_S12(11)
        mfctr 12
        std 12, PC_SCTR(11)
        ld 12, PC_TRAP_ENTRY(11)
        mtctr 12
        li 12, 0xc00
        bctr

        vector 0x1300
        vector 0x1500
        vector 0x1700
