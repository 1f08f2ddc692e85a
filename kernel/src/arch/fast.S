/*
 * The fast path of protected calls: what `ipc::call` and `ipc::ret` do in the case that nearly every call is. It is part
 * of the blob of the vectors.
 *
 * All checks come first and change nothing that counts. If one fails, the Rust functions get the call as it came: they
 * are the full meaning of CALL and RETURN, and what is done here must be what they would do. `fastpath=off` on the
 * command line, or tracing of calls, sends everything to them; the self-test runs in both ways.
 *
 * r11 = PerCpu; r3-r10 = the arguments. r14-r31 are the caller's to lose, r1, r2 and r13 are not touched. Offsets D_* are
 * those of Dispatcher.
 */

/*
 * From here everything is as after a check that failed: r0 must be the call's number again.
 */
.Lslow:
        xoris 12, 0, CALL_SELECTOR
        b .Lother_call

/*
 * Copies \length bytes, in whole words, from message slot to message slot: \from and \to are addresses of pages, plus
 * SLOT_SIZE times the slot. Both slots are pinned. Changes \from, \to, \length, CTR, r0, r24-r31.
 */
        .macro copy_payload from, to, length
        addi \length, \length, 7
        srdi. 0, \length, 6
        beq 2f
        mtctr 0
1:
        ld 24, PAGE_SIZE(\from)
        ld 25, PAGE_SIZE+8(\from)
        ld 26, PAGE_SIZE+16(\from)
        ld 27, PAGE_SIZE+24(\from)
        ld 28, PAGE_SIZE+32(\from)
        ld 29, PAGE_SIZE+40(\from)
        ld 30, PAGE_SIZE+48(\from)
        ld 31, PAGE_SIZE+56(\from)
        addi \from, \from, 64
        std 24, PAGE_SIZE(\to)
        std 25, PAGE_SIZE+8(\to)
        std 26, PAGE_SIZE+16(\to)
        std 27, PAGE_SIZE+24(\to)
        std 28, PAGE_SIZE+32(\to)
        std 29, PAGE_SIZE+40(\to)
        std 30, PAGE_SIZE+48(\to)
        std 31, PAGE_SIZE+56(\to)
        addi \to, \to, 64
        bdnz 1b
2:
        rlwinm. 0, \length, 29, 29, 31
        beq 4f
        mtctr 0
        addi \from, \from, PAGE_SIZE-8
        addi \to, \to, PAGE_SIZE-8
3:
        ldu 24, 8(\from)
        stdu 24, 8(\to)
        bdnz 3b
4:
        .endm

/* Makes the dispatcher at r16, whose page is at r17, the one that this CPU is for. */
        .macro switch_dispatcher
        std 16, PC_CURRENT(11)
        std 17, PC_PAGE(11)
        ld 12, D_TRANSLATION(16)
        mtspr PIDR, 12
        ld 12, D_PAGE_ADDRESS(16)
        mtspr SPRG3, 12
        .endm

/* Enters \entry of that dispatcher, disabled. r0 = 1. */
        .macro enter_dispatcher entry
        std 0, PAGE_DISABLED(17)
        switch_dispatcher
        ld 12, D_USER_MSR(16)
        mtsrr1 12
        ld 12, \entry(17)
        mtsrr0 12
        rfid
        .endm

/*
 * CALL. r14 = caller, r15 = its slot times 8, r20 = r14 + r15, r16 = callee, r17 = its page, r18 = its free slots,
 * r19 = the one for this call.
 */
.Lcall:
        ld 14, PC_CURRENT(11)
        rlwinm 15, 5, 19, 21, 28
        cmpldi 15, MAX_SLOTS*8
        bge .Lslow
        add 20, 14, 15
        ld 22, PC_CAREFUL(11)
        ld 23, D_OUTGOING(20)
        srdi 12, 3, 32-3
        ld 16, PC_CALLEES(11)
        andi. 12, 12, (MAX_PROCESSES-1)*8
        ldx 16, 16, 12
        ld 12, D_ANY_ID(16)
        /* The whole name agrees: index, generation, and "the one on this CPU". */
        cmpld 12, 3
        bne .Lslow
        ld 12, D_CAN_BE_CALLED(16)
        ld 17, D_PAGE(16)
        ld 18, D_FREE_INCOMING(16)
        ld 21, PAGE_DISABLED(17)
        or 22, 22, 23
        or 12, 12, 21
        /*
         * Calls take this path; nothing is outstanding on the slot, which is one for calls. The callee is alive, not
         * frozen, with no computation of its own, not in the chain (so not the caller), and enabled.
         */
        or. 12, 12, 22
        bne .Lslow
        cmpldi 18, 0
        beq .Lslow
        cnttzd 19, 18
        andi. 12, 5, 0xffff
        bne .Lcall_payload

/* No way back. */
.Lcall_commit:
        addi 12, 18, -1
        and 18, 18, 12
        std 18, D_FREE_INCOMING(16)
        /* A record is the other's address and eight times its slot, which is also where its record is counted from. */
        sldi 21, 19, 3
        add 21, 16, 21
        std 21, D_OUTGOING(20)
        std 20, D_INCOMING(21)
        ld 12, PC_PAGE(11)
        li 0, 0
        stb 0, D_IN_TRAP(14)
        std 0, PAGE_DISABLED(12)
        ld 12, PC_CALLS_MADE(11)
        addi 12, 12, 1
        std 12, PC_CALLS_MADE(11)
        std 14, D_LENDER(16)
        li 0, 1
        stb 0, D_IN_CHAIN(16)
        ld 3, D_COMM_ID(14)
        rldimi 5, 19, 16, 40
        enter_dispatcher PAGE_ENTRY_CALL_IN

.Lcall_payload:
        cmpldi 12, SLOT_SIZE
        bgt .Lslow
        ld 22, PC_PAGE(11)
        sldi 23, 15, SLOT_SHIFT-3
        add 22, 22, 23
        sldi 23, 19, SLOT_SHIFT
        add 23, 17, 23
        copy_payload 22, 23, 12
        b .Lcall_commit

/* The call of RETURN is over, and the server has given the CPU back. Leaves r0 = 1, r12 = 0. */
        .macro end_of_call
        srdi 15, 15, 3
        li 0, 1
        ld 12, D_FREE_INCOMING(14)
        sld 15, 0, 15
        or 12, 12, 15
        std 12, D_FREE_INCOMING(14)
        li 12, 0
        std 12, D_INCOMING(20)
        stb 12, D_IN_TRAP(14)
        stb 12, D_IN_CHAIN(14)
        std 12, PAGE_DISABLED(21)
        .endm

/*
 * RETURN to whom the call came from. r14 = server, r15 = its slot times 8, r20 = r14 + r15, r21 = its page; r16 = caller,
 * r17 = its page, r18 = its slot times 8.
 */
.Lreturn:
        ld 14, PC_CURRENT(11)
        rlwinm 15, 4, 19, 21, 28
        cmpldi 15, MAX_SLOTS*8
        bge .Lslow
        add 20, 14, 15
        ld 22, D_INCOMING(20)
        ld 16, D_LENDER(14)
        ld 23, PC_CAREFUL(11)
        /* Somebody lent the CPU, and the record is of that dispatcher: then what they differ by is the slot. */
        cmpldi 16, 0
        xor 18, 22, 16
        beq .Lslow
        cmpldi 18, MAX_SLOTS*8
        bge .Lreturn_fault
        lwz 12, D_CAN_GO_ON(16)
        ld 21, PC_PAGE(11)
        or 12, 12, 23
        ld 19, D_WAITERS(14)
        or 12, 12, 19
        ld 19, D_ANSWERS(14)
        or 12, 12, 19
        ld 19, PAGE_SOFT_INTERRUPTS(21)
        or 12, 12, 19
        ld 19, PAGE_HAS_WORK(21)
        /* The caller can go on. Nobody waits for the server, which has nothing to do for itself. */
        or. 12, 12, 19
        bne .Lreturn_busy
.Lreturn_checked:
        andi. 12, 4, 0xffff
        ld 17, D_PAGE(16)
        bne .Lreturn_payload

/* No way back. */
.Lreturn_commit:
        end_of_call
        std 12, D_OUTGOING(22)
        mr 5, 4
        mr 4, 3
        srdi 3, 18, 3
        rldimi 5, 3, 16, 40
        enter_dispatcher PAGE_ENTRY_RETURN_IN

/* The server has something to do: nothing is changed by that if it is in the queue already. */
.Lreturn_busy:
        lwz 12, D_CAN_GO_ON(16)
        ld 19, D_WAITERS(14)
        or 12, 12, 23
        or. 12, 12, 19
        bne .Lslow
        lwz 12, D_QUEUE_POSITION(14)
        cmpwi 12, ABSENT
        bne .Lreturn_checked
        b .Lslow

.Lreturn_payload:
        cmpldi 12, SLOT_SIZE
        bgt .Lslow
        sldi 19, 15, SLOT_SHIFT-3
        add 19, 21, 19
        sldi 23, 18, SLOT_SHIFT-3
        add 23, 17, 23
        copy_payload 19, 23, 12
        b .Lreturn_commit

/*
 * RETURN of the memory server to a page fault: mapped, the program goes on. Registers as before.
 */
.Lreturn_fault:
        cmpldi 18, FAULT_SLOT*8
        bne .Lslow
        lwz 12, D_CAN_GO_ON(16)
        ld 17, D_PAGE(16)
        or 23, 23, 3
        lis 22, HAS_FRAME_ONLY@h
        ori 22, 22, HAS_FRAME_ONLY@l
        ld 21, PC_PAGE(11)
        xor 12, 12, 22
        clrldi 12, 12, 32
        ld 19, PAGE_SOFT_INTERRUPTS(17)
        or 12, 12, 23
        or 12, 12, 19
        ld 19, D_WAITERS(14)
        /* Mapped. Alive, not frozen, with a frame, and nothing to tell it. Nobody waits for the server. */
        or. 12, 12, 19
        bne .Lslow
        ld 12, D_ANSWERS(14)
        ld 19, PAGE_SOFT_INTERRUPTS(21)
        or 12, 12, 19
        ld 19, PAGE_HAS_WORK(21)
        or. 12, 12, 19
        bne .Lreturn_fault_busy

/* No way back. */
.Lreturn_fault_commit:
        end_of_call
        stb 12, D_FAULTING(16)
        stb 12, D_HAS_FRAME(16)
        switch_dispatcher
        ld 4, D_USER_MSR(16)
        ld 5, F_MSR(16)
        mr 3, 16
        andi. 5, 5, MSR_CHOSEN
        or 4, 4, 5
        ld 12, PC_RESUME(11)
        mtctr 12
        bctr

.Lreturn_fault_busy:
        lwz 12, D_QUEUE_POSITION(14)
        cmpwi 12, ABSENT
        bne .Lreturn_fault_commit
        b .Lslow

/*
 * A program's page fault, see fault_vector. Saves all registers into the frame, as save_registers does; then r8 = DAR,
 * r9 = DSISR, r10 = SRR0, r3 = SRR1.
 */
        .macro save_fault vector
        std 0, 0x00(12)
        std 1, 0x08(12)
        std 2, 0x10(12)
        std 3, 0x18(12)
        std 4, 0x20(12)
        std 5, 0x28(12)
        std 6, 0x30(12)
        std 7, 0x38(12)
        std 8, 0x40(12)
        std 9, 0x48(12)
        ld 3, PC_S10(11)
        mfspr 4, SPRG2
        ld 5, PC_S12(11)
        std 3, 0x50(12)
        std 4, 0x58(12)
        std 5, 0x60(12)
        save_13_to_31 12
        std 10, F_CR(12)
        mflr 4
        mfctr 5
        mfxer 6
        li 7, \vector
        mfsrr0 10
        mfsrr1 3
        mfspr 8, DAR
        mfspr 9, DSISR
        std 4, F_LR(12)
        std 5, F_CTR(12)
        std 6, F_XER(12)
        std 7, F_VECTOR(12)
        std 10, F_NIP(12)
        std 3, F_MSR(12)
        std 8, F_DAR(12)
        std 9, F_DSISR(12)
        .endm

.Lfault_code:
        save_fault 0x400
        mr 8, 10
        mr 9, 3
        li 4, ACCESS_EXECUTE
        b .Lfault

/*
 * To the memory server. r14 = the program's dispatcher, r4 = kind of access, r8 = address, r9 = its cause,
 * r10 = the instruction; r16-r19 as for CALL.
 */
.Lfault_data:
        save_fault 0x300
        rlwinm 4, 9, 32-DSISR_STORE_SHIFT, 31, 31
.Lfault:
        mr 14, 12
        ld 20, PC_CAREFUL(11)
        ld 16, PC_CALLEES(11)
        ld 21, D_TRANSLATION(14)
        ld 16, MEMORY_INDEX*8(16)
        cmpldi 21, MEMORY_INDEX
        beq .Lfault_slow
        srdi 21, 8, USER_TOP_SHIFT
        or 20, 20, 21
        ld 12, D_CAN_BE_CALLED(16)
        ld 17, D_PAGE(16)
        ld 18, D_FREE_INCOMING(16)
        or 20, 20, 12
        ld 21, PAGE_DISABLED(17)
        /* An address of a program; the memory server can be called, as in CALL. */
        or. 20, 20, 21
        bne .Lfault_slow
        cmpldi 18, 0
        beq .Lfault_slow

/* No way back. */
        cnttzd 19, 18
        addi 12, 18, -1
        and 18, 18, 12
        std 18, D_FREE_INCOMING(16)
        sldi 21, 19, 3
        addi 12, 14, FAULT_SLOT*8
        add 21, 16, 21
        std 12, D_INCOMING(21)
        li 0, 1
        stb 0, D_HAS_FRAME(14)
        stb 0, D_FAULTING(14)
        std 14, D_LENDER(16)
        stb 0, D_IN_CHAIN(16)
        andis. 9, 9, FAULT_MISSING
        mr 9, 4
        bne 1f
        ori 9, 9, ACCESS_PROTECTION
1:
        ld 7, D_COMM_ID(14)
        li 3, 0
        ori 5, 3, METHOD_PAGE_FAULT
        sldi 5, 5, 32
        rldimi 5, 19, 16, 40
        srdi 6, 7, 32
        clrldi 7, 7, 32
        li 4, 0
        enter_dispatcher PAGE_ENTRY_CALL_IN

.Lfault_slow:
        ld 3, F_VECTOR(14)
        ld 1, PC_STACK(11)
        ld 2, PC_TOC(11)
        ld 12, PC_TRAP(11)
        mtctr 12
        bctr
