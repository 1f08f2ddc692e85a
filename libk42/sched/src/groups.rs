//! Barring: keeping groups of threads from running, so that a fork (or a debugger) finds the process at rest.
//!
//! A thread that belongs to a barred group stops where it can hold nothing of the library: when it blocks or
//! yields, or when it is interrupted in the program's own text. One that is interrupted inside the library goes
//! on until then. A dispatcher reports itself quiet for the current epoch when no thread of a barred group runs
//! or has to go on; whoever bars waits for all of them.

use crate::dispatcher::{Dispatcher, Page, each_dispatcher, own};
use crate::thread::{Saved, Thread};
use crate::threads::{current_mut, now, sleep_until, wake, yield_now};
use core::sync::atomic::{AtomicU64, Ordering};
use k42_abi::layout::LIBRARY_BASE;

/// Groups that are barred.
static BARRED: AtomicU64 = AtomicU64::new(0);
/// Counted up with each `bar`.
static EPOCH: AtomicU64 = AtomicU64::new(1);

/// Whether anything is barred; the run loop asks at each turn.
#[inline]
pub(crate) fn any() -> bool {
    BARRED.load(Ordering::Relaxed) != 0
}

/// Whether `thread` is to stop, and can.
fn stops(thread: &Thread) -> bool {
    thread.groups & BARRED.load(Ordering::Relaxed) != 0
        && (thread.saved != Saved::InFrame || thread.frame.nip < LIBRARY_BASE)
}

impl Dispatcher {
    /// Puts aside what is ready and barred; reports whether the dispatcher is quiet. Disabled.
    pub(crate) fn set_barred_aside(&mut self) {
        let barred = BARRED.load(Ordering::Relaxed);
        let epoch = EPOCH.load(Ordering::Acquire);
        while let Some(thread) = self.ready.pop_where(stops) {
            // SAFETY: it was in our queue.
            unsafe { self.barred.push(thread) };
        }
        if !self.ready.any(|thread| thread.groups & barred != 0) {
            self.quiet.store(epoch, Ordering::Release);
        }
    }

    /// Makes ready again what is no longer barred. Disabled.
    pub(crate) fn let_unbarred_in(&mut self, page: &Page) {
        while let Some(thread) = self.barred.pop_where(|thread| !stops(thread)) {
            // SAFETY: it was in our queue.
            unsafe { self.make_ready(page, thread) };
        }
    }
}

/// Bars `groups` and waits until none of their threads runs. The calling thread is not held up, even if it is in one of
/// them. A second caller must wait for the first; that is the callers' affair.
pub fn bar(groups: u64) {
    // SAFETY: the field belongs to this thread's dispatcher, and is read when the thread is not running.
    let own_groups = unsafe { core::mem::take(&mut (*current_mut()).groups) };
    BARRED.fetch_or(groups, Ordering::AcqRel);
    let epoch = EPOCH.fetch_add(1, Ordering::AcqRel) + 1;
    loop {
        let mut all = true;
        each_dispatcher(|vp, quiet| {
            if quiet.load(Ordering::Acquire) < epoch {
                all = false;
                wake(vp);
            }
        });
        if all {
            break;
        }
        yield_now();
        sleep_until(now() + 50_000);
    }
    // SAFETY: as above.
    unsafe { (*current_mut()).groups = own_groups };
}

/// Lets `groups` run again.
pub fn unbar(groups: u64) {
    BARRED.fetch_and(!groups, Ordering::AcqRel);
    each_dispatcher(|vp, _| wake(vp));
    let page = crate::asm::k42_disable();
    // SAFETY: disabled.
    unsafe {
        let page = &*page;
        own(page).let_unbarred_in(page);
        crate::threads::enable(page);
    }
}

/// After a fork, in the copy: nothing is barred there.
pub(crate) fn reset() {
    BARRED.store(0, Ordering::Relaxed);
}
