//! The dispatcher page: what kernel and process share about one dispatcher.
//!
//! The page is pinned and writable by the process; the kernel trusts nothing in it. The process
//! finds its page through SPR 259 (the user-readable alias of SPRG3; Power ISA book III, SPRGs).
//! Message slots follow the page: slot `n` is at `page + PAGE_SIZE + n * SLOT_SIZE`.
//!
//! # The contract
//!
//! * A dispatcher is runnable if and only if it is `disabled`, or has a soft interrupt pending, or
//!   `has_work` is not zero.
//! * The kernel sets `disabled` before every upcall except the system-call entry. While it is set
//!   there is no upcall other than TRAP; the dispatcher may still be stopped and goes on as if
//!   nothing had been.
//! * After the library clears `disabled` it loads `soft_interrupts`; if not zero it disables again
//!   and handles them. Bits are set by OR and taken by AND or exchange, never by addition.
//! * Reading SPR 259 and setting `disabled` are two instructions. They stand in a fixed range of
//!   the library's text; a thread whose saved `nip` is in that range is never moved to another
//!   dispatcher.

use crate::layout::PAGE_SIZE;
use crate::message::{ASYNC_RING, AsyncMessage};
use core::sync::atomic::{AtomicU32, AtomicU64};

/// Registers of an interrupted computation, in fixed order.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(128))]
pub struct RegisterFrame {
    /// r0 to r31.
    pub gpr: [u64; 32],
    /// Next instruction.
    pub nip: u64,
    /// Machine state. Only the bits that a process may choose are taken from here.
    pub msr: u64,
    /// Condition register.
    pub cr: u64,
    /// Link register.
    pub lr: u64,
    /// Count register.
    pub ctr: u64,
    /// Fixed-point exception register.
    pub xer: u64,
    /// Vector offset of the exception that saved the frame.
    pub vector: u64,
    /// Data address register (faults).
    pub dar: u64,
    /// Data storage interrupt status, or the high bits of SRR1 for instruction faults and traps.
    pub dsisr: u64,
    /// Zero.
    pub reserved: [u64; 7],
}

impl RegisterFrame {
    /// A frame of zeroes.
    pub const ZERO: Self = Self {
        gpr: [0; 32],
        nip: 0,
        msr: 0,
        cr: 0,
        lr: 0,
        ctr: 0,
        xer: 0,
        vector: 0,
        dar: 0,
        dsisr: 0,
        reserved: [0; 7],
    };
}

/// Entry points, indices into [`DispatcherPage::entry`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Entry {
    /// Chosen by the scheduler with nothing to resume. At the first start r3 = address of the boot
    /// words; see [`crate::boot`].
    Run = 0,
    /// Stopped while enabled: the computation is in `interrupt_frame`.
    Interrupt = 1,
    /// Exception, or refused page fault: `trap_frame`, `trap_was_disabled`; r3 = vector, r4 = status
    /// of the memory server (negative) for a page fault, else 0. The only upcall that may come while
    /// disabled. A trap before the one before was handled (by RESUME, YIELD, CALL or RETURN) while
    /// disabled is the end: the dispatcher never runs again, and the process server is told.
    Trap = 2,
    /// Page fault that takes time: `interrupt_frame`, r3 = id to wait for.
    PageFault = 3,
    /// A protected call arrives (registers: see [`crate::message`]).
    CallIn = 4,
    /// A reply arrives.
    ReturnIn = 5,
    /// A call could not be delivered: r3 = client slot, r4 = status (negative).
    CallFailed = 6,
    /// A Linux system call of the program: r0 and r3-r8 as the program left them, r10 = this page,
    /// r11 = address after the `sc`, r12 = this entry; all other registers the program's own.
    /// `disabled` stays clear.
    SystemCall = 7,
}

/// Number of entry points.
pub const ENTRIES: usize = 8;

/// Bits of [`DispatcherPage::soft_interrupts`].
pub mod soft_interrupt {
    /// The time slice is over and others wait: give the CPU up soon.
    pub const PREEMPT: u64 = 1 << 0;
    /// The asynchronous ring has messages.
    pub const ASYNC: u64 = 1 << 1;
    /// A message was dropped because the ring was full: poll everything.
    pub const OVERFLOW: u64 = 1 << 2;
    /// The time set by SET_TIMER has come.
    pub const TIMER: u64 = 1 << 3;
    /// A call that failed with BUSY is worth trying again.
    pub const RETRY: u64 = 1 << 4;
    /// Bits were set in `faults_done`.
    pub const FAULT_DONE: u64 = 1 << 5;
    /// A console that this dispatcher bound has input.
    pub const CONSOLE: u64 = 1 << 6;
    /// First start of the dispatcher.
    pub const START: u64 = 1 << 7;
    /// The answer to a call came while another thread was running: YIELD (staying runnable) to let it in.
    pub const REPLY: u64 = 1 << 8;
}

/// The shared page.
#[repr(C, align(4096))]
pub struct DispatcherPage {
    /// Not zero: no upcalls.
    pub disabled: AtomicU64,
    /// Pending soft interrupts.
    pub soft_interrupts: AtomicU64,
    /// Not zero: some thread is ready.
    pub has_work: AtomicU64,
    /// Messages taken out of the ring so far (written by the process).
    pub async_taken: AtomicU64,
    /// Messages put into the ring so far (written by the kernel, which keeps its own copy).
    pub async_put: AtomicU64,
    /// Fault ids that are complete.
    pub faults_done: AtomicU64,
    /// CPU on which the dispatcher runs.
    pub cpu: AtomicU32,
    /// Number of the dispatcher within its process.
    pub vp: AtomicU32,
    /// Its full address.
    pub comm_id: AtomicU64,
    /// Entry points, by [`Entry`].
    pub entry: [AtomicU64; ENTRIES],
    /// Timebase ticks that the dispatcher has run (written by the kernel).
    pub run_ticks: AtomicU64,
    /// Times that it was stopped at the end of a slice (written by the kernel).
    pub preemptions: AtomicU64,
    /// Slots for calls made.
    pub client_slots: AtomicU32,
    /// Slots for calls that arrive.
    pub server_slots: AtomicU32,
    /// Value of `disabled` when the trap came.
    pub trap_was_disabled: AtomicU64,
    /// Stack on which upcalls run (library's own; the kernel never looks).
    pub upcall_stack: AtomicU64,
    /// Classes of trace events that are on (written by the kernel). It is here and not only in the trace region, so that an
    /// event that is off costs four instructions.
    pub trace_mask: AtomicU64,
    reserved: [u64; 8],
    /// Saved by INTERRUPT and PAGE_FAULT.
    pub interrupt_frame: RegisterFrame,
    /// Saved by TRAP.
    pub trap_frame: RegisterFrame,
    /// A place for frames to resume from.
    pub resume_frame: RegisterFrame,
    reserved_2: [u64; 16],
    /// Asynchronous messages, at index `count % ASYNC_RING`.
    pub async_ring: [AsyncMessage; ASYNC_RING],
    /// The library's own, at the same place in every program so that assembly can use it.
    pub library: [AtomicU64; LIBRARY_WORDS],
}

/// Words at the end of the page for the library.
pub const LIBRARY_WORDS: usize = 192;

/// Offsets for assembly, checked against the structure.
pub mod offset {
    #![allow(missing_docs, reason = "named after the fields")]
    use super::{DispatcherPage, RegisterFrame};
    use core::mem::offset_of;

    macro_rules! offsets {
        ($($name:ident = $value:literal : $field:ident;)*) => {
            $(pub const $name: usize = $value;
              const _: () = assert!(offset_of!(DispatcherPage, $field) == $value);)*
        };
    }
    offsets! {
        DISABLED = 0x000: disabled;
        SOFT_INTERRUPTS = 0x008: soft_interrupts;
        HAS_WORK = 0x010: has_work;
        ENTRY = 0x040: entry;
        TRAP_WAS_DISABLED = 0x098: trap_was_disabled;
        UPCALL_STACK = 0x0a0: upcall_stack;
        INTERRUPT_FRAME = 0x100: interrupt_frame;
        TRAP_FRAME = 0x280: trap_frame;
        RESUME_FRAME = 0x400: resume_frame;
        ASYNC_RING = 0x600: async_ring;
        LIBRARY = 0xa00: library;
    }

    macro_rules! frame_offsets {
        ($($name:ident = $value:literal : $field:ident;)*) => {
            $(pub const $name: usize = $value;
              const _: () = assert!(offset_of!(RegisterFrame, $field) == $value);)*
        };
    }
    frame_offsets! {
        FRAME_GPR = 0x000: gpr;
        FRAME_NIP = 0x100: nip;
        FRAME_MSR = 0x108: msr;
        FRAME_CR = 0x110: cr;
        FRAME_LR = 0x118: lr;
        FRAME_CTR = 0x120: ctr;
        FRAME_XER = 0x128: xer;
        FRAME_VECTOR = 0x130: vector;
        FRAME_DAR = 0x138: dar;
        FRAME_DSISR = 0x140: dsisr;
    }
    const _: () = assert!(size_of::<DispatcherPage>() == super::PAGE_SIZE);
    const _: () = assert!(size_of::<RegisterFrame>() == 0x180);
}
