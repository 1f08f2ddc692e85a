//! An epoll instance: which files it watches, and what it has told.
//!
//! The list refers to open files weakly: when the last descriptor of a file is closed it drops out, as on
//! Linux. An edge is a condition that was not reported before, or was, but the program has used the file since.

use crate::file::{FileRef, OpenFile};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use k42_abi::{Error, Result};

/// EPOLL* bits beside those of poll.
mod flag {
    pub const ONESHOT: u32 = 1 << 30;
    pub const EDGE: u32 = 1 << 31;
    /// Bits that are no conditions: EXCLUSIVE, WAKEUP, ONESHOT, ET.
    pub const MODIFIERS: u32 = 0xf << 28;
}

/// Counts what this process writes to streams: the other end, if it is watched here, has new data then.
static WRITES: AtomicU32 = AtomicU32::new(0);

/// Notes a write to a stream.
pub fn note_write() {
    WRITES.fetch_add(1, Ordering::Relaxed);
}

/// What a program asks for, and what it gets back with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interest {
    /// EPOLL* bits.
    pub events: u32,
    /// The program's own.
    pub data: u64,
}

struct Entry {
    fd: i32,
    file: Weak<OpenFile>,
    interest: Interest,
    /// What was reported last, and the file's activity then (edge-triggered only).
    reported: u32,
    activity: (u32, u32),
}

/// An instance.
#[derive(Default)]
pub struct Epoll {
    entries: Vec<Entry>,
    /// Where the next round begins, so that all files get a turn.
    next: usize,
}

impl Epoll {
    /// Watches nothing.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            next: 0,
        }
    }

    fn find(&mut self, fd: i32, file: &FileRef) -> Option<usize> {
        self.entries.retain(|e| e.file.strong_count() > 0);
        self.entries
            .iter()
            .position(|e| e.fd == fd && core::ptr::eq(e.file.as_ptr(), Arc::as_ptr(file)))
    }

    /// EPOLL_CTL_ADD.
    pub fn add(&mut self, fd: i32, file: &FileRef, interest: Interest) -> Result<()> {
        if self.find(fd, file).is_some() {
            return Err(Error::EEXIST);
        }
        self.entries.try_reserve(1).map_err(|_| Error::ENOMEM)?;
        self.entries.push(Entry {
            fd,
            file: Arc::downgrade(file),
            interest,
            reported: 0,
            activity: (0, 0),
        });
        Ok(())
    }

    /// EPOLL_CTL_MOD.
    pub fn change(&mut self, fd: i32, file: &FileRef, interest: Interest) -> Result<()> {
        let at = self.find(fd, file).ok_or(Error::ENOENT)?;
        let entry = &mut self.entries[at];
        entry.interest = interest;
        entry.reported = 0;
        Ok(())
    }

    /// EPOLL_CTL_DEL.
    pub fn remove(&mut self, fd: i32, file: &FileRef) -> Result<()> {
        let at = self.find(fd, file).ok_or(Error::ENOENT)?;
        self.entries.remove(at);
        Ok(())
    }

    /// Adds up to `most` reports to `out`.
    pub fn collect(&mut self, out: &mut Vec<Interest>, most: usize, notify: bool) {
        self.entries.retain(|e| e.file.strong_count() > 0);
        let count = self.entries.len();
        for step in 0..count {
            if out.len() >= most {
                self.next = (self.next + step) % count;
                return;
            }
            let entry = &mut self.entries[(self.next + step) % count];
            if let Some(report) = entry.look(notify && out.is_empty()) {
                out.push(report);
            }
        }
    }

    /// Whether there is anything to report; reports nothing.
    pub fn any_ready(&mut self, notify: bool) -> bool {
        self.entries.iter().any(|entry| {
            let wanted = entry.interest.events & !flag::MODIFIERS;
            wanted != 0
                && entry
                    .file
                    .upgrade()
                    .is_some_and(|file| crate::sys::poll::readiness(&file, wanted, notify) != 0)
        })
    }
}

impl Entry {
    fn look(&mut self, notify: bool) -> Option<Interest> {
        let events = self.interest.events;
        if events & !flag::MODIFIERS == 0 {
            return None;
        }
        let file = self.file.upgrade()?;
        let ready = crate::sys::poll::readiness(&file, events & !flag::MODIFIERS, notify);
        if events & flag::EDGE != 0 {
            let activity = (file.activity(), WRITES.load(Ordering::Relaxed));
            let old = if activity == self.activity {
                self.reported
            } else {
                0
            };
            self.reported = ready;
            self.activity = activity;
            if ready & !old == 0 {
                return None;
            }
        }
        if ready == 0 {
            return None;
        }
        if events & flag::ONESHOT != 0 {
            self.interest.events &= flag::MODIFIERS;
        }
        Some(Interest {
            events: ready,
            data: self.interest.data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{Backing, Counter, flag as open, share};
    use crate::port::Lock;

    const IN: u32 = 1;

    fn counter(value: u64) -> FileRef {
        share(|| {
            OpenFile::local(
                Backing::Counter(Lock::new(Counter {
                    value,
                    semaphore: false,
                })),
                open::O_RDWR,
            )
        })
        .unwrap()
    }
    fn reports(epoll: &mut Epoll) -> usize {
        let mut out = Vec::new();
        epoll.collect(&mut out, 8, false);
        out.len()
    }

    #[test]
    fn levels_repeat_and_edges_do_not() {
        let file = counter(1);
        let mut epoll = Epoll::new();
        epoll
            .add(
                3,
                &file,
                Interest {
                    events: IN,
                    data: 7,
                },
            )
            .unwrap();
        assert_eq!((reports(&mut epoll), reports(&mut epoll)), (1, 1));
        epoll
            .change(
                3,
                &file,
                Interest {
                    events: IN | flag::EDGE,
                    data: 7,
                },
            )
            .unwrap();
        assert_eq!((reports(&mut epoll), reports(&mut epoll)), (1, 0));
        file.note_activity();
        assert_eq!(reports(&mut epoll), 1);
        epoll
            .change(
                3,
                &file,
                Interest {
                    events: IN | flag::ONESHOT,
                    data: 7,
                },
            )
            .unwrap();
        assert_eq!((reports(&mut epoll), reports(&mut epoll)), (1, 0));
    }

    #[test]
    fn a_closed_file_drops_out() {
        let file = counter(1);
        let mut epoll = Epoll::new();
        epoll
            .add(
                3,
                &file,
                Interest {
                    events: IN,
                    data: 0,
                },
            )
            .unwrap();
        assert_eq!(epoll.add(3, &file, Interest::default()), Err(Error::EEXIST));
        drop(file);
        assert_eq!(reports(&mut epoll), 0);
        let other = counter(0);
        assert_eq!(epoll.remove(3, &other), Err(Error::ENOENT));
    }
}
