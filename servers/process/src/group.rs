//! Process groups, sessions, and the users that processes count against.
//!
//! These are shared by nature: a signal to a group must reach all of it, and a limit on a user's processes is a
//! limit on their sum. So each has a lock or a counter of its own, touched when a member comes or goes; two processes in
//! different groups and of different users have nothing in common here.

use crate::record::ProcessRef;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use k42_api::process::SignalInfo;
use k42_ipc::{Error, Result};
use k42_sched::Mutex;

/// A session: groups that share a controlling terminal.
#[derive(Debug)]
pub struct Session {
    /// Its number, the pid of the process that began it.
    pub sid: i32,
    /// Device number of its terminal; zero for none.
    pub terminal: AtomicU64,
}

/// A process group. Exists as long as some process, dead or alive, is in it.
pub struct Group {
    /// Its number.
    pub pgid: i32,
    /// The session that it belongs to for ever.
    pub session: Arc<Session>,
    /// Members that are stopped: whether the rules for orphaned groups matter at all.
    pub stopped: AtomicUsize,
    /// Signals sent to the group as a whole.
    signals: AtomicU64,
    members: Mutex<Members>,
}

struct Members {
    processes: BTreeMap<i32, ProcessRef>,
    last: SignalInfo,
}

impl Group {
    /// An empty group in a session.
    pub fn new(pgid: i32, session: Arc<Session>) -> Self {
        let members = Mutex::new(Members {
            processes: BTreeMap::new(),
            last: crate::pending::NONE,
        });
        Self {
            pgid,
            session,
            stopped: AtomicUsize::new(0),
            signals: AtomicU64::new(0),
            members,
        }
    }

    /// A group and session of its own for process `pid`.
    pub fn lead(pid: i32) -> Self {
        Self::new(
            pid,
            Arc::new(Session {
                sid: pid,
                terminal: AtomicU64::new(0),
            }),
        )
    }

    /// How many signals the group has had; see [`join`](Self::join).
    pub fn signals(&self) -> u64 {
        self.signals.load(Ordering::Relaxed)
    }

    /// Adds a member. If the group has had signals since `since`, gives the last of them: a process that was being
    /// forked meanwhile must get it as well.
    pub fn join(&self, pid: i32, process: ProcessRef, since: u64) -> Option<SignalInfo> {
        let mut members = self.members.lock();
        members.processes.insert(pid, process);
        (self.signals() != since).then_some(members.last)
    }

    /// Takes a member away; whether it was the last.
    pub fn leave(&self, pid: i32) -> bool {
        let mut members = self.members.lock();
        members.processes.remove(&pid);
        members.processes.is_empty()
    }

    /// Whether it has no members: it only waits to be forgotten.
    pub fn is_empty(&self) -> bool {
        self.members.lock().processes.is_empty()
    }

    /// Whether `test` holds for any member. It is called under the group's lock, and may look into records.
    pub fn any(&self, test: impl FnMut(&ProcessRef) -> bool) -> bool {
        self.members.lock().processes.values().any(test)
    }

    /// The members now. With `signal`, who joins later learns of it.
    pub fn members(&self, signal: Option<SignalInfo>) -> Result<Vec<(i32, ProcessRef)>> {
        let mut members = self.members.lock();
        let mut list = Vec::new();
        list.try_reserve_exact(members.processes.len())
            .map_err(|_| Error::ENOMEM)?;
        list.extend(
            members
                .processes
                .iter()
                .map(|(&pid, &process)| (pid, process)),
        );
        if let Some(info) = signal {
            members.last = info;
            self.signals.fetch_add(1, Ordering::Relaxed);
        }
        Ok(list)
    }
}

/// A user, for the limit on its processes.
#[derive(Debug)]
pub struct User {
    /// The real uid.
    pub uid: u32,
    /// Its processes, zombies included.
    pub processes: AtomicUsize,
}

/// All users that have processes.
#[derive(Default)]
pub struct Users(Mutex<BTreeMap<u32, Arc<User>>>);

impl Users {
    /// The record of user `uid`. Asked only when a process changes its real uid.
    pub fn get(&self, uid: u32) -> Arc<User> {
        let mut users = self.0.lock();
        users.retain(|_, user| Arc::strong_count(user) > 1);
        users
            .entry(uid)
            .or_insert_with(|| {
                Arc::new(User {
                    uid,
                    processes: AtomicUsize::new(0),
                })
            })
            .clone()
    }
}
