//! The two ways in which a waiter of a queue lock can wait: by spinning, or by spinning shortly and then blocking.
//!
//! This crate knows no scheduler. Whoever owns threads (the user-level scheduler in servers and in the Linux library,
//! the test harness on the host) implements [`Parker`], and gets blocking locks from it.

use core::marker::PhantomData;

use crate::cpu_relax;

/// Names a thread to a [`Parker`]; what the number means is the scheduler's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ThreadToken(pub u64);

/// What a scheduler must offer so that locks can block.
///
/// Blocking is order-free: an `unpark` that comes before its `park` is kept, and lets that `park` return at once. At
/// least one is kept per thread; more may be folded into one. A `park` may also return without cause: every caller
/// here checks its condition again.
pub trait Parker {
    /// The token of the running thread.
    fn current() -> ThreadToken;

    /// Blocks the running thread until someone calls [`unpark`](Parker::unpark) for it.
    fn park();

    /// The running thread has to wait for the lock at an address. What is returned is given to [`acquired`](Parker::acquired).
    fn contended(_lock: usize) -> u64 {
        0
    }

    /// The running thread has the lock for which it had to wait.
    fn acquired(_lock: usize, _since: u64) {}

    /// Lets `thread` go on. The thread may have ended in the meantime; that must do no harm, so a token must not name
    /// a new thread while a late `unpark` of the old one could still come.
    fn unpark(thread: ThreadToken);
}

/// A way to wait for one's turn in a queue lock; implemented by [`Spinning`] and [`Blocking`] only.
pub trait Wait: sealed::Sealed {
    /// Whether waiters ever park; if not, a release need not look for a thread to wake.
    #[doc(hidden)]
    const PARKS: bool;

    /// Names the running thread to a later [`wake`](Wait::wake).
    #[doc(hidden)]
    fn token() -> ThreadToken;

    /// See [`Parker::contended`].
    #[doc(hidden)]
    fn contended(_lock: usize) -> u64 {
        0
    }

    /// See [`Parker::acquired`].
    #[doc(hidden)]
    fn acquired(_lock: usize, _since: u64) {}

    /// Spins until `ready`, but only as long as it makes sense to; returns whether it became ready.
    #[doc(hidden)]
    fn spin(ready: impl Fn() -> bool) -> bool;

    /// Blocks until `ready`.
    #[doc(hidden)]
    fn block(ready: impl Fn() -> bool);

    /// Wakes the thread that waits under `token`.
    #[doc(hidden)]
    fn wake(token: ThreadToken);
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Spinning {}
    impl<P> Sealed for super::Blocking<P> {}
}

/// Waits by spinning, without end: for the kernel and for holders that cannot be preempted.
#[derive(Debug)]
pub enum Spinning {}

impl Wait for Spinning {
    const PARKS: bool = false;

    fn token() -> ThreadToken {
        ThreadToken::default()
    }

    fn spin(ready: impl Fn() -> bool) -> bool {
        while !ready() {
            cpu_relax();
        }
        true
    }

    fn block(ready: impl Fn() -> bool) {
        Self::spin(ready);
    }

    fn wake(_: ThreadToken) {}
}

/// Waits by spinning shortly and then parking with `P`.
#[derive(Debug)]
pub struct Blocking<P>(PhantomData<P>);

/// Turns of the spin before a waiter parks. A lock's section is some tens of instructions; if the holder is not done
/// after this, it has most likely been preempted, and the CPU is better used by another thread.
const SPINS: u32 = if cfg!(loom) { 1 } else { 100 };

impl<P: Parker> Wait for Blocking<P> {
    const PARKS: bool = true;

    fn token() -> ThreadToken {
        P::current()
    }

    fn contended(lock: usize) -> u64 {
        P::contended(lock)
    }

    fn acquired(lock: usize, since: u64) {
        P::acquired(lock, since);
    }

    fn spin(ready: impl Fn() -> bool) -> bool {
        for _ in 0..SPINS {
            if ready() {
                return true;
            }
            cpu_relax();
        }
        ready()
    }

    fn block(ready: impl Fn() -> bool) {
        while !ready() {
            P::park();
        }
    }

    fn wake(token: ThreadToken) {
        P::unpark(token);
    }
}
