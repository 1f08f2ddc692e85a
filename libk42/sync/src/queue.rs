//! The queue lock itself: two words, first come first served, each waiter watching a word on its own stack.
//!
//! * `tail` is null when the lock is free, [`HELD`] when it is held and nobody waits, and otherwise the last waiter.
//! * `head` is the first waiter. It is written by the one who becomes first waiter and read by the holder.
//!
//! A waiter's [`Node`] lives in its stack frame, in [`RawQueueLock::lock`], only while it waits: whoever is granted the
//! lock takes its own node out of the queue before `lock` returns. So a guard carries no node, may be moved freely, and
//! the lock needs no storage per thread. (A textbook queue lock keeps the node in use until the release, which in Rust
//! would pin the guard.)
//!
//! Handing over: the releaser takes the first waiter from `head`, clears `head`, and sets that node's state to
//! [`GRANTED`]; after this store it must not look at the node again, since the stack frame may be gone.

use core::ptr;

use crate::ThreadToken;
use crate::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::cpu_relax;
use crate::park::Wait;

/// `tail` of a lock that is held and that nobody waits for: no address of a [`Node`], which is aligned to more.
const HELD: *mut Node = ptr::without_provenance_mut(1);

/// States of a waiter: it looks at its node; it sleeps and must be woken; the lock is its own.
const LOOKING: u32 = 0;
const PARKED: u32 = 1;
const GRANTED: u32 = 2;

struct Node {
    next: AtomicPtr<Node>,
    state: AtomicU32,
    thread: ThreadToken,
}

/// A lock without data; see the module's comment.
pub(crate) struct RawQueueLock {
    tail: AtomicPtr<Node>,
    head: AtomicPtr<Node>,
}

impl RawQueueLock {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        RawQueueLock {
            tail: AtomicPtr::new(ptr::null_mut()),
            head: AtomicPtr::new(ptr::null_mut()),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        RawQueueLock {
            tail: AtomicPtr::new(ptr::null_mut()),
            head: AtomicPtr::new(ptr::null_mut()),
        }
    }

    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        self.tail
            .compare_exchange(ptr::null_mut(), HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    pub(crate) fn is_locked(&self) -> bool {
        !self.tail.load(Ordering::Relaxed).is_null()
    }

    #[inline]
    pub(crate) fn lock<W: Wait>(&self) {
        if !self.try_lock() {
            self.lock_slow::<W>();
        }
    }

    #[cold]
    fn lock_slow<W: Wait>(&self) {
        let node = Node {
            next: AtomicPtr::new(ptr::null_mut()),
            state: AtomicU32::new(LOOKING),
            thread: W::token(),
        };
        let me = ptr::from_ref(&node).cast_mut();

        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            let new = if tail.is_null() { HELD } else { me };
            // Acquire: as the new holder, or to see the node of the waiter before. Release: so that others see ours.
            match self
                .tail
                .compare_exchange_weak(tail, new, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) if tail.is_null() => return,
                Ok(_) => break,
                Err(now) => tail = now,
            }
        }
        if tail == HELD {
            self.head.store(me, Ordering::Release);
        } else {
            // SAFETY: `tail` was the last waiter when we took its place. A waiter leaves `lock_slow` only by a
            // compare-exchange of `tail` back from its own address, which now fails, or after it has seen this store.
            // So its node lives until the store has been made.
            unsafe { (*tail).next.store(me, Ordering::Release) };
        }

        let lock = ptr::from_ref(self).addr();
        let since = W::contended(lock);
        let granted = || node.state.load(Ordering::Acquire) == GRANTED;
        if !W::spin(granted) {
            // A failed exchange means that the lock was granted just now.
            let _ =
                node.state
                    .compare_exchange(LOOKING, PARKED, Ordering::Relaxed, Ordering::Relaxed);
            W::block(granted);
        }
        self.dequeue(&node);
        W::acquired(lock, since);
    }

    /// Takes the new holder's node out of the queue, so that its stack frame may end.
    fn dequeue(&self, node: &Node) {
        let me = ptr::from_ref(node).cast_mut();
        let mut next = node.next.load(Ordering::Acquire);
        if next.is_null() {
            if self
                .tail
                .compare_exchange(me, HELD, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                return; // nobody behind us; `head` was cleared by the releaser
            }
            // Someone has taken our place in `tail` and is about to link itself behind us.
            loop {
                next = node.next.load(Ordering::Acquire);
                if !next.is_null() {
                    break;
                }
                cpu_relax();
            }
        }
        self.head.store(next, Ordering::Release);
    }

    /// Releases the lock, or hands it to the first waiter.
    ///
    /// # Safety
    /// The caller holds the lock.
    #[inline]
    pub(crate) unsafe fn unlock<W: Wait>(&self) {
        if self
            .tail
            .compare_exchange(HELD, ptr::null_mut(), Ordering::Release, Ordering::Relaxed)
            .is_err()
        {
            // SAFETY: the caller holds the lock, and `tail` names a waiter.
            unsafe { self.hand_over::<W>() };
        }
    }

    /// # Safety
    /// The caller holds the lock and somebody is in the queue.
    #[cold]
    unsafe fn hand_over<W: Wait>(&self) {
        let first = loop {
            let first = self.head.load(Ordering::Acquire);
            if !first.is_null() {
                break first;
            }
            cpu_relax(); // the first waiter is in `tail` already and is about to write `head`
        };
        // Before the grant: afterwards `head` belongs to the new holder.
        self.head.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: the node lives until its owner sees GRANTED, which is stored below; the token is copied before.
        let thread = unsafe { (*first).thread };
        // SAFETY: as above; this is the last use of the node.
        let was = unsafe { (*first).state.swap(GRANTED, Ordering::AcqRel) };
        if W::PARKS && was == PARKED {
            W::wake(thread);
        }
    }
}
