/*
 * What exceptions have in common, behind the vectors: saving and restoring registers.
 */

        .global k42_vectors_end
k42_vectors_end:

        .text

/*
 * Saves the interrupted computation into the frame at r10. r11 = PerCpu, where the first instructions put r10,
 * r12, CTR and CR (the old r11 is in SPRG2); r12 = the vector's offset. r3-r6 and r9 are scratch afterwards.
 */
        .macro save_registers
        std 0, 0x00(10)
        std 1, 0x08(10)
        std 2, 0x10(10)
        std 3, 0x18(10)
        std 4, 0x20(10)
        std 5, 0x28(10)
        std 6, 0x30(10)
        std 7, 0x38(10)
        std 8, 0x40(10)
        std 9, 0x48(10)
        ld 9, PC_S10(11)
        std 9, 0x50(10)
        mfspr 9, SPRG2
        std 9, 0x58(10)
        ld 9, PC_S12(11)
        std 9, 0x60(10)
        save_13_to_31 10
        mfsrr0 3
        mfsrr1 4
        std 3, F_NIP(10)
        std 4, F_MSR(10)
        ld 3, PC_SCR(11)
        mflr 4
        ld 5, PC_SCTR(11)
        mfxer 6
        std 3, F_CR(10)
        std 4, F_LR(10)
        std 5, F_CTR(10)
        std 6, F_XER(10)
        mfspr 3, DAR
        mfspr 4, DSISR
        std 12, F_VECTOR(10)
        std 3, F_DAR(10)
        std 4, F_DSISR(10)
        .endm

/*
 * All exceptions but system calls. From a program: all registers go to the current dispatcher's
 * frame in the kernel, then k42_trap(vector) on this CPU's stack. It does not come back: it ends in one of the exits below.
 */
        .global k42_trap_entry
        .type k42_trap_entry, @function
k42_trap_entry:
        std 10, PC_S10(11)
        mfcr 10
        std 10, PC_SCR(11)
        mfsrr1 10
        andi. 10, 10, 0x4000
        beq .Lfrom_kernel
        ld 10, PC_CURRENT(11)
        save_registers
        ld 1, PC_STACK(11)
        ld 2, PC_TOC(11)
        mr 3, 12
        bl k42_trap
        nop
        trap

.Lfrom_kernel:
        cmpldi 12, 0x500
        beq .Lidle
        cmpldi 12, 0x900
        beq .Lidle
        /* The kernel itself went wrong: keep everything for the report. */
        ld 10, PC_PANIC_FRAME(11)
        save_registers
        ld 1, PC_PANIC_STACK(11)
        ld 2, PC_TOC(11)
        mr 3, 10
        bl k42_kernel_fault
        nop
        trap
.Lidle:
        /* An interrupt ended H_CEDE. The idle loop keeps nothing on its stack. */
        ld 1, PC_STACK(11)
        ld 2, PC_TOC(11)
        mr 3, 12
        bl k42_idle_interrupt
        nop
        trap

/* k42_resume(frame: r3, msr: r4) -> !: back to where the frame was saved. */
        .global k42_resume
        .type k42_resume, @function
k42_resume:
        ld 5, F_NIP(3)
        mtsrr0 5
        mtsrr1 4
        ld 6, F_LR(3)
        ld 7, F_CTR(3)
        ld 8, F_XER(3)
        mtlr 6
        mtctr 7
        mtxer 8
        /* Whatever reservation the kernel or another program left must not let a stdcx. succeed. */
        mfspr 6, SPRG1
        stdcx. 5, 0, 6
        ld 5, F_CR(3)
        mtcr 5
        ld 0, 0x00(3)
        ld 1, 0x08(3)
        ld 2, 0x10(3)
        ld 4, 0x20(3)
        ld 5, 0x28(3)
        ld 6, 0x30(3)
        ld 7, 0x38(3)
        ld 8, 0x40(3)
        ld 9, 0x48(3)
        ld 10, 0x50(3)
        ld 11, 0x58(3)
        ld 12, 0x60(3)
        ld 13, 0x68(3)
        ld 14, 0x70(3)
        ld 15, 0x78(3)
        ld 16, 0x80(3)
        ld 17, 0x88(3)
        ld 18, 0x90(3)
        ld 19, 0x98(3)
        ld 20, 0xa0(3)
        ld 21, 0xa8(3)
        ld 22, 0xb0(3)
        ld 23, 0xb8(3)
        ld 24, 0xc0(3)
        ld 25, 0xc8(3)
        ld 26, 0xd0(3)
        ld 27, 0xd8(3)
        ld 28, 0xe0(3)
        ld 29, 0xe8(3)
        ld 30, 0xf0(3)
        ld 31, 0xf8(3)
        ld 3, 0x18(3)
        rfid

/* k42_reset_stack(stack: r3, function: r4, argument: r5) -> !: forgets everything on the stack. */
        .global k42_reset_stack
        .type k42_reset_stack, @function
k42_reset_stack:
        addi 1, 3, -128
        li 0, 0
        std 0, 0(1)
        mr 12, 4
        mtctr 4
        mr 3, 5
        bctrl
        trap

/* k42_save_vsx(area: r3): all 64 VSX registers, FPSCR, VSCR, VRSAVE. MSR.FP, VEC, VSX are on. */
        .global k42_save_vsx
        .type k42_save_vsx, @function
k42_save_vsx:
        .set i, 0
        .rept 64
        li 4, i*16
        .long 0x7c000798 | ((i & 31) << 21) | (3 << 16) | (4 << 11) | (i >> 5)
        .set i, i+1
        .endr
        mffs 0
        addi 4, 3, 1024
        stfd 0, 0(4)
        mfvscr 0
        addi 4, 3, 1040
        stvx 0, 0, 4
        mfspr 5, 256
        std 5, 1032(3)
        blr

/* k42_load_vsx(area: r3) */
        .global k42_load_vsx
        .type k42_load_vsx, @function
k42_load_vsx:
        addi 4, 3, 1024
        lfd 0, 0(4)
        mtfsf 255, 0, 1, 0
        addi 4, 3, 1040
        lvx 0, 0, 4
        mtvscr 0
        ld 5, 1032(3)
        mtspr 256, 5
        .set i, 0
        .rept 64
        li 4, i*16
        .long 0x7c000698 | ((i & 31) << 21) | (3 << 16) | (4 << 11) | (i >> 5)
        .set i, i+1
        .endr
        blr
