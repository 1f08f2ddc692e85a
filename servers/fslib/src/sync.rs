//! The locks of file servers. Every lock guards one object's own data for a short time; none is held across a call to
//! another server. A thread that holds one can be preempted, so who waits lets other threads run.

use core::fmt;
pub use k42_sync::{ReadMostlyGuard, ReadMostlyWriteGuard};
use k42_sync::{Relax, SpinRwLock, cpu_relax};

/// Mutual exclusion.
pub type Mutex<T> = k42_sched::Mutex<T>;
/// Made on first use.
pub type Once<T> = k42_sync::Once<T>;
/// The right to read what an [`RwLock`] guards.
pub type ReadGuard<'a, T> = spin::rwlock::RwLockReadGuard<'a, T, Relax>;
/// The right to change what an [`RwLock`] guards.
pub type WriteGuard<'a, T> = spin::rwlock::RwLockWriteGuard<'a, T, Relax>;

/// Many readers or one writer. Waiting spins shortly, then gives the CPU to other threads, among which the holder may
/// be.
pub struct RwLock<T: ?Sized>(SpinRwLock<T>);

/// Many readers or one writer, for what is read on all CPUs and seldom written: its readers move no cache line. No thread
/// may take the same one twice.
#[derive(Debug)]
pub struct ReadMostly<T>(k42_sync::ReadMostly<T>);

impl<T> ReadMostly<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self(k42_sync::ReadMostly::new(value))
    }

    /// Takes the lock together with other readers; the caller runs on `cpu`.
    #[inline]
    pub fn read(&self, cpu: usize) -> ReadMostlyGuard<'_, T> {
        wait_for(|| self.0.try_read(cpu))
    }

    /// Takes the lock alone.
    #[inline]
    pub fn write(&self) -> ReadMostlyWriteGuard<'_, T> {
        wait_for(|| self.0.try_write())
    }
}

/// Tries before a waiting thread gives way.
const SPINS: u32 = 64;

impl<T> RwLock<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self(SpinRwLock::new(value))
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Takes the lock together with other readers.
    #[inline]
    pub fn read(&self) -> ReadGuard<'_, T> {
        wait_for(|| self.0.try_read())
    }

    /// Takes the lock alone.
    #[inline]
    pub fn write(&self) -> WriteGuard<'_, T> {
        wait_for(|| self.0.try_write())
    }

    /// The value, without locking: a unique borrow proves that nobody else is there.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

#[inline]
fn wait_for<G>(attempt: impl Fn() -> Option<G>) -> G {
    match attempt() {
        Some(guard) => guard,
        None => wait_longer(attempt),
    }
}

#[cold]
fn wait_longer<G>(attempt: impl Fn() -> Option<G>) -> G {
    let mut tries = 0;
    loop {
        if let Some(guard) = attempt() {
            return guard;
        }
        tries += 1;
        if tries % SPINS == 0 {
            give_way()
        } else {
            cpu_relax()
        }
    }
}

#[cfg(target_os = "none")]
fn give_way() {
    k42_sched::yield_now();
}

#[cfg(not(target_os = "none"))]
fn give_way() {
    std::thread::yield_now();
}

impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
