//! Asynchronous events, brought to a thread: the handler may lock, allocate and call.

use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use k42_abi::Result;
use k42_sched::{AsyncEvent, EventQueue, Thread};

static QUEUE: EventQueue<64> = EventQueue::new();
static HANDLER: AtomicUsize = AtomicUsize::new(0);
static THREAD: AtomicPtr<Thread> = AtomicPtr::new(core::ptr::null_mut());

/// Has `handler` called with every asynchronous event, on a thread of its own. What came before is
/// handed over then.
pub fn on_event(handler: fn(AsyncEvent)) -> Result<()> {
    HANDLER.store(handler as usize, Ordering::Release);
    let thread = k42_sched::spawn(run, 0)?;
    THREAD.store(thread.to_word() as *mut Thread, Ordering::Release);
    k42_sched::unblock(thread);
    Ok(())
}

extern "C" fn run(_: u64) {
    // SAFETY: `on_event` stored a function of this type before it made this thread.
    let handler =
        unsafe { core::mem::transmute::<usize, fn(AsyncEvent)>(HANDLER.load(Ordering::Acquire)) };
    loop {
        while let Some(event) = QUEUE.take() {
            handler(event);
        }
        k42_sched::block();
    }
}

/// The scheduler's hook; in an upcall.
pub(crate) fn event(event: AsyncEvent) {
    QUEUE.put(event);
    let word = THREAD.load(Ordering::Acquire) as u64;
    // SAFETY: `on_event` stored it.
    if let Some(thread) = unsafe { k42_sched::ThreadRef::from_word(word) } {
        k42_sched::unblock(thread);
    }
}
