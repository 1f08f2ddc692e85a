//! The assembly: entry points, thread switch, call stub. Everything else is Rust.
//!
//! # Conventions
//!
//! * SPR 259 holds the address of the dispatcher page. Words of the page's library area are in
//!   [`word`](crate::word).
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
//! at 32 and, for a call, the arguments at [`ARGUMENTS`]; LR and CR are in the caller's frame, where the ABI wants
//! them. r2 is the same for all of a program, and is taken from the page.
//!
//! # Calls
//!
//! A call has its arguments in the kernel's registers from the start, and its result stays in the registers in which
//! the kernel brings it: r4 = status, r5 = word, r6-r10 = words. The free client slots are a list through the words
//! [`word::CALLERS`](crate::word::CALLERS): the word of a slot in use names the thread that waits there,
//! with [`KEEPS`](crate::slots::KEEPS) or [`PAYLOAD`](crate::slots::PAYLOAD) in its low bits.

use crate::thread::offset as thread;
use crate::word;
use k42_abi::dispatcher::offset as page;

/// Bytes of the switch frame: 32 for the ABI, 18 registers, 8 arguments, a multiple of 16.
const FRAME: usize = 240;
/// Where r3 to r10 of a call are in it.
const ARGUMENTS: usize = 176;
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
            "mflr 0\n mfcr 12\n std 0, 16(1)\n stw 12, 8(1)\n stdu 1, -{frame}(1)\n",
            registers!("std"),
            "std 1, {sp}(13)\n",
        )
    };
}

mod calls;

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

    // Resumes thread r3, which has a switch frame. Disabled, r4 = page. r3 and r4 there = r5, and r5 = 0.
    ".globl k42_resume_switched",
    ".type k42_resume_switched, @function",
    "k42_resume_switched:",
    "mr 13, 3",
    "mr 11, 4",
    "mr 3, 5",
    "mr 4, 5",
    "li 5, 0",
    // r13 = thread, r11 = page, r3-r10 = what the thread is to find there.
    ".globl k42_resume_frame",
    "k42_resume_frame:",
    "ld 1, {sp}(13)",
    registers!("ld"),
    "addi 1, 1, {frame}",
    "ld 0, 16(1)",
    "lwz 12, 8(1)",
    "ld 2, {toc}(11)",
    "mtlr 0",
    "mtcrf 0x38, 12",
    "li 0, 0",
    "std 0, {disabled}(11)",
    "ld 0, {soft}(11)",
    "cmpdi 0, 0",
    "beqlr",
    // Something came in while we were disabled. What the thread is to find must not get lost over it.
    "mflr 0",
    "std 0, 16(1)",
    "stdu 1, -96(1)",
    "std 3, 32(1)",
    "std 4, 40(1)",
    "std 5, 48(1)",
    "std 6, 56(1)",
    "std 7, 64(1)",
    "std 8, 72(1)",
    "std 9, 80(1)",
    "std 10, 88(1)",
    "bl k42_reschedule",
    "ld 3, 32(1)",
    "ld 4, 40(1)",
    "ld 5, 48(1)",
    "ld 6, 56(1)",
    "ld 7, 64(1)",
    "ld 8, 72(1)",
    "ld 9, 80(1)",
    "ld 10, 88(1)",
    "addi 1, 1, 96",
    "ld 0, 16(1)",
    "mtlr 0",
    "blr",
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
    toc = const at(word::TOC),
    trap_stack = const at(word::TRAP_STACK),
    sp = const thread::SP,
    start = const thread::START,
    argument = const thread::ARGUMENT,
    fork_sp = const thread::FORK_SP,
);

use crate::dispatcher::Page;
use crate::thread::Thread;

unsafe extern "C" {
    /// Sets `disabled`; the page.
    pub(crate) safe fn k42_disable() -> *const Page;
    /// Handles soft interrupts and lets others run.
    pub(crate) safe fn k42_reschedule();
    /// Gives the CPU up. Disabled before, enabled after.
    pub(crate) fn k42_switch_out(page: *const Page);
    /// Goes on with a thread that has a switch frame; `value` is what its function there returns, and the status if
    /// that was a call.
    pub(crate) fn k42_resume_switched(thread: *mut Thread, page: *const Page, value: u64) -> !;
    /// Begins a thread.
    pub(crate) fn k42_start_thread(thread: *mut Thread, page: *const Page, stack: u64) -> !;
    /// Goes on with a thread that has its reply in its switch frame.
    pub(crate) fn k42_resume_replied(thread: *mut Thread, page: *const Page) -> !;
    /// Makes the call of a thread again from `entry`, one of the three below.
    pub(crate) fn k42_call_again(thread: *mut Thread, page: *const Page, entry: u64) -> !;
    /// A call without payload; the arguments are the kernel's. Not to be called from Rust as a function.
    pub(crate) fn k42_call_registers();
    /// A call with a slot that the thread has and keeps.
    pub(crate) fn k42_call_kept();
    /// A call with a slot that the thread has, and that is given back with the reply.
    pub(crate) fn k42_call_last();
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
