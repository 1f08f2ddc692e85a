//! The thread object: lies at the top of the stack that it describes, and is never given back to anybody but
//! the next thread that uses this stack. So a [`ThreadRef`] to a thread that has ended can do no worse than
//! wake its successor once without cause, which every waiter allows for.

use crate::mark::Mark;
use crate::timer::TimerNode;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use k42_abi::dispatcher::RegisterFrame;

/// How the registers of a thread that does not run are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Saved {
    /// The callee-saved ones on its stack, at `sp`.
    OnStack = 0,
    /// All of them in `frame`.
    InFrame = 1,
    /// None yet: the thread begins.
    Fresh = 2,
    /// As `OnStack`, with the reply to a call in the frame.
    Replied = 3,
    /// As `OnStack`, with the arguments of a call in the frame, which is to be made again from the entry in `value`.
    Again = 4,
}

/// A thread. The first fields are known to assembly by offset.
#[repr(C, align(128))]
pub struct Thread {
    /// Stack pointer of the saved registers.
    pub(crate) sp: u64,
    /// Stack pointer with which the thread starts (a worker starts anew with each call).
    pub(crate) stack_top: u64,
    /// Lowest word of the stack; holds its own address as long as the stack has not overflowed. Null: not watched.
    pub(crate) limit: *mut u64,
    /// Area for floating-point and vector registers; null for threads that have none of their own.
    pub(crate) fp: *mut u8,
    /// What an enabled thread starts with.
    pub(crate) start: Option<extern "C" fn(u64)>,
    /// Its argument.
    pub(crate) argument: u64,
    /// Stack pointer from which a copy of this process goes on; see `fork`.
    pub(crate) fork_sp: u64,

    /// Not zero: the thread has something of its dispatcher (a message slot) and must not move.
    pub(crate) pinned: u32,
    /// Which form the saved registers have.
    pub(crate) saved: Saved,
    /// What the thread finds as the result of the function in which it gave up the CPU.
    pub(crate) value: u64,
    /// Dispatcher that the thread belongs to now.
    pub(crate) home: AtomicU32,
    /// Blocked, running, or woken before it blocked.
    pub(crate) mark: Mark,
    /// Not zero: the thread holds a spinning lock, and goes on first when it has been stopped.
    pub(crate) unpreempted: u32,
    /// The thread may be moved to another dispatcher when it is ready.
    pub(crate) migratable: bool,
    /// Serves calls; starts anew with each.
    pub(crate) worker: bool,
    /// The timer ended the last wait.
    pub(crate) timed_out: bool,
    /// Groups that the thread is in, for barring.
    pub(crate) groups: u64,

    /// Next in whichever queue of the dispatcher the thread is in.
    pub(crate) next: *mut Thread,
    /// Next of all threads of the process.
    pub(crate) all_next: *mut Thread,
    /// Next in an inbox.
    pub(crate) inbox_next: AtomicPtr<Thread>,
    /// The thread's place among its dispatcher's timers.
    pub(crate) timer: TimerNode,
    /// For whoever made the thread (linux-emu keeps its own record here).
    pub(crate) extension: AtomicPtr<u8>,
    /// Registers, if `saved` says so.
    pub(crate) frame: RegisterFrame,
}

/// Offsets for assembly.
pub(crate) mod offset {
    use super::Thread;
    use core::mem::offset_of;
    pub(crate) const SP: usize = 0;
    pub(crate) const STACK_TOP: usize = 8;
    pub(crate) const LIMIT: usize = 16;
    pub(crate) const FP: usize = 24;
    pub(crate) const START: usize = 32;
    pub(crate) const ARGUMENT: usize = 40;
    pub(crate) const FORK_SP: usize = 48;
    pub(crate) const PINNED: usize = 56;
    const _: () = assert!(offset_of!(Thread, sp) == SP);
    const _: () = assert!(offset_of!(Thread, stack_top) == STACK_TOP);
    const _: () = assert!(offset_of!(Thread, limit) == LIMIT);
    const _: () = assert!(offset_of!(Thread, fp) == FP);
    const _: () = assert!(offset_of!(Thread, start) == START);
    const _: () = assert!(offset_of!(Thread, argument) == ARGUMENT);
    const _: () = assert!(offset_of!(Thread, fork_sp) == FORK_SP);
    const _: () = assert!(offset_of!(Thread, pinned) == PINNED);
}

impl Thread {
    /// Whether the thread has used more stack than it has. Found only after the fact: stacks of servers have no page below
    /// them that would fault.
    pub(crate) fn has_overflowed(&self) -> bool {
        // SAFETY: null, or the lowest word of the thread's own stack.
        !self.limit.is_null() && unsafe { self.limit.read_volatile() } != self.limit as u64
    }

    /// A thread that is nowhere yet.
    pub(crate) fn new() -> Self {
        Self {
            sp: 0,
            stack_top: 0,
            limit: null_mut(),
            fp: null_mut(),
            start: None,
            argument: 0,
            fork_sp: 0,
            pinned: 0,
            saved: Saved::OnStack,
            value: 0,
            home: AtomicU32::new(0),
            mark: Mark::new(),
            unpreempted: 0,
            migratable: false,
            worker: false,
            timed_out: false,
            groups: 0,
            next: null_mut(),
            all_next: null_mut(),
            inbox_next: AtomicPtr::new(null_mut()),
            timer: TimerNode::new(),
            extension: AtomicPtr::new(null_mut()),
            frame: RegisterFrame::ZERO,
        }
    }

    /// The word that the thread's maker has left.
    #[inline]
    pub fn extension(&self) -> *mut u8 {
        self.extension.load(Ordering::Relaxed)
    }
    /// Leaves a word for others to find.
    #[inline]
    pub fn set_extension(&self, value: *mut u8) {
        self.extension.store(value, Ordering::Relaxed);
    }
}

/// Names a thread; see the module's comment for what it may be used for after the thread has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ThreadRef(pub(crate) NonNull<Thread>);

// SAFETY: a thread is reached from other threads only by its atomics; the rest belongs to its dispatcher.
unsafe impl Send for ThreadRef {}
// SAFETY: as above.
unsafe impl Sync for ThreadRef {}

impl ThreadRef {
    /// The reference as a word, never zero.
    #[inline]
    pub fn to_word(self) -> u64 {
        self.0.as_ptr() as u64
    }
    /// The reference from its word.
    ///
    /// # Safety
    /// `word` came from `to_word` in this process (or in the one that it was forked from).
    #[inline]
    pub unsafe fn from_word(word: u64) -> Option<Self> {
        NonNull::new(word as *mut Thread).map(Self)
    }
    /// The thread's shared fields.
    #[inline]
    pub fn get(&self) -> &Thread {
        // SAFETY: threads are never freed.
        unsafe { self.0.as_ref() }
    }
}
