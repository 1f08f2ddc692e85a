//! The lock of this server: spins shortly, then blocks, since the holder's dispatcher may have been preempted.
//!
//! Lock order: space (a parent before its child), then private FCM, then the FCM that it copies from, then frames. The
//! kernel is called with locks held (it never waits); no other server ever is.

/// A lock around a value.
pub use k42_sched::Mutex as Lock;
/// What a taken lock gives.
pub type Guard<'a, T> =
    k42_sync::QueueMutexGuard<'a, T, k42_sync::Blocking<k42_sched::ThreadParker>>;
