//! Threads that wait on words of the program's memory, as far as that is its own: all users of such a futex are threads
//! of this process. For memory that processes share see [`crate::sys::futex`].
//!
//! The table is a fixed array of buckets, each a locked list of waiters. A waiter's record lies on its own
//! stack frame's behalf in a heap list; waking marks the record, so a thread knows whether it was woken or only
//! disturbed.

use crate::port::{self, Guard, Lock};
use crate::thread::Thread;
use alloc::vec::Vec;
use k42_abi::{Error, Result};

/// Number of buckets, a power of two.
const BUCKETS: usize = 16;

struct Waiter {
    address: u64,
    bits: u32,
    thread: &'static Thread,
}

type Bucket = Lock<Vec<Waiter>>;

/// All waiters of the process.
pub struct FutexTable {
    buckets: [Bucket; BUCKETS],
}

/// All buckets, locked: over a fork.
pub struct AllHeld<'a> {
    _guards: [Guard<'a, Vec<Waiter>>; BUCKETS],
}

impl FutexTable {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self {
            buckets: [const { Lock::new(Vec::new()) }; BUCKETS],
        }
    }

    fn index(address: u64) -> usize {
        (address >> 2)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_right(60) as usize
            % BUCKETS
    }
    fn bucket(&self, address: u64) -> &Bucket {
        &self.buckets[Self::index(address)]
    }

    /// Locks all buckets.
    pub fn hold(&self) -> AllHeld<'_> {
        AllHeld {
            _guards: core::array::from_fn(|index| self.buckets[index].lock()),
        }
    }

    /// Forgets everybody (in a forked child).
    pub fn clear(&self) {
        for bucket in &self.buckets {
            bucket.lock().clear();
        }
    }

    /// Enters `thread` as waiting; to be followed by a look at the word, then [`Self::is_waiting`] in a loop.
    pub fn enter(&self, address: u64, bits: u32, thread: &'static Thread) -> Result<()> {
        let mut bucket = self.bucket(address).lock();
        bucket.try_reserve(1).map_err(|_| Error::ENOMEM)?;
        bucket.push(Waiter {
            address,
            bits,
            thread,
        });
        Ok(())
    }

    /// Takes `thread` out again; whether it was still waiting (nobody has woken it). It may have been moved
    /// to another word by a requeue.
    pub fn leave(&self, thread: &Thread) -> bool {
        self.buckets.iter().any(|bucket| {
            let mut bucket = bucket.lock();
            let at = bucket.iter().position(|w| core::ptr::eq(w.thread, thread));
            at.map(|at| bucket.remove(at)).is_some()
        })
    }

    /// Whether `thread` still waits.
    pub fn is_waiting(&self, address: u64, thread: &Thread) -> bool {
        let here = |bucket: &Bucket| {
            bucket
                .lock()
                .iter()
                .any(|w| core::ptr::eq(w.thread, thread))
        };
        here(self.bucket(address)) || self.buckets.iter().any(here)
    }

    /// Wakes up to `count` waiters of `address` that share a bit with `bits`, first come first served.
    pub fn wake(&self, address: u64, count: usize, bits: u32) -> usize {
        let mut woken = 0;
        while woken < count {
            let found = {
                let mut bucket = self.bucket(address).lock();
                if bucket.is_empty() {
                    return woken;
                }
                let at = bucket
                    .iter()
                    .position(|w| w.address == address && w.bits & bits != 0);
                at.map(|at| bucket.remove(at).thread)
            };
            let Some(thread) = found else { break };
            thread.wake();
            woken += 1;
        }
        woken
    }

    /// Wakes `wake` waiters of `from` and makes up to `requeue` others wait for `to`; how many were woken and moved.
    pub fn requeue(&self, from: u64, to: u64, wake: usize, requeue: usize) -> (usize, usize) {
        let woken = self.wake(from, wake, u32::MAX);
        let mut moved = 0;
        while moved < requeue {
            let found = {
                let mut bucket = self.bucket(from).lock();
                let at = bucket.iter().position(|w| w.address == from);
                at.map(|at| bucket.remove(at))
            };
            let Some(waiter) = found else { break };
            let mut bucket = self.bucket(to).lock();
            if bucket.try_reserve(1).is_err() {
                // Woken without cause rather than lost.
                waiter.thread.wake();
                break;
            }
            bucket.push(Waiter {
                address: to,
                ..waiter
            });
            moved += 1;
        }
        (woken, moved)
    }
}

impl Default for FutexTable {
    fn default() -> Self {
        Self::new()
    }
}

/// The operation of FUTEX_WAKE_OP: what becomes of the second word, and whether its old value
/// compares as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeOp(pub u32);

impl WakeOp {
    fn signed12(value: u32) -> i32 {
        ((value << 20) as i32) >> 20
    }
    /// The word's new value. ENOSYS for an operation that does not exist.
    pub fn apply(self, old: u32) -> Result<u32> {
        let operation = self.0 >> 28;
        let argument = Self::signed12(self.0 >> 12 & 0xfff) as u32;
        let argument = if operation & 8 != 0 {
            1 << (argument & 31)
        } else {
            argument
        };
        Ok(match operation & 7 {
            0 => argument,
            1 => old.wrapping_add(argument),
            2 => old | argument,
            3 => old & !argument,
            4 => old ^ argument,
            _ => return Err(Error::ENOSYS),
        })
    }
    /// Whether the old value compares as asked.
    pub fn compare(self, old: u32) -> Result<bool> {
        let (old, argument) = (old as i32, Self::signed12(self.0 & 0xfff));
        Ok(match self.0 >> 24 & 15 {
            0 => old == argument,
            1 => old != argument,
            2 => old < argument,
            3 => old <= argument,
            4 => old > argument,
            5 => old >= argument,
            _ => return Err(Error::ENOSYS),
        })
    }
}

/// Blocks for a futex; the scheduler remembers a wake-up that came before.
pub fn block(deadline: Option<u64>) {
    match deadline {
        None => port::block(),
        Some(deadline) => {
            port::block_until(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_come_first_served() {
        let table = FutexTable::new();
        let threads: Vec<_> = (0..4).map(|n| Thread::new(100 + n).unwrap()).collect();
        for &thread in &threads {
            table.enter(0x1000, u32::MAX, thread).unwrap();
        }
        assert_eq!(table.wake(0x1000, 1, u32::MAX), 1);
        assert!(!table.is_waiting(0x1000, threads[0]) && table.is_waiting(0x1000, threads[1]));
        assert_eq!(table.requeue(0x1000, 0x2000, 1, 1), (1, 1));
        assert_eq!(table.wake(0x1000, 10, u32::MAX), 1);
        assert!(table.leave(threads[2]) && !table.leave(threads[2]));
        for thread in threads {
            thread.give_up();
        }
    }

    #[test]
    fn bits_choose() {
        let table = FutexTable::new();
        let thread = Thread::new(200).unwrap();
        table.enter(0x1000, 2, thread).unwrap();
        assert_eq!(table.wake(0x1000, 1, 1), 0);
        assert_eq!(table.wake(0x1000, 1, 3), 1);
        thread.give_up();
    }

    #[test]
    fn wake_operations() {
        // glibc's: set 0 if the old value is greater than 1.
        let op = WakeOp(4 << 24 | 1);
        assert_eq!(op.apply(7), Ok(0));
        assert_eq!((op.compare(2), op.compare(1)), (Ok(true), Ok(false)));
        assert_eq!(WakeOp(1 << 28 | 0xfff << 12).apply(5), Ok(4));
        assert_eq!(WakeOp(10 << 28 | 3 << 12).apply(0), Ok(8));
        assert_eq!(WakeOp(5 << 28).apply(0), Err(Error::ENOSYS));
        assert_eq!(WakeOp(6 << 24).compare(0), Err(Error::ENOSYS));
    }
}
