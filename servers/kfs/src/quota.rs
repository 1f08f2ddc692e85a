//! How much KFS may hold. Memory is its only medium, so both pages and nodes are limited: a client that fills the disk
//! gets ENOSPC while the machine still works.

use crate::contents::Medium;
use crate::ports::PageStore;
use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_ipc::{Error, Result};

/// Bytes of a page.
pub const PAGE: u64 = k42_abi::layout::PAGE_SIZE as u64;

/// A number of things, some of them used.
#[derive(Debug)]
pub struct Quota {
    limit: AtomicU64,
    used: AtomicU64,
}

impl Quota {
    /// None used of `limit`.
    pub const fn new(limit: u64) -> Self {
        Self {
            limit: AtomicU64::new(limit),
            used: AtomicU64::new(0),
        }
    }
    /// Takes `count`, or nothing and ENOSPC.
    pub fn take(&self, count: u64) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let limit = self.limit();
        let more = |used: u64| used.checked_add(count).filter(|&sum| sum <= limit);
        match self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::ENOSPC),
        }
    }
    /// Gives `count` back.
    pub fn give(&self, count: u64) {
        if count != 0 {
            self.used.fetch_sub(count, Ordering::Relaxed);
        }
    }
    /// Total.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }
    /// Another total.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }
    /// In use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
    /// Left.
    pub fn free(&self) -> u64 {
        self.limit().saturating_sub(self.used())
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
