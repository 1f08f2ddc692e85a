//! Asynchronous messages: word 0 is one of these kinds.

/// A signal waits at the process server: call `fetch_signal`.
pub const SIGNAL: u64 = 1;
/// A child changed state (or went): `wait` may succeed now.
pub const CHILD: u64 = 2;
/// Word 1 = handle on the sending server: an operation on it that said WOULD_BLOCK, or a poll,
/// may give something else now.
pub const READY: u64 = 3;
/// To another dispatcher of the same process: look into your inbox (libk42's scheduler).
pub const INBOX: u64 = 4;
/// The mount table changed.
pub const MOUNTS: u64 = 5;
/// The CPUs on which the process may run have changed: ask `Process::affinity`.
pub const PLACE: u64 = 7;
/// From the memory server: the thread that waits as word 1 (see `Memory::futex_enter`) is woken.
pub const FUTEX: u64 = 8;
pub use k42_abi::message::kernel_event::BROKEN;
