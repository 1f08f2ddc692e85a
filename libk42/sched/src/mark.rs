//! Block and unblock, free of order.
//!
//! A thread's mark says whether it runs (or is ready), has blocked, or was woken before it blocked. Whoever
//! turns BLOCKED into RUNNING, and nobody else, makes the thread ready: so it is in one queue at a time.

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

const RUNNING: u32 = 0;
const BLOCKED: u32 = 1;
const WOKEN: u32 = 2;

/// State of one thread's waiting.
#[repr(transparent)]
pub(crate) struct Mark(AtomicU32);

impl Mark {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(RUNNING))
    }
    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(RUNNING))
    }

    /// By the thread itself, disabled: whether it has to wait. If not, an earlier wake-up is used up.
    pub(crate) fn block(&self) -> bool {
        // Acquire: what was written before the wake-up is seen after it.
        if self
            .0
            .compare_exchange(RUNNING, BLOCKED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
        {
            return true;
        }
        // An exchange, not a store: another wake-up may have come just now and be wiped out here, so what was written
        // before that one must be seen too.
        self.0.swap(RUNNING, Ordering::Acquire);
        false
    }

    /// By anybody: whether the caller must make the thread ready.
    pub(crate) fn unblock(&self) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let next = if now == BLOCKED { RUNNING } else { WOKEN };
            match self
                .0
                .compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return now == BLOCKED,
                Err(seen) => now = seen,
            }
        }
    }

    /// Forgets a wake-up that came for an earlier user of the thread.
    pub(crate) fn clear(&self) {
        self.0.store(RUNNING, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Mark;

    #[test]
    fn order_does_not_matter() {
        let mark = Mark::new();
        assert!(mark.block(), "nobody woke it");
        assert!(mark.unblock(), "the waker makes it ready");
        assert!(!mark.unblock(), "a second one leaves a mark");
        assert!(!mark.unblock(), "marks are folded into one");
        assert!(!mark.block(), "which the next block uses up");
        assert!(mark.block());
    }
}
