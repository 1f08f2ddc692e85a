//! The record of one Linux process: a clustered object behind the interface [`Record`].
//!
//! A record guards what belongs to its process alone, by two locks that are held for a few instructions each: one for the
//! process's own state, one for its children. No method of a record calls another record, another object or another
//! server (the kernel's FREEZE and THAW excepted, which must agree with the state); what follows from a change for
//! others, the server does after the call ([`crate::exit`], [`crate::kill`]). So locks of two processes are never held
//! together, with one exception: a wait for a group asks the children for their groups, parent before child.
//!
//! A dead process keeps its record until it has been waited for, without what only the living need.

mod central;
mod options;
mod parts;

pub use central::Central;
pub use parts::{Delivery, Heritage, Life, Masks, Offer, Program, Remains, Reparented, Used, View};

use crate::credentials::Identity;
use crate::env::Kernel;
use crate::family::{Child, Heard, News, Which};
use crate::group::{Group, User};
use crate::limits::Limits;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_api::process::SignalInfo;
use k42_ipc::{ProcessId, Result};
use k42_object::{Ref, object_interface};

/// Names a process, alive or dead.
pub type ProcessRef = Ref<dyn Record>;

object_interface! {
    /// A Linux process. See the module's documentation.
    pub trait Record {
        /// Its number.
        fn pid(&self) -> i32;
        /// Its address space.
        fn space(&self) -> ProcessId;
        /// The CPU that it was started on, or has been moved to since.
        fn cpu(&self) -> u32;
        /// When it was started, nanoseconds since boot.
        fn started(&self) -> u64;
        /// How far it has come.
        fn life(&self) -> Life;
        /// Parent's pid; zero for the first process.
        fn parent(&self) -> i32;
        /// Process group.
        fn group(&self) -> Arc<Group>;
        /// Credentials.
        fn identity(&self) -> Arc<Identity>;
        /// What a child made now gets. ESRCH if the process is ending.
        fn heritage(&self) -> Result<Heritage>;
        /// Everything, for /proc.
        fn view(&self) -> View;

        /// Moves to another group; the old one.
        fn move_to(&self, group: Arc<Group>) -> Arc<Group>;
        /// Takes new credentials; the old user, if the process counts against another one now.
        fn set_identity(&self, identity: Arc<Identity>, user: Option<Arc<User>>) -> Option<Arc<User>>;
        /// Resource limits.
        fn limits(&self) -> Arc<Limits>;
        /// Changes a resource limit; the old soft and hard one.
        fn set_limit(&self, resource: u32, soft: u64, hard: u64, privileged: bool) -> Result<[u64; 2]>;
        /// A file server's offer of a program takes the place of the one before, which is the result.
        fn set_offer(&self, offer: Option<Offer>) -> Option<Offer>;
        /// Lives in another address space from now on. ESRCH if the process is ending.
        fn move_to_space(&self, space: ProcessId, kernel: &dyn Kernel) -> Result<()>;
        /// Executes another program now.
        fn set_program(&self, program: Arc<Program>, executed: bool);
        /// Whether it has executed a program since it was forked.
        fn has_executed(&self) -> bool;
        /// Changes the nice value.
        fn set_nice(&self, nice: i32);
        /// The CPUs on which it may run, and the one on which it is to run now; the one before. ESRCH if the process is
        /// ending.
        fn place(&self, affinity: u64, cpu: u32) -> Result<u32>;
        /// Gives or changes an option of prctl(2).
        fn option(&self, option: u32, value: u64) -> Result<u64>;

        /// A signal for the process. EAGAIN if too many wait.
        fn post(&self, info: SignalInfo, kernel: &dyn Kernel) -> Result<Delivery>;
        /// Takes a pending signal in `wanted`.
        fn fetch(&self, wanted: u64) -> SignalInfo;
        /// Pending signals.
        fn pending(&self) -> u64;
        /// What the library tells of its signals.
        fn set_masks(&self, masks: Masks, no_wait: bool, no_stop: bool);
        /// Signals that it ignores or blocks.
        fn not_taken(&self) -> u64;
        /// The process stops itself by the default action of `signal`. False: a SIGCONT has come since, so it goes on.
        fn stop(&self, signal: u32, kernel: &dyn Kernel) -> bool;

        /// A new child. ESRCH if the process is ending.
        fn add_child(&self, child: Child) -> Result<()>;
        /// Whether `pid` is a child.
        fn has_child(&self, pid: i32) -> bool;
        /// All children.
        fn child_pids(&self) -> Vec<i32>;
        /// A child has done something; see `Family::hear`.
        fn hear(&self, pid: i32, news: News) -> Option<Heard>;
        /// See `Family::wait`.
        fn wait(&self, which: Which, options: u32, waiter: Option<u32>, group_of: &dyn Fn(&Child) -> i32) -> Result<Option<Child>>;
        /// A child that has been waited for used this.
        fn add_used(&self, used: Used);
        /// Waited-for children's use, and the largest resident set seen of the process itself.
        fn used(&self) -> (Used, u64);
        /// The process has been seen with so much resident memory.
        fn saw_resident(&self, bytes: u64) -> u64;

        /// The process begins to end; false if it has begun before.
        fn begin_exit(&self) -> bool;
        /// It gives its children up.
        fn close_family(&self) -> BTreeMap<i32, Child>;
        /// It gets another parent.
        fn set_parent(&self, parent: i32) -> Reparented;
        /// It is dead now; the parent who is to be told.
        fn end(&self, status: u32, own: Used) -> i32;
        /// What remains of it.
        fn remains(&self) -> Remains;
        /// Whether orphaned descendants come to it.
        fn is_subreaper(&self) -> bool;
    }
}
