//! The assembly: entry points, thread switch, call stub. Everything else is Rust.
//!
//! # Conventions
//!
//! * SPR 259 holds the address of the dispatcher page. Words of the page's library area are in
//!   [`word`](crate::dispatcher::word).
//! * In library code r13 is the running thread, and zero in upcalls; r2 is the table of contents. Both are set at
//!   each entry, since a program may have anything in them.
//! * "Get dispatcher" sequences are in the section `.text.k42_atomic`, each in a block of 32 bytes that can be
//!   started anew at any point: INTERRUPT and PAGE_FAULT set a `nip` in the section back to the start of its
//!   block. So a thread that is preempted between reading SPR 259 and using what it read, and goes on with another
//!   dispatcher, reads again. The linker script gathers the section between `k42_atomic_start` and
//!   `k42_atomic_end`.
//!
//! # The switch frame
//!
//! What a thread that gives up the CPU leaves on its stack: a standard frame of [`FRAME`] bytes with r14-r31
//! at 32; LR and CR are in the caller's frame, where the ABI wants them, and r2 at 24.

use crate::dispatcher::{self, word};
use crate::slots::offset as call;
use crate::thread::offset as thread;
use k42_abi::calls;
use k42_abi::dispatcher::offset as page;

/// Bytes of the switch frame: 32 for the ABI, 18 registers, a multiple of 16.
const FRAME: usize = 192;
/// Offset of a library word in the page.
const fn at(index: usize) -> usize {
    page::LIBRARY + index * 8
}

/// Loads or stores r14-r31 in the frame at r1.
macro_rules! registers {
    ($op:literal) => {
        concat!(
            $op,
            " 14, 32(1)\n",
            $op,
            " 15, 40(1)\n",
            $op,
            " 16, 48(1)\n",
            $op,
            " 17, 56(1)\n",
            $op,
            " 18, 64(1)\n",
            $op,
            " 19, 72(1)\n",
            $op,
            " 20, 80(1)\n",
            $op,
            " 21, 88(1)\n",
            $op,
            " 22, 96(1)\n",
            $op,
            " 23, 104(1)\n",
            $op,
            " 24, 112(1)\n",
            $op,
            " 25, 120(1)\n",
            $op,
            " 26, 128(1)\n",
            $op,
            " 27, 136(1)\n",
            $op,
            " 28, 144(1)\n",
            $op,
            " 29, 152(1)\n",
            $op,
            " 30, 160(1)\n",
            $op,
            " 31, 168(1)\n",
        )
    };
}

/// Makes a switch frame, and notes it in the thread.
macro_rules! save {
    () => {
        concat!(
            "mflr 0\n mfcr 12\n std 0, 16(1)\n stw 12, 8(1)\n stdu 1, -{frame}(1)\n std 2, 24(1)\n",
            registers!("std"),
            "std 1, {sp}(13)\n",
        )
    };
}

core::arch::global_asm!(
    // Disables; r3 = the page. Changes r0 only besides.
    ".section .text.k42_atomic, \"ax\", @progbits",
    ".balign 32",
    ".globl k42_disable",
    ".type k42_disable, @function",
    "k42_disable:",
    "mfspr 3, 259",
    "li 0, 1",
    "std 0, {disabled}(3)",
    "blr",
    ".size k42_disable, . - k42_disable",
    ".balign 32",

    ".section .text.k42_sched, \"ax\", @progbits",

    // Gives up the CPU: disabled, r3 = page. Comes back enabled when the thread is resumed.
    ".globl k42_switch_out",
    ".type k42_switch_out, @function",
    "k42_switch_out:",
    save!(),
    "ld 1, {upcall_stack}(3)",
    "li 13, 0",
    "bl k42_upcall_switched",
    "trap",
    ".size k42_switch_out, . - k42_switch_out",

    // Lets soft interrupts be handled and others run; the thread stays ready. Enabled, and so is the return.
    ".globl k42_reschedule",
    ".type k42_reschedule, @function",
    "k42_reschedule:",
    save!(),
    "bl k42_disable",
    "ld 1, {upcall_stack}(3)",
    "li 13, 0",
    "bl k42_upcall_reschedule",
    "trap",
    ".size k42_reschedule, . - k42_reschedule",

    // Resumes thread r3, which has a switch frame. Disabled, r4 = page. r3 there = r5.
    ".globl k42_resume_switched",
    ".type k42_resume_switched, @function",
    "k42_resume_switched:",
    "mr 13, 3",
    "mr 3, 5",
    ".Lk42_resume:",
    "ld 1, {sp}(13)",
    registers!("ld"),
    "ld 2, 24(1)",
    "addi 1, 1, {frame}",
    "ld 0, 16(1)",
    "lwz 12, 8(1)",
    "mtlr 0",
    "mtcr 12",
    "li 0, 0",
    "std 0, {disabled}(4)",
    "ld 0, {soft}(4)",
    "cmpdi 0, 0",
    "beqlr",
    // Something came in while we were disabled. The stack is as at the call: this is a tail call.
    "b k42_reschedule",
    ".size k42_resume_switched, . - k42_resume_switched",

    // Starts thread r3 (its `start` with its `argument`) with stack pointer r5. Disabled, r4 = page.
    ".globl k42_start_thread",
    ".type k42_start_thread, @function",
    "k42_start_thread:",
    "mr 13, 3",
    "mr 1, 5",
    "li 0, 0",
    "std 0, 0(1)",
    "std 0, {disabled}(4)",
    "ld 0, {soft}(4)",
    "cmpdi 0, 0",
    "beq .Lk42_started",
    "bl k42_reschedule",
    ".Lk42_started:",
    "ld 12, {start}(13)",
    "ld 3, {argument}(13)",
    "mtctr 12",
    "bctrl",
    "bl k42_thread_returned",
    "trap",
    ".size k42_start_thread, . - k42_start_thread",

    // The call: disabled, r3 = call block, r4 = page. Comes back enabled with the block filled in.
    ".globl k42_call",
    ".type k42_call, @function",
    "k42_call:",
    save!(),
    "std 3, {call}(13)",
    "mr 11, 3",
    "ld 3, {c_target}(11)",
    "ld 4, {c_handle}(11)",
    "ld 5, {c_word}(11)",
    "ld 6, {c_words}(11)",
    "ld 7, {c_words}+8(11)",
    "ld 8, {c_words}+16(11)",
    "ld 9, {c_words}+24(11)",
    "ld 10, {c_words}+32(11)",
    "lis 0, {selector}",
    "ori 0, 0, {n_call}",
    "sc",
    // A kernel that refuses in place is taken as one that says so by CALL_FAILED.
    "mr 4, 3",
    "ld 11, {call}(13)",
    "ld 3, {c_word}(11)",
    "rldicl 3, 3, 48, 56",
    "b k42_entry_call_failed",
    ".size k42_call, . - k42_call",

    // A reply: r3 = slot, r4 = status, r5 = word, r6-r10 = words.
    ".globl k42_entry_return_in",
    ".type k42_entry_return_in, @function",
    "k42_entry_return_in:",
    "mfspr 11, 259",
    "sldi 12, 3, 3",
    "add 12, 11, 12",
    "ld 13, {callers}(12)",
    "cmpdi 13, 0",
    "beq k42_entry_run",
    "li 0, 0",
    "std 0, {callers}(12)",
    "std 13, {current}(11)",
    "ld 12, {call}(13)",
    "std 4, {c_handle}(12)",
    "std 5, {c_word}(12)",
    "std 6, {c_words}(12)",
    "std 7, {c_words}+8(12)",
    "std 8, {c_words}+16(12)",
    "std 9, {c_words}+24(12)",
    "std 10, {c_words}+32(12)",
    "ld 0, {c_release}(12)",
    "ld 4, {dispatcher}(11)",
    "cmpdi 0, 0",
    "beq .Lk42_slot_kept",
    // The slot was for this call only. If a thread waits for one, that is not for here.
    "ld 5, {d_waiting}(4)",
    "cmpdi 5, 0",
    "bne .Lk42_slot_wanted",
    "li 0, 1",
    "ld 5, {d_slots}(4)",
    "sld 0, 0, 3",
    "or 5, 5, 0",
    "std 5, {d_slots}(4)",
    ".Lk42_slot_kept:",
    "ld 0, {fp}(13)",
    "cmpdi 0, 0",
    "beq .Lk42_reply_in",
    // A thread of a program: its floating-point registers must be in, and its group not barred.
    "ld 5, {d_fp_owner}(4)",
    "ld 6, {d_hold}(4)",
    "cmpd 5, 13",
    "bne .Lk42_reply_slow",
    "cmpdi 6, 0",
    "bne .Lk42_reply_slow",
    ".Lk42_reply_in:",
    "mr 4, 11",
    "b .Lk42_resume",
    ".Lk42_slot_wanted:",
    "mr 3, 13",
    "mr 4, 11",
    "ld 12, {call}(13)",
    "ld 5, {c_word}(12)",
    "rldicl 5, 5, 48, 56",
    "ld 2, {toc}(11)",
    "ld 1, {upcall_stack}(11)",
    "li 13, 0",
    "bl k42_upcall_release",
    "trap",
    ".Lk42_reply_slow:",
    "mr 3, 13",
    "mr 4, 11",
    "ld 2, {toc}(11)",
    "ld 1, {upcall_stack}(11)",
    "li 13, 0",
    "bl k42_upcall_resume",
    "trap",
    ".size k42_entry_return_in, . - k42_entry_return_in",

    // A call: r3 = caller, r4 = handle, r5 = word, r6-r10 = words. The worker of the slot serves it.
    ".globl k42_entry_call_in",
    ".type k42_entry_call_in, @function",
    "k42_entry_call_in:",
    "mfspr 11, 259",
    "ld 12, {workers}(11)",
    "rlwinm 0, 5, 19, 21, 28",
    "ldx 13, 12, 0",
    "ld 2, {toc}(11)",
    "std 13, {current}(11)",
    "ld 1, {stack_top}(13)",
    "li 0, 0",
    "std 0, 0(1)",
    "std 3, 32(1)",
    "std 4, 40(1)",
    "std 5, 48(1)",
    "std 6, 56(1)",
    "std 7, 64(1)",
    "std 8, 72(1)",
    "std 9, 80(1)",
    "std 10, 88(1)",
    "std 0, {disabled}(11)",
    "ld 0, {soft}(11)",
    "cmpdi 0, 0",
    "beq .Lk42_enabled",
    "bl k42_reschedule",
    ".Lk42_enabled:",
    "addi 3, 1, 32",
    "bl k42_serve",
    "bl k42_disable",
    "li 0, 0",
    "std 0, {current}(3)",
    "ld 4, 48(1)",
    "ld 6, 56(1)",
    "ld 7, 64(1)",
    "ld 8, 72(1)",
    "ld 9, 80(1)",
    "ld 10, 88(1)",
    "ld 3, 40(1)",
    "li 0, 0",
    "li 2, 0",
    "li 5, 0",
    "li 11, 0",
    "li 12, 0",
    "li 13, 0",
    "li 14, 0",
    "li 15, 0",
    "li 16, 0",
    "li 17, 0",
    "li 18, 0",
    "li 19, 0",
    "li 20, 0",
    "li 21, 0",
    "li 22, 0",
    "li 23, 0",
    "li 24, 0",
    "li 25, 0",
    "li 26, 0",
    "li 27, 0",
    "li 28, 0",
    "li 29, 0",
    "li 30, 0",
    "li 31, 0",
    "li 1, 0",
    "mtlr 0",
    "mtctr 0",
    "mtxer 0",
    "mtcr 0",
    "lis 0, {selector}",
    "ori 0, 0, {n_return}",
    "sc",
    // Falls through if the kernel would not have it.

    // Nothing to resume.
    ".globl k42_entry_run",
    ".type k42_entry_run, @function",
    "k42_entry_run:",
    "mfspr 3, 259",
    "ld 2, {toc}(3)",
    "ld 1, {upcall_stack}(3)",
    "li 13, 0",
    "bl k42_upcall_run",
    "trap",

    // The computation is in the page's interrupt frame.
    ".globl k42_entry_interrupt",
    ".type k42_entry_interrupt, @function",
    "k42_entry_interrupt:",
    "mfspr 3, 259",
    "ld 2, {toc}(3)",
    "ld 1, {upcall_stack}(3)",
    "li 13, 0",
    "bl k42_upcall_interrupt",
    "trap",

    // As before, and r3 = id to wait for.
    ".globl k42_entry_page_fault",
    ".type k42_entry_page_fault, @function",
    "k42_entry_page_fault:",
    "mr 4, 3",
    "mfspr 3, 259",
    "ld 2, {toc}(3)",
    "ld 1, {upcall_stack}(3)",
    "li 13, 0",
    "bl k42_upcall_page_fault",
    "trap",

    // r3 = client slot, r4 = status.
    ".globl k42_entry_call_failed",
    ".type k42_entry_call_failed, @function",
    "k42_entry_call_failed:",
    "mr 5, 4",
    "mr 4, 3",
    "mfspr 3, 259",
    "ld 2, {toc}(3)",
    "ld 1, {upcall_stack}(3)",
    "li 13, 0",
    "bl k42_upcall_call_failed",
    "trap",

    // May come while disabled, hence a stack of its own. r4 = the memory server's status, if it was a page fault.
    ".globl k42_entry_trap",
    ".type k42_entry_trap, @function",
    "k42_entry_trap:",
    "mfspr 3, 259",
    "ld 2, {toc}(3)",
    "ld 1, {trap_stack}(3)",
    "li 13, 0",
    "bl k42_upcall_trap",
    "trap",

    // A program's system call, in a process that has no Linux library: an ordinary trap would say where, so make one.
    ".globl k42_entry_no_system_call",
    ".type k42_entry_no_system_call, @function",
    "k42_entry_no_system_call:",
    "trap",

    // Runs r3(r4) so that a copy of this process can return from here too, see `fork`.
    ".globl k42_fork_call",
    ".type k42_fork_call, @function",
    "k42_fork_call:",
    save!(),
    "std 1, {fork_sp}(13)",
    "mr 12, 3",
    "mr 3, 4",
    "mtctr 12",
    "bctrl",
    "addi 1, 1, {frame}",
    "ld 0, 16(1)",
    "mtlr 0",
    "blr",
    ".size k42_fork_call, . - k42_fork_call",
    ".text",

    frame = const FRAME,
    disabled = const page::DISABLED,
    soft = const page::SOFT_INTERRUPTS,
    upcall_stack = const page::UPCALL_STACK,
    current = const at(word::CURRENT),
    toc = const at(word::TOC),
    dispatcher = const at(word::DISPATCHER),
    d_fp_owner = const dispatcher::offset::FP_OWNER,
    d_hold = const dispatcher::offset::HOLD,
    d_slots = const dispatcher::offset::SLOTS,
    d_waiting = const dispatcher::offset::WAITING,
    c_release = const call::RELEASE,
    workers = const at(word::WORKERS),
    trap_stack = const at(word::TRAP_STACK),
    callers = const at(word::CALLERS),
    sp = const thread::SP,
    stack_top = const thread::STACK_TOP,
    call = const thread::CALL,
    fp = const thread::FP,
    start = const thread::START,
    argument = const thread::ARGUMENT,
    fork_sp = const thread::FORK_SP,
    c_target = const call::TARGET,
    c_handle = const call::HANDLE_STATUS,
    c_word = const call::WORD,
    c_words = const call::WORDS,
    selector = const (calls::SELECTOR >> 16),
    n_call = const calls::CALL,
    n_return = const calls::RETURN,
);

use crate::dispatcher::Page;
use crate::slots::CallBlock;
use crate::thread::Thread;

unsafe extern "C" {
    /// Sets `disabled`; the page.
    pub(crate) safe fn k42_disable() -> *const Page;
    /// Handles soft interrupts and lets others run.
    pub(crate) safe fn k42_reschedule();
    /// Gives the CPU up. Disabled before, enabled after.
    pub(crate) fn k42_switch_out(page: *const Page);
    /// Goes on with a thread that has a switch frame; its `r3` gets `value`.
    pub(crate) fn k42_resume_switched(thread: *mut Thread, page: *const Page, value: u64) -> !;
    /// Begins a thread.
    pub(crate) fn k42_start_thread(thread: *mut Thread, page: *const Page, stack: u64) -> !;
    /// Makes a call. Disabled before, enabled after.
    pub(crate) fn k42_call(block: *mut CallBlock, page: *const Page);
    /// See `fork`.
    pub(crate) fn k42_fork_call(function: extern "C" fn(u64) -> u64, argument: u64) -> u64;

    pub(crate) fn k42_entry_run();
    pub(crate) fn k42_entry_interrupt();
    pub(crate) fn k42_entry_trap();
    pub(crate) fn k42_entry_page_fault();
    pub(crate) fn k42_entry_call_in();
    pub(crate) fn k42_entry_return_in();
    pub(crate) fn k42_entry_call_failed();
    pub(crate) fn k42_entry_no_system_call();

    /// Bounds of the restartable sequences, from the linker script.
    pub(crate) static k42_atomic_start: u8;
    /// End of them.
    pub(crate) static k42_atomic_end: u8;
}
