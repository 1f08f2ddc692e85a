//! Dispatchers: what the kernel schedules and what protected calls go to.

use core::cell::Cell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use k42_abi::dispatcher::{DispatcherPage, Entry, RegisterFrame, offset};
use k42_abi::layout::PAGE_SIZE;
use k42_abi::message::{ASYNC_RING, AsyncMessage, MAX_SLOTS, SLOT_SIZE};
use k42_abi::{CommId, Error};
use k42_sync::SpinMutex;

use crate::arch::{FloatArea, msr};
use crate::cell::Owned;
use crate::heap::ABSENT;
use crate::pool::{Arena, Pooled};
use crate::process::Process;
use crate::record::{Incoming, Outgoing, Record};

/// Slot number that stands for a page fault: not a slot, but a call record of its own.
pub const FAULT_SLOT: usize = MAX_SLOTS;

/// Where a dispatcher is in its life. Set by its own CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Life {
    /// Takes part in scheduling.
    Alive = 0,
    /// In the arena.
    Free,
    /// Made, not started.
    Stopped,
    /// Trapped while handling a trap: never runs again.
    Broken,
}

/// A dispatcher. All of it belongs to its CPU, but for what says otherwise.
///
/// The first fields are in the order in which the fast path of calls (arch/fast.S) wants them.
#[repr(C, align(1024))]
pub struct Dispatcher {
    /// Registers of the computation that was stopped, if `has_frame`.
    pub frame: Owned<RegisterFrame>,

    // These eight bytes are looked at as one word: if all are zero, and the page says the same, a call can be given.
    /// See [`Life`].
    pub life: Owned<Life>,
    /// `frame` holds something to resume.
    pub has_frame: Owned<bool>,
    /// Its process is frozen. Written by any CPU.
    pub frozen: AtomicBool,
    reserved: [u8; 1],
    /// It runs, or it has lent its CPU to a server; see `PerCpu::current`.
    pub in_chain: Owned<bool>,
    reserved_2: [u8; 3],

    /// Free slots for calls that arrive, one bit each.
    pub free_incoming: Owned<u64>,
    page: Owned<*mut DispatcherPage>,
    /// Where the process sees its page.
    pub page_address: Owned<u64>,
    comm_id: AtomicU64,
    /// The address by which calls on its CPU name it.
    any_id: AtomicU64,
    /// Number of its translation (PIDR). Fixed between creation and end.
    pub translation: Owned<u64>,
    /// State in which its upcalls run: with the floating-point registers if they hold its values.
    pub user_msr: Owned<u64>,
    /// Who lent the CPU to it, while `in_chain`; none if it is on its own time.
    pub lender: Owned<Option<&'static Dispatcher>>,
    /// Dispatchers that wait for this one to become able to take calls, linked by `waits_next`.
    pub waiters: Owned<Option<&'static Dispatcher>>,
    /// Slots whose answer waits to be delivered, one bit each.
    pub answers: Owned<u64>,
    /// Slots for calls that it makes: the first ones.
    pub client_slots: Owned<usize>,
    /// All slots.
    pub slots: Owned<usize>,
    /// Calls made, by client slot.
    pub outgoing: [Record<Outgoing>; MAX_SLOTS],
    /// Calls given, by slot.
    pub incoming: [Record<Incoming>; MAX_SLOTS],

    /// Floating-point state while another dispatcher has the registers.
    pub float: Owned<FloatArea>,
    /// Its process. Fixed between creation and end.
    process: AtomicPtr<Process>,
    /// CPU on which it runs. Changed by that CPU, under its process's lock; read by any.
    cpu: AtomicUsize,
    /// r3 of the RUN entry: where the process finds its boot words.
    pub boot_argument: Owned<u64>,
    /// A trap was delivered and nothing has shown since that it was handled.
    pub in_trap: Owned<bool>,
    /// A page fault is with the memory server.
    pub faulting: Owned<bool>,
    /// The memory server's answer, if it came while the dispatcher could not be entered.
    pub fault_answer: Owned<Option<i64>>,
    /// Scheduling class.
    pub class: Owned<u64>,
    /// Scheduling weight.
    pub weight: Owned<u64>,
    /// Class and weight to take on when it is next queued (class | weight << 32), zero for none. Any CPU.
    pub wanted_priority: AtomicU64,
    /// Weighted time it has had.
    pub virtual_time: Owned<u64>,
    queue_position: Owned<u32>,
    /// Deadline of its timer.
    pub deadline: Owned<u64>,
    timer_position: Owned<u32>,
    /// Next in the list of waiters that this one is in.
    pub waits_next: Owned<Option<&'static Dispatcher>>,
    /// It is in such a list.
    pub waits: Owned<bool>,
    /// What it waits for is that its page fault can be taken: its computation cannot go on before.
    pub stalled: Owned<bool>,
    /// Timebase ticks run.
    pub run_ticks: Owned<u64>,
    /// Times chosen.
    pub chosen: Owned<u64>,
    /// Times stopped at the end of a slice.
    pub preempted: Owned<u64>,
    /// Next dispatcher of the process; protected by the process's lock.
    pub sibling: Owned<Option<&'static Dispatcher>>,
    /// Link in `PerCpu::wakeups`; any CPU, by the one that set `wake_queued`.
    pub wake_next: AtomicPtr<Dispatcher>,
    /// It is in `PerCpu::wakeups`.
    pub wake_queued: AtomicBool,
    ring: SpinMutex<u64>,
    /// Answers that came while it could not be entered, by client slot: status, call word, words.
    pub replies: [Owned<[u64; 7]>; MAX_SLOTS],
    log: Owned<LogLine>,
    link: AtomicPtr<Dispatcher>,
}

/// A line of log text that is not finished.
#[derive(Clone, Copy)]
pub struct LogLine {
    bytes: [u8; 256],
    length: usize,
}

static ARENA: Arena<Dispatcher> = Arena::new();

/// Stands for the dispatcher of a process that has none on a CPU. It is not alive, so nothing reaches it.
pub static NOBODY: Dispatcher = Dispatcher::new();

impl Pooled for Dispatcher {
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
    fn fresh() -> Self {
        Self::new()
    }
}

impl Dispatcher {
    const fn new() -> Self {
        Self {
            frame: Owned::new(RegisterFrame::ZERO),
            life: Owned::new(Life::Free),
            has_frame: Owned::new(false),
            frozen: AtomicBool::new(false),
            reserved: [0; 1],
            in_chain: Owned::new(false),
            reserved_2: [0; 3],
            free_incoming: Owned::new(0),
            page: Owned::new(core::ptr::null_mut()),
            page_address: Owned::new(0),
            comm_id: AtomicU64::new(0),
            any_id: AtomicU64::new(0),
            translation: Owned::new(0),
            user_msr: Owned::new(0),
            lender: Owned::new(None),
            waiters: Owned::new(None),
            answers: Owned::new(0),
            client_slots: Owned::new(0),
            slots: Owned::new(0),
            outgoing: [const { Record::new() }; MAX_SLOTS],
            incoming: [const { Record::new() }; MAX_SLOTS],
            float: Owned::new(FloatArea::ZERO),
            process: AtomicPtr::new(core::ptr::null_mut()),
            cpu: AtomicUsize::new(0),
            boot_argument: Owned::new(0),
            in_trap: Owned::new(false),
            faulting: Owned::new(false),
            fault_answer: Owned::new(None),
            class: Owned::new(0),
            weight: Owned::new(1),
            wanted_priority: AtomicU64::new(0),
            virtual_time: Owned::new(0),
            queue_position: Owned::new(ABSENT),
            deadline: Owned::new(u64::MAX),
            timer_position: Owned::new(ABSENT),
            waits_next: Owned::new(None),
            waits: Owned::new(false),
            stalled: Owned::new(false),
            run_ticks: Owned::new(0),
            chosen: Owned::new(0),
            preempted: Owned::new(0),
            sibling: Owned::new(None),
            wake_next: AtomicPtr::new(core::ptr::null_mut()),
            wake_queued: AtomicBool::new(false),
            ring: SpinMutex::new(0),
            replies: [const { Owned::new([0; 7]) }; MAX_SLOTS],
            log: Owned::new(LogLine {
                bytes: [0; 256],
                length: 0,
            }),
            link: AtomicPtr::new(core::ptr::null_mut()),
        }
    }
}

/// The first four bytes of that word if the dispatcher has a frame and nothing else is to be said.
pub const HAS_FRAME_ONLY: u32 = u32::from_ne_bytes([0, 1, 0, 0]);

/// Where assembly finds what is private here.
pub const PAGE_OFFSET: usize = offset_of!(Dispatcher, page);
/// As before.
pub const COMM_ID_OFFSET: usize = offset_of!(Dispatcher, comm_id);
/// As before.
pub const ANY_ID_OFFSET: usize = offset_of!(Dispatcher, any_id);
/// As before.
pub const QUEUE_POSITION_OFFSET: usize = offset_of!(Dispatcher, queue_position);

// What the fast path looks at as one word, and as its first half.
const _: () = assert!(offset_of!(Dispatcher, life).is_multiple_of(8) && Life::Alive as u8 == 0);
const _: () = assert!(offset_of!(Dispatcher, has_frame) == offset_of!(Dispatcher, life) + 1);
const _: () = assert!(offset_of!(Dispatcher, frozen) == offset_of!(Dispatcher, life) + 2);
const _: () = assert!(offset_of!(Dispatcher, in_chain) == offset_of!(Dispatcher, life) + 4);
const _: () = assert!(offset_of!(Dispatcher, frame) == 0);

/// What a new dispatcher is made from.
pub struct Plan {
    /// Number within the process.
    pub vp: u32,
    /// CPU.
    pub cpu: usize,
    /// Real address of page and slots.
    pub area: u64,
    /// Where the process sees it.
    pub address: u64,
    /// Slots for calls made.
    pub client_slots: usize,
    /// Slots for calls that arrive.
    pub server_slots: usize,
    /// Scheduling class.
    pub class: u64,
    /// Scheduling weight.
    pub weight: u64,
}

/// Bytes of the area of a dispatcher with that many slots.
pub const fn area_bytes(slots: usize) -> u64 {
    (PAGE_SIZE + slots * SLOT_SIZE) as u64
}

/// Makes a dispatcher, stopped, and adds it to `process`.
pub fn create(process: &'static Process, plan: &Plan) -> k42_abi::Result<&'static Dispatcher> {
    let new = ARENA.take()?;
    new.process
        .store((&raw const *process).cast_mut(), Ordering::Relaxed);
    new.comm_id
        .store(CommId::new(process.id(), plan.vp).0, Ordering::Relaxed);
    new.any_id
        .store(CommId::any(process.id()).0, Ordering::Relaxed);
    new.translation.set(process.id().index() as u64);
    new.user_msr.set(msr::user(0, false));
    new.lender.set(None);
    new.cpu.store(plan.cpu, Ordering::Relaxed);
    new.page.set(k42_boot::linear(plan.area));
    new.page_address.set(plan.address);
    new.boot_argument.set(plan.address + offset::LIBRARY as u64);
    new.client_slots.set(plan.client_slots);
    new.slots.set(plan.client_slots + plan.server_slots);
    new.frame.set(RegisterFrame::ZERO);
    new.float.set(FloatArea::ZERO);
    new.has_frame.set(false);
    new.in_chain.set(false);
    new.in_trap.set(false);
    new.faulting.set(false);
    new.fault_answer.set(None);
    let all = |slots: usize| {
        if slots == 64 {
            u64::MAX
        } else {
            (1u64 << slots) - 1
        }
    };
    new.free_incoming
        .set(all(new.slots.get()) & !all(plan.client_slots));
    new.answers.set(0);
    new.class.set(plan.class);
    new.weight.set(plan.weight);
    new.wanted_priority.store(0, Ordering::Relaxed);
    new.virtual_time.set(0);
    new.deadline.set(u64::MAX);
    new.waiters.set(None);
    new.waits.set(false);
    new.stalled.set(false);
    new.run_ticks.set(0);
    new.chosen.set(0);
    new.preempted.set(0);
    *new.ring.lock() = 0;
    for slot in 0..MAX_SLOTS {
        let free = slot < plan.client_slots;
        new.outgoing[slot].set(if free {
            Outgoing::None
        } else {
            Outgoing::Never
        });
        new.incoming[slot].set(Incoming::Free);
    }
    let page = new.page();
    page.async_put.store(0, Ordering::Relaxed);
    page.async_taken.store(0, Ordering::Relaxed);
    page.soft_interrupts.store(0, Ordering::Relaxed);
    page.disabled.store(0, Ordering::Relaxed);
    page.has_work.store(0, Ordering::Relaxed);
    page.cpu.store(plan.cpu as u32, Ordering::Relaxed);
    page.vp.store(plan.vp, Ordering::Relaxed);
    page.comm_id.store(new.comm_id().0, Ordering::Relaxed);
    page.client_slots
        .store(plan.client_slots as u32, Ordering::Relaxed);
    page.server_slots
        .store(plan.server_slots as u32, Ordering::Relaxed);
    new.life.set(Life::Stopped);
    if let Err(error) = process.add(new, plan.cpu, plan.vp) {
        new.release();
        return Err(error);
    }
    // Now that `trace::set_mask` finds it: one of the two has the last word.
    new.page()
        .trace_mask
        .store(crate::trace::mask(), Ordering::Relaxed);
    Ok(new)
}

impl Dispatcher {
    /// Its process.
    #[inline]
    pub fn process(&self) -> &'static Process {
        // SAFETY: set at creation, and processes live for ever; a dispatcher in the arena is not asked.
        unsafe { &*self.process.load(Ordering::Relaxed) }
    }
    /// CPU on which it runs. For any other CPU this may be a moment old.
    #[inline]
    pub fn cpu(&self) -> usize {
        self.cpu.load(Ordering::Acquire)
    }
    /// It belongs to another CPU from now on. The process's lock is held.
    pub fn set_cpu(&self, cpu: usize) {
        self.page().cpu.store(cpu as u32, Ordering::Relaxed);
        self.cpu.store(cpu, Ordering::Release);
    }
    /// Its address.
    #[inline]
    pub fn comm_id(&self) -> CommId {
        CommId(self.comm_id.load(Ordering::Relaxed))
    }
    /// Its number.
    pub fn vp(&self) -> u32 {
        self.comm_id().vp()
    }
    /// Its page. All fields that matter are atomics: the process writes there at any time.
    #[inline]
    pub fn page(&self) -> &DispatcherPage {
        // SAFETY: the area stays pinned from creation to end; what user level can write is atomic, or
        // (frames, ring) touched here by raw copies only.
        unsafe { &*self.page.get() }
    }
    /// The page for raw copies.
    #[inline]
    pub fn page_pointer(&self) -> *mut DispatcherPage {
        self.page.get()
    }
    /// An entry point.
    #[inline]
    pub fn entry(&self, entry: Entry) -> u64 {
        self.page().entry[entry as usize].load(Ordering::Relaxed)
    }
    /// Message slot `slot`, which is below `slots`.
    #[inline]
    pub fn slot(&self, slot: usize) -> *mut u8 {
        debug_assert!(slot < self.slots.get());
        // SAFETY: the area holds the page and `slots` slots.
        unsafe {
            self.page
                .get()
                .cast::<u8>()
                .add(PAGE_SIZE + slot * SLOT_SIZE)
        }
    }
    /// Whether its process, not the kernel, keeps it from running upcalls.
    #[inline]
    pub fn is_disabled(&self) -> bool {
        self.page().disabled.load(Ordering::Relaxed) != 0
    }
    /// Sets or clears `disabled`.
    #[inline]
    pub fn set_disabled(&self, disabled: bool) {
        self.page()
            .disabled
            .store(u64::from(disabled), Ordering::Relaxed);
    }
    /// Pending soft interrupts.
    #[inline]
    pub fn soft_interrupts(&self) -> u64 {
        self.page().soft_interrupts.load(Ordering::Relaxed)
    }
    /// Whether there is a reason to run it: an answer of the memory server, a computation that can go
    /// on, or (when no computation is stopped half-way) something to tell it or work of its own.
    pub fn is_runnable(&self) -> bool {
        if self.fault_answer.get().is_some() {
            return true;
        }
        if self.has_frame.get() {
            return !self.faulting.get() && !self.stalled.get();
        }
        self.answers.get() != 0
            || self.soft_interrupts() != 0
            || self.page().has_work.load(Ordering::Relaxed) != 0
    }
    /// Whether it can be given a call now: it runs no computation of its own, and no upcall is forbidden.
    #[inline]
    pub fn takes_calls(&self) -> bool {
        self.life.get() == Life::Alive
            && !self.has_frame.get()
            && !self.is_disabled()
            && !self.frozen.load(Ordering::Relaxed)
    }
    /// Its place in the timer heap.
    pub fn timer_position(&self) -> &Cell<u32> {
        self.timer_position.cell()
    }
    /// Its place in the run queue.
    pub fn queue_position(&self) -> &Cell<u32> {
        self.queue_position.cell()
    }
    /// Puts a message into the ring; from any CPU.
    pub fn put_message(&self, message: AsyncMessage) -> k42_abi::Result<()> {
        let mut put = self.ring.lock();
        let taken = self.page().async_taken.load(Ordering::Relaxed);
        // What user level wrote is only ever a reason to refuse.
        if put.wrapping_sub(taken) >= ASYNC_RING as u64 {
            return Err(Error::EAGAIN);
        }
        let index = (*put % ASYNC_RING as u64) as usize;
        // SAFETY: inside the page, which is pinned; the receiver reads it as plain memory and trusts only itself.
        unsafe { (&raw mut (*self.page.get()).async_ring[index]).write_volatile(message) };
        *put += 1;
        self.page().async_put.store(*put, Ordering::Release);
        Ok(())
    }
    /// Adds text to the line that the process is writing; `line` gets each finished one.
    pub fn log(&self, text: &[u8], mut line: impl FnMut(&[u8])) {
        let mut pending = self.log.get();
        for &byte in text {
            if byte == b'\n' || pending.length == pending.bytes.len() {
                line(&pending.bytes[..pending.length]);
                pending.length = 0;
            }
            if byte != b'\n' {
                pending.bytes[pending.length] = byte;
                pending.length += 1;
            }
        }
        self.log.set(pending);
    }
    /// Calls that it made and that are not answered.
    pub fn calls_outstanding(&self) -> u64 {
        self.outgoing
            .iter()
            .filter(|record| matches!(record.get(), Outgoing::Waiting(..)))
            .count() as u64
    }
    /// Back to the arena.
    pub fn release(&'static self) {
        self.life.set(Life::Free);
        ARENA.give(self);
    }
}

impl crate::heap::Entry for &'static Dispatcher {
    fn key(&self) -> u64 {
        self.class.get() << 60 | self.virtual_time.get()
    }
    fn position(&self) -> &Cell<u32> {
        self.queue_position()
    }
}

/// A dispatcher in the timer heap.
#[derive(Clone, Copy)]
pub struct Timer(pub &'static Dispatcher);

impl crate::heap::Entry for Timer {
    fn key(&self) -> u64 {
        self.0.deadline.get()
    }
    fn position(&self) -> &Cell<u32> {
        self.0.timer_position()
    }
}
