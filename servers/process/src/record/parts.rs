//! What records are made of, and what they answer with.

use crate::credentials::Identity;
use crate::group::{Group, User};
use crate::limits::Limits;
use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_ipc::{Handle, ProcessId};

/// How far a process has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// It runs, or is stopped.
    Running,
    /// It is being taken apart.
    Exiting,
    /// Dead, and not yet waited for.
    Zombie,
}

/// Which signals a process does what with, as its library has told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Masks {
    /// Ignored, explicitly or by default.
    pub ignored: u64,
    /// Blocked.
    pub blocked: u64,
    /// Handled.
    pub caught: u64,
}

/// The program that a process executes, for people.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Name, at most 15 bytes.
    pub comm: Vec<u8>,
    /// Arguments, each with a NUL behind it.
    pub command_line: Vec<u8>,
    /// Path of the file.
    pub path: Vec<u8>,
}

/// A program that a file server says the process is about to execute, and the ids that go with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The file server.
    pub server: ProcessId,
    /// The process's handle there.
    pub handle: Handle,
    /// Effective user, or `KEEP_ID`.
    pub uid: u32,
    /// Effective group, or `KEEP_ID`.
    pub gid: u32,
}

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Processor time in nanoseconds. The kernel does not tell a process's own time from its library's, so all of it counts
    /// as user time.
    pub time: u64,
    /// Largest resident set seen, bytes.
    pub max_resident: u64,
    /// Page faults.
    pub faults: u64,
}

impl Used {
    /// Sums times and faults, and takes the larger of the sizes.
    pub fn add(&mut self, other: Self) {
        self.time += other.time;
        self.faults += other.faults;
        self.max_resident = self.max_resident.max(other.max_resident);
    }
}

/// What remains of a process for who waits for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// Wait status.
    pub status: u32,
    /// Its real user.
    pub uid: u32,
    /// What it used.
    pub own: Used,
    /// What its waited-for children used.
    pub children: Used,
}

/// What a process hands down to its child, and what is set with prctl(2).
#[derive(Clone)]
pub struct Heritage {
    /// Credentials.
    pub identity: Arc<Identity>,
    /// The user it counts against.
    pub user: Arc<User>,
    /// Resource limits.
    pub limits: Arc<Limits>,
    /// Program.
    pub program: Arc<Program>,
    /// Process group.
    pub group: Arc<Group>,
    /// Signals sent to the group before the heritage was taken.
    pub group_signals: u64,
    /// Signal masks.
    pub masks: Masks,
    /// What `Family` calls no_wait and no_stop.
    pub child_options: (bool, bool),
    /// Nice value.
    pub nice: i32,
    /// CPUs on which it may run, one bit each; those that there are.
    pub affinity: u64,
    /// PR_SET_NO_NEW_PRIVS.
    pub no_new_privileges: bool,
    /// PR_SET_DUMPABLE.
    pub dumpable: bool,
    /// File creation mask, for show.
    pub umask: u32,
}

/// What /proc shows, taken at one moment.
#[derive(Clone)]
pub struct View {
    /// What is handed down too.
    pub heritage: Heritage,
    /// How far it has come.
    pub life: Life,
    /// The signal that stopped it.
    pub stopped: Option<u32>,
    /// Parent's pid.
    pub parent: i32,
    /// Pending signals.
    pub pending: u64,
    /// How many signals are queued.
    pub queued: usize,
    /// What its waited-for children used.
    pub children: Used,
    /// Remains, if it is dead.
    pub remains: Remains,
}

/// What a posted signal leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The process is to be ended by this signal.
    pub kill: bool,
    /// It has been stopped.
    pub stopped: bool,
    /// It has gone on after a stop.
    pub continued: bool,
    /// The library is to be told to fetch it.
    pub wake: bool,
}

/// What a new parent must know of a process that it takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reparented {
    /// The process is dead: its new parent has to be told.
    pub dead: bool,
    /// Signal that the process wants at its parent's death; zero for none.
    pub death_signal: u32,
}
