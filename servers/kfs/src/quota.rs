//! How much KFS may hold. Memory is its only medium, so both pages and nodes are limited: a client that fills the disk
//! gets ENOSPC while the machine still works.

use crate::contents::Medium;
use crate::ports::PageStore;
use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_ipc::{Error, Result};

/// Bytes of a page.
pub const PAGE: u64 = k42_abi::layout::PAGE_SIZE as u64;

/// CPUs that have a line of their own; the others share them.
const CPUS: usize = 16;
/// What a CPU takes from the common count at once.
const BATCH: u64 = 32;
/// Numbers that a CPU takes at once.
const ROW: u64 = 1024;

/// A word of one CPU, on a line of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Line(AtomicU64);

type Lines = [Line; CPUS];

/// The word of the CPU on which the caller runs.
fn mine(lines: &Lines) -> &AtomicU64 {
    let cpu = k42_object::system().map_or(0, |system| system.current_cpu());
    &lines[cpu % CPUS].0
}

/// A number of things, some of them used. Each CPU has a stock of what it may still give out, so that those who make and
/// remove things on different CPUs do not meet.
#[derive(Debug)]
pub struct Quota {
    limit: AtomicU64,
    /// In use, or in the stock of a CPU.
    taken: AtomicU64,
    stocks: Lines,
}

impl Quota {
    /// None used of `limit`.
    pub const fn new(limit: u64) -> Self {
        Self {
            limit: AtomicU64::new(limit),
            taken: AtomicU64::new(0),
            stocks: [const { Line(AtomicU64::new(0)) }; CPUS],
        }
    }

    /// Takes `count`, or nothing and ENOSPC.
    pub fn take(&self, count: u64) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let stock = mine(&self.stocks);
        if change(stock, |has| has.checked_sub(count)) {
            return Ok(());
        }
        if self.take_common(count.saturating_add(BATCH)) {
            stock.fetch_add(BATCH, Ordering::Relaxed);
            return Ok(());
        }
        if self.take_common(count) {
            return Ok(());
        }
        // What other CPUs have in stock is enough, perhaps.
        self.empty_stocks();
        if self.take_common(count) {
            Ok(())
        } else {
            Err(Error::ENOSPC)
        }
    }

    fn empty_stocks(&self) {
        for Line(stock) in &self.stocks {
            let had = stock.swap(0, Ordering::Relaxed);
            self.taken.fetch_sub(had, Ordering::Relaxed);
        }
    }

    /// Takes from what no CPU has.
    fn take_common(&self, count: u64) -> bool {
        let limit = self.limit();
        change(&self.taken, |taken| {
            taken.checked_add(count).filter(|&sum| sum <= limit)
        })
    }

    /// Gives `count` back.
    pub fn give(&self, count: u64) {
        if count == 0 {
            return;
        }
        let stock = mine(&self.stocks);
        let has = stock.fetch_add(count, Ordering::Relaxed) + count;
        let surplus = has.saturating_sub(BATCH);
        if has > 2 * BATCH && change(stock, |has| has.checked_sub(surplus)) {
            self.taken.fetch_sub(surplus, Ordering::Relaxed);
        }
    }

    /// Total.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }
    /// Another total.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
        self.empty_stocks();
    }
    /// In use.
    pub fn used(&self) -> u64 {
        let stocks = self.stocks.iter();
        let unused: u64 = stocks
            .map(|Line(stock)| stock.load(Ordering::Relaxed))
            .sum();
        self.taken.load(Ordering::Relaxed).saturating_sub(unused)
    }
    /// Left.
    pub fn free(&self) -> u64 {
        self.limit().saturating_sub(self.used())
    }
}

/// Changes a word if `new` has something for what it is; whether it had.
fn change(word: &AtomicU64, new: impl FnMut(u64) -> Option<u64>) -> bool {
    word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, new)
        .is_ok()
}

/// Numbers that are given out once each. A CPU takes [`ROW`] of them at a time.
#[derive(Debug)]
pub struct Numbers {
    /// The next row.
    row: AtomicU64,
    /// The next number of each CPU; a multiple of [`ROW`] if it needs a row.
    next: Lines,
}

impl Numbers {
    /// Gives out numbers from [`ROW`] on.
    pub const fn new() -> Self {
        Self {
            row: AtomicU64::new(ROW),
            next: [const { Line(AtomicU64::new(0)) }; CPUS],
        }
    }

    /// A number that nobody had before.
    pub fn take(&self) -> u64 {
        let next = mine(&self.next);
        let mut seen = next.load(Ordering::Relaxed);
        loop {
            let number = if seen.is_multiple_of(ROW) {
                self.row.fetch_add(ROW, Ordering::Relaxed)
            } else {
                seen
            };
            // If another thread comes first, a row that was taken is lost.
            match next.compare_exchange(seen, number + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return number,
                Err(now) => seen = now,
            }
        }
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self::new()
    }
}

/// What a file system is made of.
pub struct Resources {
    /// The memory server.
    pub store: Box<dyn PageStore>,
    /// Pages of data.
    pub pages: Quota,
    /// Files and directories.
    pub nodes: Quota,
}

impl Resources {
    /// What contents are made with.
    pub fn medium(&self) -> Medium<'_> {
        Medium {
            store: &*self.store,
            pages: &self.pages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_in_stocks() {
        let quota = Quota::new(100);
        quota.take(1).unwrap();
        // What is in another CPU's stock counts as free, and can be had.
        quota.stocks[CPUS - 1].0.store(20, Ordering::Relaxed);
        quota.taken.fetch_add(20, Ordering::Relaxed);
        assert_eq!((quota.used(), quota.free()), (1, 99));
        (0..99).for_each(|_| quota.take(1).unwrap());
        assert_eq!(quota.take(1), Err(Error::ENOSPC));
        assert_eq!((quota.used(), quota.free()), (100, 0));
        (0..100).for_each(|_| quota.give(1));
        assert_eq!(quota.used(), 0);
        assert!(quota.taken.load(Ordering::Relaxed) <= 2 * BATCH);
        assert_eq!(quota.take(101), Err(Error::ENOSPC));
        quota.take(100).unwrap();
        assert_eq!(quota.used(), 100);
    }

    #[test]
    fn numbers_are_given_out_once() {
        let numbers = Numbers::new();
        let all = std::sync::Mutex::new(std::collections::BTreeSet::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let number = numbers.take();
                        assert!(number >= ROW);
                        assert!(all.lock().unwrap().insert(number), "{number} twice");
                    }
                });
            }
        });
        assert_eq!(all.into_inner().unwrap().len(), 4000);
    }
}
