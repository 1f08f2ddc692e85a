//! The way to wait that `k42-sync`'s blocking locks need, over this crate's threads.

#[cfg(target_os = "none")]
use crate::trace::{User, events, own_process};
use k42_sync::{BlockingMutex, Parker, ThreadToken};

/// Blocks and unblocks threads of this crate. On the host, where there are none, it lets the host's
/// scheduler run, which is a wait that ends without cause: allowed, if not quick.
#[derive(Debug)]
pub enum ThreadParker {}

/// The lock to use in servers and in the Linux library: spins shortly, then blocks the thread.
pub type Mutex<T> = BlockingMutex<T, ThreadParker>;

#[cfg(target_os = "none")]
impl Parker for ThreadParker {
    fn current() -> ThreadToken {
        ThreadToken(crate::threads::current().to_word())
    }
    fn contended(lock: usize) -> u64 {
        events::lock::wait::<User>(own_process(), lock as u64);
        crate::threads::now()
    }
    fn acquired(lock: usize, since: u64) {
        let ticks = crate::threads::now() - since;
        events::lock::acquired::<User>(own_process(), lock as u64, ticks);
    }
    fn park() {
        crate::threads::block();
    }
    fn unpark(thread: ThreadToken) {
        // SAFETY: tokens are made by `current`.
        if let Some(thread) = unsafe { crate::ThreadRef::from_word(thread.0) } {
            crate::threads::unblock(thread);
        }
    }
}

#[cfg(not(target_os = "none"))]
impl Parker for ThreadParker {
    fn current() -> ThreadToken {
        ThreadToken(0)
    }
    fn park() {
        std::thread::yield_now();
    }
    fn unpark(_: ThreadToken) {}
}
