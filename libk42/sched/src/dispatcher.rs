//! A dispatcher's own data, how it is found, and how it comes to life.

use crate::asm;
use crate::inbox::Inbox;
use crate::queue::Queue;
use crate::thread::{Saved, Thread, ThreadRef};
use crate::timer::Timers;
use crate::{slots, word};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use k42_abi::dispatcher::{DispatcherPage, ENTRIES, Entry};
use k42_abi::info::MAX_CPUS;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::message::{MAX_SLOTS, SLOT_SIZE};
use k42_abi::{CommId, Error, Result};

/// The dispatcher page.
pub type Page = DispatcherPage;

/// Where stacks come from: an area of at least that many bytes, aligned to 16, with something below it that
/// faults if there is a way. `None`: no memory.
pub type StackSource = fn(bytes: usize) -> Option<NonNull<u8>>;

/// What the program supplies. All may be left at their defaults.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Hears asynchronous events. Runs disabled on the upcall stack: it may `unblock` threads, and must not
    /// allocate, lock, or wait.
    pub event: fn(crate::AsyncEvent),
    /// Decides about a trap; see [`crate::TrapAction`]. Runs disabled on the trap stack.
    pub trap: fn(&mut crate::Trap<'_>) -> crate::TrapAction,
    /// Address of the system-call entry; zero: none.
    pub system_call: usize,
    /// Where stacks of threads come from.
    pub stack: StackSource,
}

/// How to set up a dispatcher.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Stack of each worker thread, bytes.
    pub worker_stack: usize,
    /// First server slot: the number of client slots.
    pub first_worker: usize,
    /// All slots: workers are made for those from `first_worker` up.
    pub workers: usize,
}

/// Bytes of the upcall stack and of the trap stack.
const UPCALL_STACK: usize = 16 << 10;

/// What one dispatcher keeps; used disabled and by itself, except for the inbox.
#[repr(C)]
pub(crate) struct Dispatcher {
    /// The thread whose floating-point state is in the registers.
    pub(crate) fp_owner: *mut Thread,
    pub(crate) vp: u32,
    pub(crate) started: AtomicBool,
    pub(crate) ready: Queue,
    pub(crate) timers: Timers,
    /// What SET_TIMER was last told, `u64::MAX` if nothing is to come.
    pub(crate) armed: u64,
    pub(crate) inbox: Inbox,
    /// Threads that wait for a client slot.
    pub(crate) slot_waiters: Queue,
    /// Threads whose call met a busy server.
    pub(crate) retry: Queue,
    /// Threads that wait for a page, by fault id.
    pub(crate) faults: [*mut Thread; 64],
    /// Threads that have ended, for reuse.
    pub(crate) free: Queue,
    /// The thread that forks.
    pub(crate) forking: *mut Thread,
    /// Ready threads of barred groups.
    pub(crate) barred: Queue,
    /// Epoch of barring for which no barred thread runs here.
    pub(crate) quiet: AtomicU64,
    /// Whether this dispatcher has said that it wants work.
    pub(crate) hungry: bool,
    /// The kernel wants the CPU back.
    pub(crate) give_up: bool,
    /// CPU on which the dispatcher is to go on as soon as it has no calls under way.
    pub(crate) wanted_cpu: Option<u32>,
    pub(crate) upcall_stack: u64,
    pub(crate) trap_stack: u64,
    pub(crate) workers: [*mut Thread; MAX_SLOTS],
}

/// All dispatchers of the process, by number; null until prepared.
static DISPATCHERS: [AtomicPtr<Dispatcher>; MAX_CPUS] =
    [const { AtomicPtr::new(null_mut()) }; MAX_CPUS];
/// Threads of the process that can be reused after a fork; linked by `all_next`.
pub(crate) static ALL_THREADS: AtomicPtr<Thread> = AtomicPtr::new(null_mut());

mod hooks {
    //! The program's hooks: set once, before the first thread runs.
    use super::Hooks;
    use core::cell::UnsafeCell;

    struct Cell(UnsafeCell<Hooks>);
    // SAFETY: written before there is more than one thread (see `set_hooks`), then only read.
    unsafe impl Sync for Cell {}

    static HOOKS: Cell = Cell(UnsafeCell::new(Hooks {
        event: |_| {},
        trap: |_| crate::TrapAction::Die,
        system_call: 0,
        stack: |_| None,
    }));

    pub(crate) fn get() -> &'static Hooks {
        // SAFETY: see `Cell`.
        unsafe { &*HOOKS.0.get() }
    }
    /// # Safety
    /// Nobody reads them yet.
    pub(super) unsafe fn set(hooks: Hooks) {
        // SAFETY: the caller's promise.
        unsafe { *HOOKS.0.get() = hooks };
    }
}
pub(crate) use hooks::get as hooks;

/// Says what the program supplies.
///
/// # Safety
/// Called before the first dispatcher is prepared, or while only one thread exists.
pub unsafe fn set_hooks(hooks: Hooks) {
    // SAFETY: the caller's promise.
    unsafe { hooks::set(hooks) };
}

/// Takes a stack of `bytes` and puts a thread at its top.
pub(crate) fn new_stack_thread(bytes: usize) -> Result<*mut Thread> {
    let stack = (hooks().stack)(bytes).ok_or(Error::ENOMEM)?.as_ptr() as usize;
    let thread = (stack + bytes - size_of::<Thread>()) & !(align_of::<Thread>() - 1);
    let thread = thread as *mut Thread;
    let first_frame = thread as u64 - FIRST_FRAME;
    // SAFETY: the stack is ours, and the thread lies within it.
    unsafe {
        thread.write(Thread::new());
        (*thread).stack_top = first_frame;
        // Not in a program's process, where a page that is touched is a page to be copied by a fork.
        if hooks().system_call == 0 {
            (*thread).limit = stack as *mut u64;
            (*thread).limit.write(stack as u64);
        }
        (first_frame as *mut u64).write(0);
    }
    let mut head = ALL_THREADS.load(Ordering::Relaxed);
    loop {
        // SAFETY: nobody else knows the thread yet.
        unsafe { (*thread).all_next = head };
        match ALL_THREADS.compare_exchange_weak(head, thread, Ordering::Release, Ordering::Relaxed)
        {
            Ok(_) => return Ok(thread),
            Err(now) => head = now,
        }
    }
}

/// Bytes of a thread's first frame: ABI header, and room for what a worker finds of its call.
const FIRST_FRAME: u64 = 32 + 96;

/// A stack without a thread; its first stack pointer.
fn bare_stack() -> Result<u64> {
    let stack = (hooks().stack)(UPCALL_STACK).ok_or(Error::ENOMEM)?.as_ptr() as u64;
    let top = stack + UPCALL_STACK as u64 - 64;
    // SAFETY: the stack is ours. A zero back chain ends walks.
    unsafe { (top as *mut u64).write(0) };
    Ok(top)
}

/// Makes what dispatcher `vp` needs, before it is started; wakes it in case it was started already.
/// `allocate` gives memory for the dispatcher's own data.
pub fn prepare_dispatcher(vp: u32, config: Config) -> Result<()> {
    let slot = DISPATCHERS.get(vp as usize).ok_or(Error::EINVAL)?;
    let memory = (hooks().stack)(size_of::<Dispatcher>() + 16)
        .ok_or(Error::ENOMEM)?
        .as_ptr();
    let dispatcher = memory.cast::<Dispatcher>();
    let mut new = Dispatcher {
        fp_owner: null_mut(),
        vp,
        started: AtomicBool::new(false),
        ready: Queue::new(),
        timers: Timers::new(),
        armed: u64::MAX,
        inbox: Inbox::new(),
        slot_waiters: Queue::new(),
        retry: Queue::new(),
        faults: [null_mut(); 64],
        free: Queue::new(),
        forking: null_mut(),
        barred: Queue::new(),
        quiet: AtomicU64::new(0),
        hungry: false,
        give_up: false,
        wanted_cpu: None,
        upcall_stack: bare_stack()?,
        trap_stack: bare_stack()?,
        workers: [null_mut(); MAX_SLOTS],
    };
    for worker in new
        .workers
        .iter_mut()
        .take(config.workers)
        .skip(config.first_worker)
    {
        let thread = new_stack_thread(config.worker_stack)?;
        // SAFETY: new, and nobody else knows it.
        unsafe {
            (*thread).home.store(vp, Ordering::Relaxed);
            (*thread).worker = true;
        }
        *worker = thread;
    }
    // SAFETY: memory of that size, aligned to 16, which is ours.
    unsafe { dispatcher.write(new) };
    slot.store(dispatcher, Ordering::Release);
    if vp != 0 {
        // Not there yet, or not started: then it finds the table filled when it starts.
        let _ = crate::sys::send(own_comm_id(vp), &[crate::run::INBOX, 0, 0, 0, 0, 0]);
    }
    Ok(())
}
const _: () = assert!(align_of::<Dispatcher>() <= 16);

/// Whether `prepare_dispatcher` has been called for `vp`.
pub fn is_prepared(vp: u32) -> bool {
    DISPATCHERS
        .get(vp as usize)
        .is_some_and(|slot| !slot.load(Ordering::Acquire).is_null())
}

/// Waits, in the program's entry, until `prepare_dispatcher` sends its message; comes back by the entry.
///
/// # Safety
/// Disabled, nothing running, entry points still as at START.
pub unsafe fn wait_for_preparation() -> ! {
    // SAFETY: the caller's promise.
    unsafe { crate::sys::give_up(false) }
}

/// Brings the dispatcher on which this runs to life, and runs `first` on it. Called by the
/// program's entry at START, disabled, on any stack.
///
/// # Safety
/// Once per dispatcher, disabled, after `prepare_dispatcher` for it.
pub unsafe fn start_dispatcher(toc: u64, first: Option<ThreadRef>) -> ! {
    let page = page();
    let vp = page.vp.load(Ordering::Relaxed);
    let dispatcher = DISPATCHERS[vp as usize % MAX_CPUS].load(Ordering::Acquire);
    // SAFETY: prepared, by the caller's promise, and used by this dispatcher only.
    let own = unsafe { &mut *dispatcher };
    let library = |index: usize, value: u64| page.library[index].store(value, Ordering::Relaxed);
    library(word::CURRENT, 0);
    library(word::DISPATCHER, dispatcher as u64);
    library(word::TOC, toc);
    library(word::WORKERS, own.workers.as_ptr() as u64);
    for (slot, worker) in own.workers.iter().enumerate() {
        if !worker.is_null() {
            // SAFETY: a worker of this dispatcher, which has not served yet.
            unsafe { (**worker).argument = slot_address(page, slot) as u64 };
        }
    }
    library(word::TRAP_STACK, own.trap_stack);
    library(word::DIRECT, 0);
    crate::trace::prepare(page);
    slots::reset(page, page.client_slots.load(Ordering::Relaxed) as usize);
    page.upcall_stack.store(own.upcall_stack, Ordering::Relaxed);
    set_entries(page);
    own.started.store(true, Ordering::Release);
    if let Some(first) = first {
        // SAFETY: a new thread of this dispatcher, in no queue.
        unsafe { own.ready.push(first.0.as_ptr()) };
    }
    // By the RUN entry, which goes to the upcall stack.
    // SAFETY: disabled, and all that the entry needs is in place.
    unsafe { core::arch::asm!("b k42_entry_run", options(noreturn)) }
}

/// Fills in the entry points.
fn set_entries(page: &Page) {
    let mut entries = [asm::k42_entry_no_system_call as *const () as usize; ENTRIES];
    entries[Entry::Run as usize] = asm::k42_entry_run as *const () as usize;
    entries[Entry::Interrupt as usize] = asm::k42_entry_interrupt as *const () as usize;
    entries[Entry::Trap as usize] = asm::k42_entry_trap as *const () as usize;
    entries[Entry::PageFault as usize] = asm::k42_entry_page_fault as *const () as usize;
    entries[Entry::CallIn as usize] = asm::k42_entry_call_in as *const () as usize;
    entries[Entry::ReturnIn as usize] = asm::k42_entry_return_in as *const () as usize;
    entries[Entry::CallFailed as usize] = asm::k42_entry_call_failed as *const () as usize;
    if hooks().system_call != 0 {
        entries[Entry::SystemCall as usize] = hooks().system_call;
    }
    for (slot, entry) in page.entry.iter().zip(entries) {
        slot.store(entry as u64, Ordering::Relaxed);
    }
}

/// The page of the dispatcher on which this runs. While enabled, only for what may be a moment old.
#[inline]
pub fn page() -> &'static Page {
    let page: u64;
    // SAFETY: SPR 259 holds the page's address, or the kernel would not have come here; the page is mapped
    // as long as the dispatcher lives.
    unsafe {
        core::arch::asm!("mfspr {}, 259", out(reg) page, options(nomem, nostack, preserves_flags));
        &*(page as *const Page)
    }
}

/// Number of the dispatcher on which this runs; a hint while enabled.
#[inline]
pub fn vp() -> u32 {
    page().vp.load(Ordering::Relaxed)
}

/// CPU on which this runs; a hint while enabled.
#[inline]
pub fn processor() -> usize {
    page().cpu.load(Ordering::Relaxed) as usize
}

/// The address of dispatcher `vp` of this process.
pub(crate) fn own_comm_id(vp: u32) -> CommId {
    CommId::new(CommId(page().comm_id.load(Ordering::Relaxed)).process(), vp)
}

/// The dispatcher's data.
///
/// # Safety
/// Disabled, and the reference is not kept across enabling.
#[inline]
pub(crate) unsafe fn own<'a>(page: &Page) -> &'a mut Dispatcher {
    // SAFETY: set at start; disabled code of one dispatcher does not overlap, by the caller's promise.
    unsafe { &mut *(page.library[word::DISPATCHER].load(Ordering::Relaxed) as *mut Dispatcher) }
}

/// Another dispatcher's inbox.
pub(crate) fn inbox_of(vp: u32) -> Option<&'static Inbox> {
    let dispatcher = DISPATCHERS.get(vp as usize)?.load(Ordering::Acquire);
    if dispatcher.is_null() {
        return None;
    }
    // SAFETY: published whole and never freed; the inbox is made to be shared.
    Some(unsafe { &(*dispatcher).inbox })
}

/// Calls `each` with number and quiet epoch of every dispatcher that has started.
pub(crate) fn each_dispatcher(mut each: impl FnMut(u32, &AtomicU64)) {
    for (vp, dispatcher) in DISPATCHERS.iter().enumerate() {
        let dispatcher = dispatcher.load(Ordering::Acquire);
        if !dispatcher.is_null() {
            // SAFETY: published whole, never freed; both fields are made to be read by others.
            let (started, quiet) = unsafe { (&(*dispatcher).started, &(*dispatcher).quiet) };
            if started.load(Ordering::Acquire) {
                each(vp as u32, quiet);
            }
        }
    }
}

/// In a copy of the process: `own` is the only dispatcher, number 0.
pub(crate) fn forget_other_dispatchers(own: &mut Dispatcher) {
    for slot in &DISPATCHERS {
        slot.store(null_mut(), Ordering::Relaxed);
    }
    DISPATCHERS[0].store(own, Ordering::Relaxed);
}

/// Address of a message slot.
pub(crate) fn slot_address(page: &Page, slot: usize) -> *mut [u8; SLOT_SIZE] {
    (core::ptr::from_ref(page) as usize + PAGE_SIZE + slot * SLOT_SIZE) as *mut [u8; SLOT_SIZE]
}

impl Dispatcher {
    /// Makes `thread` ready, at the end of the queue.
    ///
    /// # Safety
    /// It belongs to this dispatcher and is in no queue.
    pub(crate) unsafe fn make_ready(&mut self, page: &Page, thread: *mut Thread) {
        // SAFETY: the caller's promise.
        unsafe {
            self.timers.remove(thread);
            self.ready.push(thread);
        }
        page.has_work.store(1, Ordering::Relaxed);
    }

    /// Makes `thread` ready, before all others.
    ///
    /// # Safety
    /// As for `make_ready`.
    pub(crate) unsafe fn make_ready_first(&mut self, page: &Page, thread: *mut Thread) {
        // SAFETY: the caller's promise.
        unsafe { self.ready.push_front(thread) };
        page.has_work.store(1, Ordering::Relaxed);
    }

    /// Gives a client slot back; whoever waits for one becomes ready.
    pub(crate) fn give_slot(&mut self, page: &Page, slot: u8) {
        slots::give(page, slot);
        if let Some(waiter) = self.slot_waiters.pop() {
            // SAFETY: it was in our queue.
            unsafe { self.make_ready(page, waiter) };
        }
    }

    /// The next thread to run.
    pub(crate) fn next_ready(&mut self, page: &Page) -> Option<*mut Thread> {
        let thread = self.ready.pop();
        page.has_work
            .store(u64::from(!self.ready.is_empty()), Ordering::Relaxed);
        thread
    }
}

/// For the other modules: how a thread's registers are kept.
pub(crate) fn set_saved(thread: *mut Thread, saved: Saved) {
    // SAFETY: called disabled by the dispatcher to which the thread belongs.
    unsafe { (*thread).saved = saved };
}
