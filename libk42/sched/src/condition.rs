//! A condition variable for [`Mutex`](crate::Mutex).
//!
//! Waiters stand in a list that is linked through their stacks. Whoever notifies takes one out, copies its token, sets
//! its flag, and wakes it; after the flag the waiter's stack frame may be gone.

use crate::{Mutex, ThreadParker};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};
use k42_sync::{Blocking, Parker, QueueMutexGuard, ThreadToken};

struct Waiter {
    thread: ThreadToken,
    notified: AtomicBool,
    next: *mut Waiter,
}

struct List {
    first: *mut Waiter,
    last: *mut Waiter,
}

// SAFETY: the list is only touched under its lock, and a waiter stays until it is notified or takes itself out.
unsafe impl Send for List {}

impl List {
    fn push(&mut self, waiter: *mut Waiter) {
        if self.last.is_null() {
            self.first = waiter;
        } else {
            // SAFETY: waiters in the list live.
            unsafe { (*self.last).next = waiter };
        }
        self.last = waiter;
    }
    fn pop(&mut self) -> Option<ThreadToken> {
        let waiter = self.first;
        if waiter.is_null() {
            return None;
        }
        // SAFETY: waiters in the list live until their flag is set, which is the last thing done here.
        unsafe {
            self.first = (*waiter).next;
            if self.first.is_null() {
                self.last = null_mut();
            }
            let thread = (*waiter).thread;
            (*waiter).notified.store(true, Ordering::Release);
            Some(thread)
        }
    }
    #[cfg(target_os = "none")]
    fn remove(&mut self, waiter: *mut Waiter) {
        let mut before: *mut Waiter = null_mut();
        let mut at = self.first;
        while !at.is_null() {
            // SAFETY: waiters in the list live.
            let next = unsafe { (*at).next };
            if at == waiter {
                if before.is_null() {
                    self.first = next;
                } else {
                    // SAFETY: as above.
                    unsafe { (*before).next = next };
                }
                if self.last == at {
                    self.last = before;
                }
                return;
            }
            before = at;
            at = next;
        }
    }
}

/// A place to wait until something that a mutex guards has changed.
pub struct Condition(Mutex<List>);

/// The guard of a [`Mutex`].
pub type Guard<'a, T> = QueueMutexGuard<'a, T, Blocking<ThreadParker>>;

impl Condition {
    /// Nobody waits.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(Mutex::new(List {
            first: null_mut(),
            last: null_mut(),
        }))
    }

    /// Nobody waits.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self(Mutex::new(List {
            first: null_mut(),
            last: null_mut(),
        }))
    }

    /// Gives `mutex` up, waits to be notified, takes it again. Stands in a loop over the condition.
    pub fn wait<'a, T>(&self, mutex: &'a Mutex<T>, guard: Guard<'a, T>) -> Guard<'a, T> {
        let mut waiter = Waiter {
            thread: ThreadParker::current(),
            notified: AtomicBool::new(false),
            next: null_mut(),
        };
        self.0.lock().push(&raw mut waiter);
        drop(guard);
        while !waiter.notified.load(Ordering::Acquire) {
            ThreadParker::park();
        }
        mutex.lock()
    }

    /// As [`wait`](Self::wait), at most until the timebase reaches `deadline`; whether it was notified.
    #[cfg(target_os = "none")]
    pub fn wait_until<'a, T>(
        &self,
        mutex: &'a Mutex<T>,
        guard: Guard<'a, T>,
        deadline: u64,
    ) -> (Guard<'a, T>, bool) {
        let mut waiter = Waiter {
            thread: ThreadParker::current(),
            notified: AtomicBool::new(false),
            next: null_mut(),
        };
        self.0.lock().push(&raw mut waiter);
        drop(guard);
        while !waiter.notified.load(Ordering::Acquire) && crate::now() < deadline {
            crate::block_until(deadline);
        }
        if !waiter.notified.load(Ordering::Acquire) {
            let mut list = self.0.lock();
            // Under the lock it is either still in the list, or notified.
            if !waiter.notified.load(Ordering::Acquire) {
                list.remove(&raw mut waiter);
            }
        }
        let notified = waiter.notified.load(Ordering::Acquire);
        (mutex.lock(), notified)
    }

    /// Wakes the one that has waited longest.
    pub fn notify_one(&self) {
        let thread = self.0.lock().pop();
        if let Some(thread) = thread {
            ThreadParker::unpark(thread);
        }
    }

    /// Wakes all that wait now.
    pub fn notify_all(&self) {
        let mut list = self.0.lock();
        while let Some(thread) = list.pop() {
            ThreadParker::unpark(thread);
        }
    }
}

impl Default for Condition {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Condition;
    use crate::Mutex;

    #[test]
    fn a_bounded_buffer() {
        let (buffer, changed) = (Mutex::new(Vec::new()), Condition::new());
        std::thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    for n in 0..300 {
                        let mut guard = buffer.lock();
                        while guard.len() >= 4 {
                            guard = changed.wait(&buffer, guard);
                        }
                        guard.push(n);
                        drop(guard);
                        changed.notify_all();
                    }
                });
            }
            let taker = s.spawn(|| {
                let mut sum = 0;
                for _ in 0..600 {
                    let mut guard = buffer.lock();
                    while guard.is_empty() {
                        guard = changed.wait(&buffer, guard);
                    }
                    sum += guard.remove(0);
                    drop(guard);
                    changed.notify_all();
                }
                sum
            });
            assert_eq!(taker.join().expect("taker"), 2 * (299 * 300 / 2));
        });
    }
}
