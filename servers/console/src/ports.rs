//! What the server needs from its surroundings. On K42 the program provides it; on the host the tests do.

use k42_api::process::Identity;
use k42_ipc::{ProcessId, Result};

/// The hypervisor's terminals.
pub trait Host: Sync {
    /// Writes to console `index`; all of it.
    fn write(&self, index: usize, bytes: &[u8]);
    /// A random word, if the machine has a source.
    fn random(&self) -> Option<u64>;
    /// Wall-clock time, ns.
    fn now(&self) -> i64;
}

/// The process server, as far as terminals need it.
pub trait Processes: Sync {
    /// Who `process` is in Linux's terms.
    fn identity(&self, process: ProcessId) -> Result<Identity>;
    /// Sends `signal` to group `pgid`.
    fn signal_group(&self, pgid: i32, signal: u32) -> Result<()>;
    /// Whether group `pgid` is in session `sid`.
    fn group_in_session(&self, pgid: i32, sid: i32) -> Result<bool>;
    /// Session `sid` has terminal `device` (0 = none).
    fn set_terminal(&self, sid: i32, device: u64) -> Result<()>;
}

/// Everything together.
pub trait Ports: Host + Processes + k42_fslib::ports::Notifier {}
impl<T: Host + Processes + k42_fslib::ports::Notifier> Ports for T {}
