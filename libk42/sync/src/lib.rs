//! Locks, and the way to wait, for every K42 program: kernel, servers, library.
//!
//! K42 holds locks seldom and shortly: an object guards its own data, no lock is held across a call to another
//! object, and existence is guaranteed by deferred destruction (crate `k42-object`) and not by locking. What is left
//! is here.
//!
//! 1. **A waiting CPU says so.** Every spin goes through [`cpu_relax`]. `core::hint::spin_loop` is empty on 64-bit
//!    Power: under QEMU a bare spin burns a whole time slice of the CPU that it waits for. `clippy.toml` at the root of
//!    the workspace therefore forbids `spin_loop`, and the `spin` crate's types with their default strategy.
//! 2. **Short and rarely contended:** [`SpinMutex`], [`SpinRwLock`]; made once: [`Once`], [`Lazy`].
//! 3. **Contended from many CPUs:** [`FairMutex`] serves in order of arrival, and each waiter watches a word of its
//!    own, so a release moves one cache line and not one per waiter.
//! 4. **Held by a thread that can be preempted:** [`BlockingMutex`] spins shortly, then blocks by a [`Parker`], which
//!    the user-level scheduler supplies. It is the same queue lock; only the way to wait differs.
//! 5. **Read on many CPUs, seldom written:** `ReadMostly` has its readers each write a line of their own CPU.
//!
//! Which one? In the kernel: `SpinMutex` or `FairMutex` (there are no threads). In servers and in the Linux library:
//! `BlockingMutex`, since a dispatcher may be preempted while one of its threads holds a lock.
#![cfg_attr(not(test), no_std)]
#![deny(clippy::undocumented_unsafe_blocks)]

mod atomic;
mod mutex;
mod park;
mod queue;
mod read_mostly;
mod relax;

pub use mutex::{BlockingMutex, FairMutex, QueueMutex, QueueMutexGuard};
pub use park::{Blocking, Parker, Spinning, ThreadToken, Wait};
#[cfg(loom)]
pub use read_mostly::State;
#[cfg(not(loom))]
pub use read_mostly::{ReadMostly, ReadMostlyGuard, ReadMostlyWriteGuard};
pub use relax::{Relax, cpu_relax};

/// A spin lock for short sections that are rarely contended.
#[expect(
    clippy::disallowed_types,
    reason = "the alias exists to give the type its right strategy"
)]
pub type SpinMutex<T> = spin::mutex::SpinMutex<T, Relax>;
/// The right to use what a [`SpinMutex`] guards.
pub type SpinMutexGuard<'a, T> = spin::mutex::SpinMutexGuard<'a, T, Relax>;

/// Many readers or one writer, by spinning.
#[expect(
    clippy::disallowed_types,
    reason = "the alias exists to give the type its right strategy"
)]
pub type SpinRwLock<T> = spin::rwlock::RwLock<T, Relax>;

/// A value that is written once, by whoever comes first.
#[expect(
    clippy::disallowed_types,
    reason = "the alias exists to give the type its right strategy"
)]
pub type Once<T = ()> = spin::once::Once<T, Relax>;

/// A value that is made on first use.
#[expect(
    clippy::disallowed_types,
    reason = "the alias exists to give the type its right strategy"
)]
pub type Lazy<T, F = fn() -> T> = spin::lazylock::LazyLock<T, F, Relax>;
