//! Fork: one thread calls, two come back.
//!
//! The process server has the memory server copy this address space while the forking thread waits for the
//! reply to its call. So the copy's memory holds that thread in the middle of [`fork_call`]; its registers are in a
//! switch frame that was made before. The copy has one dispatcher, number 0, whose page is a copy of the page of the
//! dispatcher that called; it begins at the RUN entry with the START soft interrupt. All other threads exist in the
//! parent only: the copy forgets them and keeps their stacks for new ones.

use crate::asm;
use crate::dispatcher::{ALL_THREADS, Dispatcher, Page, forget_other_dispatchers, own};
use crate::inbox::Inbox;
use crate::queue::Queue;
use crate::threads::{current_mut, enable};
use crate::timer::Timers;
use crate::{slots, word};
use core::ptr::null_mut;
use core::sync::atomic::Ordering;

/// What `k42_fork_call` gives in the copy.
const CHILD: u64 = u64::MAX;

/// Runs `function(argument)`, which asks for the copy. In the parent: `Some` of what the function
/// returns (not `u64::MAX`). In the child: `None`. The child has this thread only; locks that others held
/// are still held there, so the caller must hold them all or know that nobody does.
pub fn fork_call(function: extern "C" fn(u64) -> u64, argument: u64) -> Option<u64> {
    let page = asm::k42_disable();
    // SAFETY: disabled; the thread is this dispatcher's.
    unsafe {
        let thread = current_mut();
        let own = own(&*page);
        // The copy gets memory, not registers.
        crate::fp::flush(own, thread);
        (*thread).pinned += 1;
        own.forking = thread;
        enable(&*page);
        let value = asm::k42_fork_call(function, argument);
        // Pinned, so in the parent this is the same dispatcher as before; in the child there is but one.
        let page = asm::k42_disable();
        crate::dispatcher::own(&*page).forking = null_mut();
        (*thread).pinned -= 1;
        enable(&*page);
        if value == CHILD { None } else { Some(value) }
    }
}

/// The copy's first steps: resets the dispatcher and goes on with the thread that forked.
pub(crate) fn start_child(page: &'static Page, own: &mut Dispatcher) -> ! {
    crate::trace::prepare(page);
    let thread = own.forking;
    forget_other_dispatchers(own);
    own.vp = 0;
    own.ready = Queue::new();
    own.timers = Timers::new();
    own.armed = u64::MAX;
    own.inbox = Inbox::new();
    slots::reset(page, page.client_slots.load(Ordering::Relaxed) as usize);
    own.slot_waiters = Queue::new();
    own.retry = Queue::new();
    own.faults = [null_mut(); 64];
    own.free = Queue::new();
    own.fp_owner = null_mut();
    page.library[word::DIRECT].store(0, Ordering::Relaxed);
    own.give_up = false;
    own.wanted_cpu = None;
    own.barred = Queue::new();
    crate::groups::reset();
    crate::migrate::reset(own);
    page.has_work.store(0, Ordering::Relaxed);
    page.faults_done.store(0, Ordering::Relaxed);
    page.async_taken
        .store(page.async_put.load(Ordering::Relaxed), Ordering::Relaxed);
    let mut each = ALL_THREADS.load(Ordering::Relaxed);
    // SAFETY: the only dispatcher of the process, disabled: all threads are ours.
    unsafe {
        while !each.is_null() {
            let next = (*each).all_next;
            (*each).home.store(0, Ordering::Relaxed);
            (*each).mark.clear();
            (*each).timer = crate::timer::TimerNode::new();
            if each != thread && !(*each).worker {
                own.free.push(each);
            }
            each = next;
        }
        (*thread).pinned = 1;
        (*thread).saved = crate::thread::Saved::OnStack;
        (*thread).sp = (*thread).fork_sp;
        crate::fp::switch_to(page, own, thread);
        page.library[word::CURRENT].store(thread as u64, Ordering::Relaxed);
        asm::k42_resume_switched(thread, page, CHILD)
    }
}
