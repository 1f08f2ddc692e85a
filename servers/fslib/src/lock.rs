//! Locks on one file: byte ranges owned by processes (fcntl(2)) and whole-file locks owned by open files (flock(2)).
//!
//! Part of a file's own locked data. A request that conflicts is refused; whether to ask again after a READY event is
//! the client's business, so nothing here waits.

use crate::wait::WaitList;
use alloc::vec::Vec;
use k42_ipc::{Error, ProcessId, Result};

/// A held range: `start ..= last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub start: u64,
    /// Last byte; `u64::MAX` is the end of any file.
    pub last: u64,
    /// Exclusive.
    pub write: bool,
    /// Owner.
    pub process: ProcessId,
}

/// All locks of a file.
#[derive(Debug, Default)]
pub struct FileLocks {
    ranges: Vec<Range>,
    /// Open file (its address as a number) and whether it is exclusive.
    whole: Vec<(usize, bool)>,
    /// Who was refused.
    pub waiters: WaitList,
}

/// `start ..= last` from fcntl's start and length (0 = to the end).
pub fn span(start: u64, length: u64) -> Result<(u64, u64)> {
    if start > i64::MAX as u64 {
        return Err(Error::EINVAL);
    }
    if length == 0 {
        return Ok((start, u64::MAX));
    }
    match start.checked_add(length - 1) {
        Some(last) if last <= i64::MAX as u64 => Ok((start, last)),
        _ => Err(Error::EOVERFLOW),
    }
}

impl FileLocks {
    /// Whether nothing is locked.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.whole.is_empty()
    }

    /// The first lock of another process that `wanted` conflicts with.
    pub fn conflict(&self, wanted: &Range) -> Option<Range> {
        let clash = |held: &&Range| {
            held.process != wanted.process
                && (held.write || wanted.write)
                && held.start <= wanted.last
                && wanted.start <= held.last
        };
        self.ranges.iter().find(clash).copied()
    }

    /// Sets a range, or clears it if `unlock`. Gives back the waiters to wake; EAGAIN if somebody else holds it.
    pub fn set(&mut self, wanted: Range, unlock: bool) -> Result<WaitList> {
        if !unlock && self.conflict(&wanted).is_some() {
            return Err(Error::EAGAIN);
        }
        // Cutting one range can make two; and one is added.
        self.ranges.try_reserve(2).map_err(|_| Error::ENOLCK)?;
        let mut freed = unlock;
        let mut tail = None;
        self.ranges.retain_mut(|held| {
            if held.process != wanted.process
                || held.start > wanted.last
                || wanted.start > held.last
            {
                return true;
            }
            freed |= held.write && !wanted.write;
            let before = held.start < wanted.start;
            if held.last > wanted.last {
                let rest = Range {
                    start: wanted.last + 1,
                    ..*held
                };
                if !before {
                    *held = rest;
                    return true;
                }
                tail = Some(rest);
            }
            if before {
                held.last = wanted.start - 1;
            }
            before
        });
        self.ranges.extend(tail);
        if !unlock {
            self.add_merged(wanted);
        }
        Ok(if freed {
            self.waiters.take()
        } else {
            WaitList::new()
        })
    }

    /// Adds a range, joined with neighbours of the same owner and kind.
    fn add_merged(&mut self, mut new: Range) {
        self.ranges.retain(|held| {
            let touches = held.process == new.process
                && held.write == new.write
                && held.start <= new.last.saturating_add(1)
                && new.start <= held.last.saturating_add(1);
            if touches {
                new.start = new.start.min(held.start);
                new.last = new.last.max(held.last);
            }
            !touches
        });
        self.ranges.push(new);
    }

    /// A process has closed the file or ended. Gives back the waiters to wake.
    pub fn release_process(&mut self, process: ProcessId) -> WaitList {
        let before = self.ranges.len();
        self.ranges.retain(|held| held.process != process);
        self.waiters.remove(process);
        if self.ranges.len() < before {
            self.waiters.take()
        } else {
            WaitList::new()
        }
    }

    /// flock(2) for the open file `owner`. EAGAIN if another open file is in the way; a lock that is changed is lost
    /// first, as on Linux.
    pub fn set_whole(&mut self, owner: usize, exclusive: bool) -> Result<WaitList> {
        if self.whole.contains(&(owner, exclusive)) {
            return Ok(WaitList::new());
        }
        let woken = self.release_whole(owner);
        if self
            .whole
            .iter()
            .any(|&(_, held_exclusive)| exclusive || held_exclusive)
        {
            self.waiters = woken;
            return Err(Error::EAGAIN);
        }
        if self.whole.try_reserve(1).is_err() {
            self.waiters = woken;
            return Err(Error::ENOLCK);
        }
        self.whole.push((owner, exclusive));
        Ok(woken)
    }

    /// Gives up the flock lock of `owner`. Gives back the waiters to wake.
    pub fn release_whole(&mut self, owner: usize) -> WaitList {
        let before = self.whole.len();
        self.whole.retain(|&(held, _)| held != owner);
        if self.whole.len() < before {
            self.waiters.take()
        } else {
            WaitList::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ProcessId = ProcessId(20);
    const B: ProcessId = ProcessId(21);

    fn range(process: ProcessId, start: u64, last: u64, write: bool) -> Range {
        Range {
            start,
            last,
            write,
            process,
        }
    }

    #[test]
    fn ranges_split_and_merge() {
        let mut locks = FileLocks::default();
        locks.set(range(A, 0, 99, true), false).unwrap();
        locks.set(range(A, 40, 59, true), true).unwrap();
        assert_eq!(locks.conflict(&range(B, 40, 59, true)), None);
        assert_eq!(
            locks.conflict(&range(B, 0, u64::MAX, false)).unwrap().last,
            39
        );
        assert_eq!(locks.conflict(&range(B, 59, 60, false)).unwrap().start, 60);
        locks.set(range(A, 40, 59, true), false).unwrap();
        assert_eq!(locks.ranges, [range(A, 0, 99, true)]);
        locks.set(range(A, 10, 19, false), false).unwrap();
        assert_eq!(locks.conflict(&range(B, 10, 19, false)), None);
        assert!(locks.conflict(&range(B, 10, 20, false)).is_some());
    }

    #[test]
    fn readers_share_and_owner_ends() {
        let mut locks = FileLocks::default();
        locks.set(range(A, 0, u64::MAX, false), false).unwrap();
        locks.set(range(B, 5, 5, false), false).unwrap();
        assert_eq!(
            locks.set(range(A, 5, 5, true), false).unwrap_err(),
            Error::EAGAIN
        );
        locks.release_process(B);
        locks.set(range(A, 5, 5, true), false).unwrap();
        locks.release_process(A);
        assert!(locks.is_empty());
    }

    #[test]
    fn model_of_bytes() {
        // Against one owner per byte, over a small file, with a plain generator.
        let mut seed = 1u64;
        let mut next = |n: u64| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        let mut locks = FileLocks::default();
        let mut model = [[0u8; 16]; 2];
        for _ in 0..20_000 {
            let owner = next(2) as usize;
            let (x, y) = (next(16), next(16));
            let (start, last) = (x.min(y), x.max(y));
            let kind = next(3) as u8;
            let process = [A, B][owner];
            let free = (start..=last).all(|i| {
                matches!(
                    (kind, model[1 - owner][i as usize]),
                    (0, _) | (_, 0) | (1, 1)
                )
            });
            let done = locks.set(range(process, start, last, kind == 2), kind == 0);
            assert_eq!(done.is_ok(), free);
            if free {
                model[owner][start as usize..=last as usize].fill(kind);
            }
            for i in 0..16u64 {
                for owner in 0..2 {
                    let other = [B, A][owner];
                    let held = |write| locks.conflict(&range(other, i, i, write)).is_some();
                    assert_eq!(
                        (held(false), held(true)),
                        (model[owner][i as usize] == 2, model[owner][i as usize] > 0)
                    );
                }
            }
        }
    }

    #[test]
    fn flock() {
        let mut locks = FileLocks::default();
        locks.set_whole(1, false).unwrap();
        locks.set_whole(2, false).unwrap();
        assert_eq!(locks.set_whole(1, true).unwrap_err(), Error::EAGAIN);
        locks.release_whole(2);
        locks.set_whole(1, true).unwrap();
        assert_eq!(locks.set_whole(2, false).unwrap_err(), Error::EAGAIN);
    }

    #[test]
    fn spans() {
        assert_eq!(span(5, 0), Ok((5, u64::MAX)));
        assert_eq!(span(5, 1), Ok((5, 5)));
        assert_eq!(span(u64::MAX, 1), Err(Error::EINVAL));
        assert_eq!(span(5, u64::MAX), Err(Error::EOVERFLOW));
    }
}
