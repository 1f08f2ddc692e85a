//! Who waits for an object to become ready.
//!
//! No method of a file server waits. A caller that got WOULD_BLOCK (or asked with poll) is put into the object's
//! [`WaitList`], under the object's own lock and before the answer leaves, so that no change can be missed. A change
//! takes the whole list out and sends each waiter one READY event after the lock is released; who finds nothing then
//! is put on the list again by asking again.

use crate::ports::Notifier;
use alloc::vec::Vec;
use k42_ipc::{Caller, Error, Handle, ProcessId, Result};

/// Somebody to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// Process.
    pub process: ProcessId,
    /// Dispatcher that asked.
    pub vp: u32,
    /// The handle that it used.
    pub handle: Handle,
}

/// Waiters of one object; the first is kept without a heap allocation. Not locked: it is part of what the object's own
/// lock guards.
#[derive(Debug, Default)]
pub struct WaitList {
    first: Option<Waiter>,
    more: Vec<Waiter>,
}

impl WaitList {
    /// Nobody.
    pub const fn new() -> Self {
        Self {
            first: None,
            more: Vec::new(),
        }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Notes the caller, once however often it asks.
    pub fn add(&mut self, caller: &Caller) -> Result<()> {
        let waiter = Waiter {
            process: caller.process,
            vp: caller.vp,
            handle: caller.handle,
        };
        match self.first {
            None => self.first = Some(waiter),
            Some(first) if first == waiter || self.more.contains(&waiter) => {}
            Some(_) => {
                self.more.try_reserve(1).map_err(|_| Error::ENOMEM)?;
                self.more.push(waiter);
            }
        }
        Ok(())
    }

    /// Takes everybody out, to be woken after the object's lock is released.
    #[inline]
    pub fn take(&mut self) -> Self {
        if self.is_empty() {
            Self::new()
        } else {
            core::mem::take(self)
        }
    }

    /// Forgets a process that has ended.
    pub fn remove(&mut self, process: ProcessId) {
        self.more.retain(|waiter| waiter.process != process);
        if self.first.is_some_and(|waiter| waiter.process == process) {
            self.first = self.more.pop();
        }
    }

    /// Sends each waiter its event. Mostly nobody waits.
    #[inline]
    pub fn wake(self, notifier: &dyn Notifier) {
        if !self.is_empty() {
            self.wake_all(notifier);
        }
    }

    fn wake_all(&self, notifier: &dyn Notifier) {
        for waiter in self.first.iter().chain(&self.more) {
            notifier.ready(waiter.process, waiter.vp, waiter.handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Mutex;

    struct Log(Mutex<Vec<(u32, u64)>>);
    impl Notifier for Log {
        fn ready(&self, process: ProcessId, _: u32, handle: Handle) {
            self.0.lock().push((process.0, handle.0));
        }
    }

    #[test]
    fn each_waiter_once() {
        let caller = |p, h| Caller {
            process: ProcessId(p),
            vp: 0,
            handle: Handle(h),
            rights: 0,
        };
        let mut list = WaitList::new();
        for (p, h) in [(20, 1), (20, 1), (21, 1), (20, 2), (21, 1)] {
            list.add(&caller(p, h)).unwrap();
        }
        list.remove(ProcessId(99));
        let log = Log(Mutex::new(Vec::new()));
        list.take().wake(&log);
        assert!(list.is_empty());
        assert_eq!(*log.0.lock(), [(20, 1), (21, 1), (20, 2)]);
        list.add(&caller(20, 1)).unwrap();
        list.add(&caller(21, 1)).unwrap();
        list.remove(ProcessId(20));
        list.wake(&log);
        assert_eq!(log.0.lock()[3..], [(21, 1)]);
    }
}
