//! Moving threads between dispatchers: work is offered, never taken.
//!
//! A dispatcher's queue is its own, so nobody can steal from it. One that has nothing to do raises its hand; one that
//! has a migratable thread to spare gives it away through the other's inbox. A thread that holds something of its
//! dispatcher (a message slot) is pinned and stays; an interrupted one can go, since `nip` was rolled out of the "get
//! dispatcher" sequences when it was put away.

use crate::dispatcher::{Dispatcher, inbox_of};
use crate::thread::Thread;
use crate::threads::wake;
use core::sync::atomic::{AtomicU64, Ordering};

/// Dispatchers that want work, one bit each.
static HUNGRY: AtomicU64 = AtomicU64::new(0);

/// This dispatcher, which has nothing to do, wants work.
pub(crate) fn raise_hand(own: &mut Dispatcher) {
    if !own.hungry {
        own.hungry = true;
        HUNGRY.fetch_or(1 << own.vp, Ordering::AcqRel);
    }
}

/// This dispatcher has something to do.
pub(crate) fn lower_hand(own: &mut Dispatcher) {
    if own.hungry {
        own.hungry = false;
        HUNGRY.fetch_and(!(1 << own.vp), Ordering::AcqRel);
    }
}

/// Takes somebody's raised hand; its number. So two do not give to the same one.
fn take_hand(own: u32) -> Option<u32> {
    let mut hungry = HUNGRY.load(Ordering::Relaxed) & !(1 << own);
    while hungry != 0 {
        let vp = hungry.trailing_zeros();
        let before = HUNGRY.fetch_and(!(1 << vp), Ordering::AcqRel);
        if before & 1 << vp != 0 {
            return Some(vp);
        }
        hungry = before & !(1 << own);
    }
    None
}

/// Gives a thread to somebody who wants one, if there are both. Disabled.
pub(crate) fn offer(own: &mut Dispatcher) {
    if HUNGRY.load(Ordering::Relaxed) == 0 {
        return;
    }
    let Some(thread) = own
        .ready
        .pop_where(|thread| thread.migratable && thread.pinned == 0)
    else {
        return;
    };
    match take_hand(own.vp) {
        Some(vp) => give(own, thread, vp),
        // SAFETY: it was in this queue.
        None => unsafe { own.ready.push_front(thread) },
    }
}

fn give(own: &mut Dispatcher, thread: *mut Thread, vp: u32) {
    // SAFETY: the thread is ready, ours, and out of the queue. Its registers must be in memory before it goes.
    unsafe {
        crate::fp::flush(own, thread);
        crate::fp::forget(crate::dispatcher::page(), own, thread);
        match inbox_of(vp) {
            Some(inbox) => {
                (*thread).home.store(vp, Ordering::Relaxed);
                if inbox.push(thread) {
                    wake(vp);
                }
            }
            None => own.ready.push_front(thread),
        }
    }
}

/// After a fork, in the copy: there is one dispatcher.
pub(crate) fn reset(own: &mut Dispatcher) {
    own.hungry = false;
    HUNGRY.store(0, Ordering::Relaxed);
}
