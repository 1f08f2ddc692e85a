//! A Linux thread: what the library keeps about it beside the scheduler's own record.
//!
//! The first part, [`EntryArea`], is shared with the entry and exit code in assembly, by offset. The
//! rest is touched only by the thread itself (cells), except for what signals need (atomics, a lock).

use crate::event::Source;
use crate::port;
use crate::port::FpState;
use crate::signal::frame::AltStack;
use crate::signal::{Info, Pending, SignalSet};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell, UnsafeCell};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, Ordering};
use k42_abi::dispatcher::RegisterFrame;
use k42_abi::{Error, Result};

/// Registers of the program that the fast entry saves, and what it needs to find. Relaxed atomics,
/// because assembly writes them while Rust holds a shared reference; they are the thread's own.
#[repr(C)]
#[derive(Default)]
#[allow(missing_docs, reason = "named after the registers")]
pub struct EntryArea {
    pub r1: AtomicU64,
    pub r2: AtomicU64,
    pub r13: AtomicU64,
    pub lr: AtomicU64,
    pub cr: AtomicU64,
    pub nip: AtomicU64,
    /// r0: number of the call.
    pub number: AtomicU64,
    /// r3-r8.
    pub arguments: [AtomicU64; 6],
    /// Where the library's stack starts.
    pub stack: AtomicU64,
    /// The library's TOC pointer.
    pub toc: AtomicU64,
    /// The scheduler's thread, r13 inside the library.
    pub scheduler: AtomicU64,
    /// Not zero: take the slow way out, something waits to be done there.
    pub attention: AtomicU64,
}

/// Offsets for assembly.
pub mod offset {
    use super::EntryArea;
    use core::mem::offset_of;
    macro_rules! offsets {
        ($($name:ident = $value:literal : $field:ident;)*) => {
            $(#[allow(missing_docs, reason = "named after the field")] pub const $name: usize = $value;
              const _: () = assert!(offset_of!(EntryArea, $field) == $value);)*
        };
    }
    offsets! {
        R1 = 0: r1;
        R2 = 8: r2;
        R13 = 16: r13;
        LR = 24: lr;
        CR = 32: cr;
        NIP = 40: nip;
        NUMBER = 48: number;
        ARGUMENTS = 56: arguments;
        STACK = 104: stack;
        TOC = 112: toc;
        SCHEDULER = 120: scheduler;
        ATTENTION = 128: attention;
    }
    /// The full register frame.
    pub const FRAME: usize = 256;
    const _: () = assert!(offset_of!(super::Thread, entry) == 0);
    const _: () = assert!(offset_of!(super::Thread, frame) == FRAME);
}

/// Scratch memory of a thread, so that calls need neither big stack frames nor the heap.
pub struct Scratch {
    /// A path.
    pub path: RefCell<[u8; 4096]>,
    /// A second path.
    pub other_path: RefCell<[u8; 4096]>,
    /// What a server leaves of a path.
    pub rest: RefCell<[u8; 4096 + 64]>,
    /// Data on its way.
    pub bulk: RefCell<[u8; 8192]>,
}

/// What a system call that was cut short by a signal goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants' comments name the fields")]
pub enum Restart {
    /// Nothing.
    None,
    /// nanosleep and clock_nanosleep: sleep until that time (timebase), and where to put what remains.
    Sleep { until: u64, remaining: u64 },
    /// poll(2) with the time at which it ends.
    Poll {
        fds: u64,
        count: u64,
        until: Option<u64>,
    },
    /// FUTEX_WAIT with the time at which it ends.
    Futex {
        address: u64,
        value: u32,
        bits: u32,
        until: u64,
        shared: bool,
    },
}

/// A thread of the program.
#[repr(C, align(256))]
pub struct Thread {
    /// Shared with assembly.
    pub entry: EntryArea,
    /// All registers of the program, on the slow way out and while it is interrupted.
    pub frame: UnsafeCell<RegisterFrame>,
    /// Linux's thread id.
    pub tid: AtomicI32,
    /// The scheduler's thread, to wake it by.
    pub scheduled: Cell<Option<port::ThreadRef>>,
    /// Signals that are blocked; written by the thread only.
    pub blocked: AtomicU64,
    /// Signals that the thread waits for by sigtimedwait, blocked though they are.
    pub wanted: AtomicU64,
    /// Mask to go back to after sigsuspend, ppoll, pselect6.
    pub saved_mask: Cell<Option<SignalSet>>,
    /// Alternate signal stack.
    pub alt_stack: Cell<AltStack>,
    /// Signals for this thread.
    pub pending: port::Lock<Pending>,
    /// A fault of the program that the trap hook has put down.
    pub fault: Cell<Option<Info>>,
    /// Where to write zero and wake a futex when the thread ends.
    pub clear_tid: Cell<u64>,
    /// Head of the robust list, and the length that the program named.
    pub robust: Cell<(u64, u64)>,
    /// How to go on with an interrupted call.
    pub restart: Cell<Restart>,
    /// The view of a parent whose child has become real, until its registers are back.
    pub resumed: RefCell<Option<Box<crate::vfork::Suspended>>>,
    /// What the thread waits for; see [`crate::event`].
    pub waiting: Waiting,
    /// Scratch memory.
    pub scratch: Scratch,
    /// Where the scheduler keeps the vector registers while others run.
    pub vector_area: UnsafeCell<FpState>,
    /// What the thread is called with which the memory server has it waiting; zero: nothing.
    pub shared_wait: AtomicU64,
    /// Messages were lost: it may have been woken.
    pub wait_doubtful: AtomicBool,
    /// How many times it has waited so.
    pub waits: Cell<u32>,
    /// Name of a thread beside the first, as prctl(2) has it.
    pub name: Cell<[u8; 16]>,
    /// CPUs on which the thread wants to run, one bit each; zero: it has not said so.
    pub affinity: AtomicU64,
    /// The thread is to end on its way out.
    pub leaving: AtomicBool,
    /// The record stands for a thread that lives.
    alive: AtomicBool,
    /// Next of all records.
    next: AtomicPtr<Thread>,
}

// SAFETY: cells are used by the thread that the record belongs to, and by the trap and interrupt hooks on its
// dispatcher while it does not run; what others touch are atomics and locks.
unsafe impl Sync for Thread {}
// SAFETY: as above; the record is made by its parent and given to the new thread before that starts.
unsafe impl Send for Thread {}

impl Thread {
    /// Argument `index` of the system call that the thread makes.
    #[inline(always)]
    pub fn argument(&self, index: usize) -> u64 {
        self.entry.arguments[index].load(Ordering::Relaxed)
    }
    /// A record for a new thread: one that has been given up, or a new one. ENOMEM if there is no memory.
    pub fn new(tid: i32) -> Result<&'static Self> {
        for thread in all() {
            if thread
                .alive
                .compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                thread.reset(tid);
                return Ok(thread);
            }
        }
        let scratch = Scratch {
            path: RefCell::new([0; 4096]),
            other_path: RefCell::new([0; 4096]),
            rest: RefCell::new([0; 4096 + 64]),
            bulk: RefCell::new([0; 8192]),
        };
        let thread = Self {
            entry: EntryArea::default(),
            frame: UnsafeCell::new(RegisterFrame::ZERO),
            tid: AtomicI32::new(tid),
            scheduled: Cell::new(None),
            blocked: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            saved_mask: Cell::new(None),
            alt_stack: Cell::new(AltStack::NONE),
            pending: port::Lock::new(Pending::new()),
            fault: Cell::new(None),
            clear_tid: Cell::new(0),
            robust: Cell::new((0, 0)),
            restart: Cell::new(Restart::None),
            resumed: RefCell::new(None),
            waiting: Waiting::default(),
            scratch,
            vector_area: UnsafeCell::new(FpState::ZERO),
            shared_wait: AtomicU64::new(0),
            wait_doubtful: AtomicBool::new(false),
            waits: Cell::new(0),
            name: Cell::new([0; 16]),
            affinity: AtomicU64::new(0),
            leaving: AtomicBool::new(false),
            alive: AtomicBool::new(true),
            next: AtomicPtr::new(null_mut()),
        };
        let thread = Box::try_new(thread).map_err(|_| Error::ENOMEM)?;
        // Never freed: others may hold references to it, and the list is walked without a lock.
        let thread: &'static Self = Box::leak(thread);
        let mut head = ALL.load(Ordering::Acquire);
        loop {
            thread.next.store(head, Ordering::Relaxed);
            let new = core::ptr::from_ref(thread).cast_mut();
            match ALL.compare_exchange_weak(head, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(thread),
                Err(now) => head = now,
            }
        }
    }

    fn reset(&self, tid: i32) {
        self.entry.attention.store(0, Ordering::Relaxed);
        self.tid.store(tid, Ordering::Relaxed);
        self.scheduled.set(None);
        self.blocked.store(0, Ordering::Relaxed);
        self.wanted.store(0, Ordering::Relaxed);
        self.saved_mask.set(None);
        self.alt_stack.set(AltStack::NONE);
        self.pending.lock().drop_set(SignalSet(u64::MAX));
        self.fault.set(None);
        self.clear_tid.set(0);
        self.robust.set((0, 0));
        self.restart.set(Restart::None);
        self.waiting.set(Source::Nothing);
        self.shared_wait.store(0, Ordering::Relaxed);
        self.affinity.store(0, Ordering::Relaxed);
        self.leaving.store(false, Ordering::Relaxed);
    }

    /// Gives the record back: the thread has ended.
    pub fn give_up(&self) {
        self.tid.store(0, Ordering::Relaxed);
        self.alive.store(false, Ordering::Release);
    }
    /// Whether the record stands for a thread that lives.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// The record as what it is: never freed.
    pub fn forever(&self) -> &'static Self {
        // SAFETY: all records are leaked boxes, see `new`.
        unsafe { &*core::ptr::from_ref(self) }
    }
    /// Thread id.
    pub fn tid(&self) -> i32 {
        self.tid.load(Ordering::Relaxed)
    }
    /// Blocked signals.
    pub fn blocked(&self) -> SignalSet {
        SignalSet(self.blocked.load(Ordering::Relaxed))
    }
    /// Whether the thread would take `signal` now.
    pub fn takes(&self, signal: u32) -> bool {
        !self.blocked().has(signal) || SignalSet(self.wanted.load(Ordering::Acquire)).has(signal)
    }
    /// Sends the thread through the slow exit.
    pub fn call_attention(&self) {
        self.entry.attention.store(1, Ordering::Release);
    }
    /// Whether something waits at the slow exit.
    pub fn has_attention(&self) -> bool {
        self.entry.attention.load(Ordering::Acquire) != 0
    }
    /// Wakes the thread if it waits for something.
    pub fn wake(&self) {
        if let Some(thread) = self.scheduled.get() {
            port::unblock(thread);
        }
    }
    /// EINTR-like error if a signal waits; for loops that block.
    pub fn interrupted(&self) -> Result<()> {
        if self.has_attention() {
            Err(Error::RESTART)
        } else {
            Ok(())
        }
    }
}

/// All records ever made; the list only grows, so it can be walked at any time, even in an upcall.
static ALL: AtomicPtr<Thread> = AtomicPtr::new(null_mut());

/// All records, of living threads or not.
fn all() -> impl Iterator<Item = &'static Thread> {
    let mut at = ALL.load(Ordering::Acquire);
    core::iter::from_fn(move || {
        // SAFETY: records are published whole and never freed.
        let thread = unsafe { at.as_ref() }?;
        at = thread.next.load(Ordering::Acquire);
        Some(thread)
    })
}

/// All threads of the program.
pub fn living() -> impl Iterator<Item = &'static Thread> {
    all().filter(|thread| thread.is_alive())
}

/// The thread with this id.
pub fn by_tid(tid: i32) -> Option<&'static Thread> {
    living().find(|thread| thread.tid() == tid)
}

/// What a thread waits for, readable by upcalls without a lock.
#[derive(Default)]
pub struct Waiting {
    kind: AtomicU64,
    server: AtomicU64,
    handle: AtomicU64,
}

impl Waiting {
    /// The thread waits for `source` from now on.
    pub fn set(&self, source: Source) {
        let (kind, server, handle) = source.to_words();
        self.server.store(server, Ordering::Relaxed);
        self.handle.store(handle, Ordering::Relaxed);
        self.kind.store(kind, Ordering::Release);
    }
    /// What it waits for.
    pub fn get(&self) -> Source {
        let kind = self.kind.load(Ordering::Acquire);
        Source::from_words(
            kind,
            self.server.load(Ordering::Relaxed),
            self.handle.load(Ordering::Relaxed),
        )
    }
}

/// Boxes scratch memory that would not fit on a stack.
pub fn big_buffer(bytes: usize) -> Result<Box<[u8]>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(bytes).map_err(|_| Error::ENOMEM)?;
    buffer.resize(bytes, 0);
    Ok(buffer.into_boxed_slice())
}
