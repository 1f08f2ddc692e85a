//! A dispatcher's inbox: where other dispatchers of the process leave threads that are to become ready.
//!
//! Many push, one (the owner, disabled) takes all. A push tells whether the inbox was empty: then, and only
//! then, the pusher must wake the owner by a message. The owner looks into the inbox after each soft interrupt
//! and before it yields; the kernel does not let it sleep with a soft interrupt pending. So either the owner's
//! last look sees the thread, or the pusher saw the inbox empty and its message comes after that look.

use crate::thread::Thread;
use core::ptr::null_mut;
use core::sync::atomic::Ordering as LinkOrdering;
#[cfg(not(loom))]
use core::sync::atomic::{AtomicPtr, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicPtr, Ordering};

pub(crate) struct Inbox(AtomicPtr<Thread>);

impl Inbox {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Leaves `thread`; whether the owner must be woken.
    ///
    /// # Safety
    /// The caller alone may make the thread ready (it won `Mark::unblock`, or took it from its own queue).
    pub(crate) unsafe fn push(&self, thread: *mut Thread) -> bool {
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: ours by the caller's promise until the exchange below succeeds.
            unsafe { (*thread).inbox_next.store(head, LinkOrdering::Relaxed) };
            // Release: the owner sees the link, and what was written before the wake-up.
            match self
                .0
                .compare_exchange_weak(head, thread, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return head.is_null(),
                Err(seen) => head = seen,
            }
        }
    }

    /// Takes everything, oldest first, by calling `each`.
    pub(crate) fn take_all(&self, mut each: impl FnMut(*mut Thread)) {
        if self.0.load(Ordering::Relaxed).is_null() {
            return;
        }
        let mut newest = self.0.swap(null_mut(), Ordering::Acquire);
        let mut oldest = null_mut();
        while !newest.is_null() {
            // SAFETY: what is in the inbox belongs to the owner, who calls this.
            let link = unsafe { &(*newest).inbox_next };
            let next = link.load(LinkOrdering::Relaxed);
            link.store(oldest, LinkOrdering::Relaxed);
            oldest = newest;
            newest = next;
        }
        while !oldest.is_null() {
            // SAFETY: as above.
            let next = unsafe { (*oldest).inbox_next.load(LinkOrdering::Relaxed) };
            each(oldest);
            oldest = next;
        }
    }
}
