//! Threads, for those who use them.

use crate::asm;
use crate::dispatcher::{Page, inbox_of, new_stack_thread, own, own_comm_id};
use crate::thread::{Saved, Thread, ThreadRef};
use crate::trace::{Class, User, events, is_on, note_thread};
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, compiler_fence};
use k42_abi::Result;

/// Stack of a thread when nothing else is asked for.
pub const DEFAULT_STACK: usize = 64 << 10;

/// The timebase.
#[inline]
pub fn now() -> u64 {
    let now: u64;
    // SAFETY: reads a register that every program may read.
    unsafe {
        core::arch::asm!("mfspr {}, 268", out(reg) now, options(nomem, nostack, preserves_flags))
    };
    now
}

/// The running thread; null in upcalls.
#[inline]
pub(crate) fn current_mut() -> *mut Thread {
    let thread: *mut Thread;
    // SAFETY: r13 is the thread in all library code.
    unsafe {
        core::arch::asm!("mr {}, 13", out(reg) thread, options(nomem, nostack, preserves_flags))
    };
    thread
}

/// The running thread. Not in upcalls.
#[inline]
pub fn current() -> ThreadRef {
    // SAFETY: r13 is never null while a thread runs.
    ThreadRef(unsafe { NonNull::new_unchecked(current_mut()) })
}

/// Ends a disabled section, and handles what came in meanwhile.
///
/// # Safety
/// Disabled, in a thread; `page` is this dispatcher's.
#[inline]
pub(crate) unsafe fn enable(page: &Page) {
    compiler_fence(Ordering::SeqCst);
    page.disabled.store(0, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    // After the store the thread may be on another dispatcher already. Then what this loads does not matter: that one was
    // enabled by its own run loop.
    if page.soft_interrupts.load(Ordering::Relaxed) != 0 {
        asm::k42_reschedule();
    }
}

/// Blocks the running thread until somebody calls [`unblock`] for it. Returns at once if that has happened already, and
/// may return without cause: stands in a loop.
pub fn block() {
    let page = asm::k42_disable();
    // SAFETY: disabled; the running thread is in no queue.
    unsafe {
        if (*current_mut()).mark.block() {
            if is_on(Class::Scheduling) {
                note_thread(events::sched::thread_block::<User>, current_mut());
            }
            asm::k42_switch_out(page);
        } else {
            enable(&*page);
        }
    }
}

/// As [`block`], but at most until the timebase reaches `deadline`; whether the time was over.
pub fn block_until(deadline: u64) -> bool {
    let page = asm::k42_disable();
    // SAFETY: as in `block`. The timer is taken out by whoever makes the thread ready.
    unsafe {
        let thread = current_mut();
        (*thread).timed_out = false;
        if (*thread).mark.block() {
            if is_on(Class::Scheduling) {
                note_thread(events::sched::thread_block::<User>, thread);
            }
            own(&*page).timers.insert(thread, deadline);
            asm::k42_switch_out(page);
        } else {
            enable(&*page);
        }
        (&raw const (*thread).timed_out).read_volatile()
    }
}

/// Sleeps until the timebase reaches `deadline`.
pub fn sleep_until(deadline: u64) {
    while now() < deadline {
        block_until(deadline);
    }
}

/// Lets `thread` go on; see [`block`].
pub fn unblock(thread: ThreadRef) {
    if thread.get().mark.unblock() {
        if is_on(Class::Scheduling) {
            note_thread(events::sched::thread_unblock::<User>, thread.0.as_ptr());
        }
        make_ready(thread.0.as_ptr());
    }
}

/// Makes a thread ready on the dispatcher that it belongs to. The caller alone may do so.
fn make_ready(thread: *mut Thread) {
    if current_mut().is_null() {
        // An upcall: disabled already, and this dispatcher looks at its queue before it does anything else.
        // SAFETY: disabled; the caller alone may make the thread ready.
        if let Some(vp) = unsafe { deliver(crate::dispatcher::page(), thread) } {
            wake(vp);
        }
        return;
    }
    let page = asm::k42_disable();
    // SAFETY: disabled.
    unsafe {
        let page = &*page;
        let other = deliver(page, thread);
        enable(page);
        if let Some(vp) = other {
            wake(vp);
        }
    }
}

/// Puts a thread that is ready where it belongs; the dispatcher to be woken.
///
/// # Safety
/// Disabled; the caller alone may make the thread ready.
unsafe fn deliver(page: &Page, thread: *mut Thread) -> Option<u32> {
    // SAFETY: the caller's promise.
    unsafe {
        let own = own(page);
        let home = (*thread).home.load(Ordering::Relaxed);
        if home == own.vp {
            own.make_ready(page, thread);
            return None;
        }
        inbox_of(home)?.push(thread).then_some(home)
    }
}

/// Tells another dispatcher of this process to look into its inbox.
pub(crate) fn wake(vp: u32) {
    // EAGAIN: its ring is full, so it has a soft interrupt pending and will look.
    let _ = crate::sys::send(own_comm_id(vp), &[crate::run::INBOX, 0, 0, 0, 0, 0]);
}

/// Lets other ready threads run first.
pub fn yield_now() {
    asm::k42_reschedule();
}

/// Has the dispatcher on which this runs, with all its threads, go on on CPU `cpu`; EINVAL if it cannot. The caller stays
/// on its dispatcher: it is not migratable.
pub fn change_cpu(cpu: u32) -> Result<()> {
    let page = asm::k42_disable();
    // SAFETY: disabled.
    unsafe {
        own(&*page).wanted_cpu = Some(cpu);
        enable(&*page);
    }
    // Calls of other threads that are under way come back first.
    loop {
        asm::k42_reschedule();
        let page = asm::k42_disable();
        // SAFETY: disabled.
        let (now, wanted) = unsafe {
            let state = ((*page).cpu.load(Ordering::Relaxed), own(&*page).wanted_cpu);
            enable(&*page);
            state
        };
        if now == cpu {
            return Ok(());
        }
        if wanted != Some(cpu) {
            return Err(k42_abi::Error::EINVAL);
        }
    }
}

/// What a new thread is to be.
#[derive(Clone, Copy, Debug)]
pub struct ThreadConfig {
    /// Bytes of stack. A thread that is reused has what it has had: all threads of a process should ask for the same.
    pub stack: usize,
    /// Groups that it is in.
    pub groups: u64,
    /// Whether it may change dispatcher.
    pub migratable: bool,
    /// Dispatcher that it begins on; `None`: the one that makes it.
    pub vp: Option<u32>,
}

impl Default for ThreadConfig {
    fn default() -> Self {
        Self {
            stack: DEFAULT_STACK,
            groups: 0,
            migratable: false,
            vp: None,
        }
    }
}

/// Starts a thread that runs `start(argument)`.
pub fn spawn(start: extern "C" fn(u64), argument: u64) -> Result<ThreadRef> {
    spawn_with(ThreadConfig::default(), start, argument)
}

/// As [`spawn`], with more to say.
pub fn spawn_with(
    config: ThreadConfig,
    start: extern "C" fn(u64),
    argument: u64,
) -> Result<ThreadRef> {
    let thread = create(config, start, argument)?;
    make_ready(thread.0.as_ptr());
    Ok(thread)
}

/// A thread that has not started: it is to be made ready once, by [`start`].
pub fn create(config: ThreadConfig, start: extern "C" fn(u64), argument: u64) -> Result<ThreadRef> {
    let page = asm::k42_disable();
    // SAFETY: disabled.
    let (reused, vp) = unsafe {
        let own = own(&*page);
        let found = (own.free.pop(), own.vp);
        enable(&*page);
        found
    };
    let thread = match reused {
        Some(thread) => thread,
        None => new_stack_thread(config.stack)?,
    };
    Ok(set_up(
        thread,
        config.vp.unwrap_or(vp),
        config,
        start,
        argument,
    ))
}

/// The first thread of a process, made in its entry before there is a dispatcher.
pub fn create_first(
    config: ThreadConfig,
    start: extern "C" fn(u64),
    argument: u64,
) -> Result<ThreadRef> {
    Ok(set_up(
        new_stack_thread(config.stack)?,
        0,
        config,
        start,
        argument,
    ))
}

fn set_up(
    thread: *mut Thread,
    vp: u32,
    config: ThreadConfig,
    start: extern "C" fn(u64),
    argument: u64,
) -> ThreadRef {
    // SAFETY: the thread is ours: new, or taken from the free list.
    unsafe {
        (*thread).start = Some(start);
        (*thread).argument = argument;
        (*thread).saved = Saved::Fresh;
        (*thread).home.store(vp, Ordering::Relaxed);
        (*thread).mark.clear();
        (*thread).pinned = 0;
        (*thread).fp = core::ptr::null_mut();
        (*thread).migratable = config.migratable;
        (*thread).groups = config.groups;
        (*thread).set_extension(core::ptr::null_mut());
        ThreadRef(NonNull::new_unchecked(thread))
    }
}

/// Makes a thread that was only created ready.
///
/// # Safety
/// Once for each `create`.
pub unsafe fn start(thread: ThreadRef) {
    make_ready(thread.0.as_ptr());
}

/// Ends the running thread.
pub fn exit() -> ! {
    let page = asm::k42_disable();
    // SAFETY: disabled. The stack is not used by anybody else before `switch_out` has left it: the free
    // list is this dispatcher's, and only enabled code of it takes from there.
    unsafe {
        let own = own(&*page);
        let thread = current_mut();
        if (*thread).has_overflowed() {
            crate::sys::log(b"a thread's stack has overflowed\n");
            crate::fatal::end();
        }
        crate::fp::forget(&*page, own, thread);
        own.free.push_front(thread);
        asm::k42_switch_out(page);
    }
    unreachable!("a thread that has ended was resumed")
}

#[unsafe(no_mangle)]
extern "C" fn k42_thread_returned() -> ! {
    exit()
}

/// Goes on as `thread` in its `start`, on another stack.
///
/// # Safety
/// Disabled; the thread is this dispatcher's current one, and the stack is good.
pub(crate) unsafe fn start_on(thread: *mut Thread, page: &Page, stack: u64) -> ! {
    // SAFETY: the caller's promise.
    unsafe {
        (*thread).saved = Saved::OnStack;
        asm::k42_start_thread(thread, page, stack)
    }
}

/// While it lives, the thread is not sent behind other threads of its dispatcher when its slice ends: for short sections
/// under a lock that others wait for by spinning. Sections may nest.
#[must_use = "the section ends when this is dropped"]
pub struct Unpreempted {
    thread: *mut Thread,
}

impl Unpreempted {
    /// Begins a section.
    #[inline]
    pub fn begin() -> Self {
        let thread = current_mut();
        if !thread.is_null() {
            // SAFETY: our own thread's field; only upcalls of our dispatcher read it besides, when we do not run.
            unsafe { (&raw mut (*thread).unpreempted).write_volatile((*thread).unpreempted + 1) };
        }
        Self { thread }
    }
}

impl Drop for Unpreempted {
    #[inline]
    fn drop(&mut self) {
        if !self.thread.is_null() {
            // SAFETY: as in `begin`.
            unsafe {
                (&raw mut (*self.thread).unpreempted)
                    .write_volatile((*self.thread).unpreempted - 1);
            }
        }
    }
}
