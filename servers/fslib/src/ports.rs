//! What a file server needs from its surroundings. On K42 the runtime provides these; on the host the tests do.

use k42_ipc::{Handle, ProcessId, Result};

/// Tells clients that asking again is worth while.
pub trait Notifier: Sync {
    /// Sends a READY event about `handle` to dispatcher `vp` of `process`. Never blocks; may be lost when the receiver
    /// has too many (it is told, and asks everywhere).
    fn ready(&self, process: ProcessId, vp: u32, handle: Handle);
}

/// Wall-clock time.
pub trait Clock: Sync {
    /// Nanoseconds since 1970.
    fn now(&self) -> i64;
}

/// Linux's view of processes, which only the process server has.
pub trait Processes: Sync {
    /// The Linux pid of `process`, zero if it is unknown.
    fn pid(&self, process: ProcessId) -> i32;
    /// `Process::offer_program`.
    fn offer_program(&self, process: ProcessId, handle: Handle, uid: u32, gid: u32)
    -> Result<bool>;
}
