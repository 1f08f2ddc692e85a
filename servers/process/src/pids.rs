//! Process numbers. A number is in use while a process, a group or a session has it.
//!
//! The map from numbers to processes is in shards, each with a lock of its own; neighbours in number, which are neighbours
//! in time, are in different shards. One word is shared by nature: the number given out last. Numbers are given out in a
//! circle, so one that has become free is used again only after all others.

use crate::group::{Group, Session};
use crate::linux::{PID_MAX, PID_RESERVED};
use crate::record::ProcessRef;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use k42_ipc::{Error, Result};
use k42_sched::Mutex;

const SHARDS: usize = 64;

/// Who has a number.
#[derive(Default)]
struct Number {
    /// Given out for a process, from before it exists until it has been waited for.
    taken: bool,
    process: Option<ProcessRef>,
    group: Weak<Group>,
    session: Weak<Session>,
}

impl Number {
    fn is_free(&self) -> bool {
        !self.taken && self.group.strong_count() == 0 && self.session.strong_count() == 0
    }
}

#[repr(align(128))]
#[derive(Default)]
struct Shard(Mutex<BTreeMap<i32, Number>>);

/// All numbers in use.
pub struct Pids {
    shards: [Shard; SHARDS],
    last: AtomicI32,
    count: AtomicUsize,
}

impl Default for Pids {
    fn default() -> Self {
        Self {
            shards: core::array::from_fn(|_| Shard::default()),
            last: AtomicI32::new(0),
            count: AtomicUsize::new(0),
        }
    }
}

impl Pids {
    fn shard(&self, number: i32) -> &Mutex<BTreeMap<i32, Number>> {
        &self.shards[number as u32 as usize % SHARDS].0
    }

    /// A number that nobody has, taken: give it to a process with [`set`](Self::set) or back with
    /// [`release`](Self::release). EAGAIN if all are in use.
    pub fn take(&self) -> Result<i32> {
        for _ in 0..PID_MAX {
            let step = |last| {
                Some(if last + 1 >= PID_MAX {
                    PID_RESERVED
                } else {
                    last + 1
                })
            };
            let Ok(last) = self
                .last
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
            else {
                break;
            };
            let number = step(last).unwrap_or(PID_RESERVED);
            let mut shard = self.shard(number).lock();
            if shard.get(&number).is_none_or(Number::is_free) {
                shard.insert(
                    number,
                    Number {
                        taken: true,
                        ..Number::default()
                    },
                );
                return Ok(number);
            }
        }
        Err(Error::EAGAIN)
    }

    /// The process with a number that was taken for it.
    pub fn set(&self, number: i32, process: ProcessRef) {
        self.shard(number).lock().entry(number).or_default().process = Some(process);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// The process has gone, or never came to be. The number stays in use while a group or session has it.
    pub fn release(&self, number: i32) {
        let mut shard = self.shard(number).lock();
        if let Some(entry) = shard.get_mut(&number) {
            if entry.process.take().is_some() {
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
            entry.taken = false;
            if entry.is_free() {
                shard.remove(&number);
            }
        }
    }

    /// Forgets the number if nobody has it any more; after a group has emptied.
    pub fn prune(&self, number: i32) {
        let mut shard = self.shard(number).lock();
        if shard.get(&number).is_some_and(Number::is_free) {
            shard.remove(&number);
        }
    }

    /// The process with this number.
    pub fn process(&self, number: i32) -> Result<ProcessRef> {
        self.shard(number)
            .lock()
            .get(&number)
            .and_then(|entry| entry.process)
            .ok_or(Error::ESRCH)
    }

    /// The group with this number.
    pub fn group(&self, number: i32) -> Option<Arc<Group>> {
        self.shard(number).lock().get(&number)?.group.upgrade()
    }

    /// The session with this number.
    pub fn session(&self, number: i32) -> Option<Arc<Session>> {
        self.shard(number).lock().get(&number)?.session.upgrade()
    }

    /// Group `number` in `session`, made if it does not exist. EPERM if it is another session's.
    pub fn group_or_new(&self, number: i32, session: &Arc<Session>) -> Result<Arc<Group>> {
        let mut shard = self.shard(number).lock();
        let entry = shard.entry(number).or_default();
        match entry.group.upgrade() {
            Some(group) if Arc::ptr_eq(&group.session, session) => Ok(group),
            Some(_) => Err(Error::EPERM),
            None => {
                let group = Arc::new(Group::new(number, session.clone()));
                entry.group = Arc::downgrade(&group);
                Ok(group)
            }
        }
    }

    /// A new session and group, both with this number. EPERM if there is such a group already.
    pub fn new_session(&self, number: i32) -> Result<Arc<Group>> {
        let mut shard = self.shard(number).lock();
        let entry = shard.entry(number).or_default();
        if entry.group.upgrade().is_some() || entry.session.upgrade().is_some() {
            return Err(Error::EPERM);
        }
        let group = Arc::new(Group::lead(number));
        entry.group = Arc::downgrade(&group);
        entry.session = Arc::downgrade(&group.session);
        Ok(group)
    }

    /// All processes now, dead ones that nobody has waited for included, in order of their numbers.
    pub fn all(&self) -> Vec<(i32, ProcessRef)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.0.lock();
            all.extend(
                shard
                    .iter()
                    .filter_map(|(&number, entry)| entry.process.map(|process| (number, process))),
            );
        }
        all.sort_unstable_by_key(|(number, _)| *number);
        all
    }

    /// How many processes there are, dead ones included.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The number given out last.
    pub fn last(&self) -> i32 {
        self.last.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_a_circle() {
        let pids = Pids::default();
        assert_eq!((pids.take(), pids.take()), (Ok(1), Ok(2)));
        pids.release(1);
        assert_eq!(pids.take(), Ok(3));
        let group = pids.new_session(2).unwrap();
        assert_eq!(pids.new_session(2).err(), Some(Error::EPERM));
        pids.release(2);
        pids.last.store(PID_MAX - 1, Ordering::Relaxed);
        assert_eq!(pids.take(), Ok(PID_RESERVED));
        pids.last.store(1, Ordering::Relaxed);
        assert_eq!(pids.take(), Ok(4), "2 is a group's, 3 a process's");
        drop(group);
        pids.last.store(1, Ordering::Relaxed);
        assert_eq!(pids.take(), Ok(2));
    }

    #[test]
    fn groups_stay_in_their_session() {
        let pids = Pids::default();
        let one = pids.new_session(10).unwrap();
        let two = pids.new_session(20).unwrap();
        let job = pids.group_or_new(11, &one.session).unwrap();
        assert!(pids.group_or_new(11, &one.session).is_ok());
        assert_eq!(
            pids.group_or_new(11, &two.session).err(),
            Some(Error::EPERM)
        );
        drop(job);
        pids.prune(11);
        assert!(pids.group(11).is_none());
        assert!(pids.group_or_new(11, &two.session).is_ok());
    }
}
