//! The data of a regular file. Two implementations: [`Small`], bytes in this server's heap, for the many files that
//! nobody maps; and [`Mapped`](crate::mapped::Mapped), an object of the memory server, for large files and for those
//! that programs map. A file starts small and changes over when it grows or is mapped.

use crate::ports::PageStore;
use crate::quota::Quota;
use alloc::vec::Vec;
use k42_ipc::{Error, Handle, ProcessId, Result};

pub use k42_api::files::LENGTH_MAX as SIZE_MAX;

/// What contents are made with.
#[derive(Clone, Copy)]
pub struct Medium<'a> {
    /// The memory server.
    pub store: &'a dyn PageStore,
    /// Pages of this file system.
    pub pages: &'a Quota,
}

/// Why an implementation cannot do what is asked.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Refusal {
    /// It fails.
    Error(Error),
    /// This implementation is not made for it: the file changes over to a mapped one and tries again.
    Outgrown,
    /// The data is now in another object.
    Moved,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Error(error)
    }
}

/// What contents answer.
pub type Answer<T> = core::result::Result<T, Refusal>;

/// One implementation of a file's data. The file's lock is held: shared for `&self`, alone for `&mut self`.
pub trait Contents: Send + Sync + 'static {
    /// Length in bytes.
    fn size(&self) -> u64;
    /// Whether `read` of that range must be preceded by `prepare`.
    fn needs_preparation(&self, _offset: u64, _length: usize) -> bool {
        false
    }
    /// Makes a range readable.
    fn prepare(&mut self, _medium: Medium<'_>, _offset: u64, _length: usize) -> Result<()> {
        Ok(())
    }
    /// Copies from `offset`, at most to the end; how many bytes.
    fn read(&self, offset: u64, to: &mut [u8]) -> usize;
    /// Writes all of `data`, or as much as there is room for; ENOSPC if that is nothing.
    fn write(&mut self, medium: Medium<'_>, offset: u64, data: &[u8]) -> Answer<usize>;
    /// Another length.
    fn resize(&mut self, medium: Medium<'_>, size: u64) -> Answer<()>;
    /// Pages used.
    fn pages(&self, medium: Medium<'_>) -> u64;
    /// The first offset from `from` on (below the size) where data, or a hole, begins; the size if there is none.
    fn next(&self, from: u64, hole: bool) -> u64;
    /// Makes a range within the size read as zero, giving its pages back.
    fn punch(&mut self, medium: Medium<'_>, offset: u64, length: u64) -> Answer<()>;
    /// Takes the pages for a range now (which may lie beyond the size).
    fn allocate(&mut self, medium: Medium<'_>, offset: u64, length: u64) -> Answer<()>;
    /// Nobody writes any more: gives back what was taken ahead of need.
    fn trim(&mut self, _medium: Medium<'_>) {}
    /// A handle for `process` to map the data; `name` is the file's path at present.
    fn grant(
        &mut self,
        medium: Medium<'_>,
        process: ProcessId,
        options: u32,
        name: &[u8],
    ) -> Answer<Handle>;
    /// A handle for `process`'s library, which keeps within the length of the file by itself: the object may be longer.
    fn lend(&mut self, medium: Medium<'_>, process: ProcessId, options: u32) -> Answer<Handle>;
    /// Whether clients have been given the data to map, so that it must stay in the object it is in.
    fn is_shared(&self) -> bool {
        false
    }
    /// The end of the contents.
    fn destroy(&mut self, medium: Medium<'_>);
}

/// Most bytes that stay in the heap.
pub const SMALL_MAX: u64 = 2048;

/// A few bytes in the heap.
#[derive(Debug, Default)]
pub struct Small {
    bytes: Vec<u8>,
}

impl Small {
    /// An empty file.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn grow(&mut self, medium: Medium<'_>, size: u64) -> Answer<()> {
        if size > SMALL_MAX {
            return Err(Refusal::Outgrown);
        }
        let more = (size as usize).saturating_sub(self.bytes.len());
        let full = Refusal::Error(Error::ENOSPC);
        if self.bytes.is_empty() && more > 0 {
            medium.pages.take(1)?;
        }
        if self.bytes.try_reserve(more).is_err() {
            if self.bytes.is_empty() {
                medium.pages.give(1);
            }
            return Err(full);
        }
        self.bytes.resize(self.bytes.len() + more, 0);
        Ok(())
    }
}

impl Contents for Small {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, offset: u64, to: &mut [u8]) -> usize {
        let from = self
            .bytes
            .get(offset.min(self.size()) as usize..)
            .unwrap_or_default();
        let length = from.len().min(to.len());
        to[..length].copy_from_slice(&from[..length]);
        length
    }

    fn write(&mut self, medium: Medium<'_>, offset: u64, data: &[u8]) -> Answer<usize> {
        let end = offset.checked_add(data.len() as u64).ok_or(Error::EFBIG)?;
        self.grow(medium, end)?;
        self.bytes[offset as usize..end as usize].copy_from_slice(data);
        Ok(data.len())
    }

    fn resize(&mut self, medium: Medium<'_>, size: u64) -> Answer<()> {
        if size < self.size() {
            self.bytes.truncate(size as usize);
            if size == 0 {
                self.bytes = Vec::new();
                medium.pages.give(1);
            }
            return Ok(());
        }
        self.grow(medium, size)
    }

    fn pages(&self, _: Medium<'_>) -> u64 {
        !self.bytes.is_empty() as u64
    }

    fn next(&self, from: u64, hole: bool) -> u64 {
        if hole { self.size() } else { from }
    }

    fn punch(&mut self, _: Medium<'_>, offset: u64, length: u64) -> Answer<()> {
        let start = offset.min(self.size()) as usize;
        let end = offset.saturating_add(length).min(self.size()) as usize;
        self.bytes[start..end].fill(0);
        Ok(())
    }

    fn allocate(&mut self, _: Medium<'_>, offset: u64, length: u64) -> Answer<()> {
        if offset.saturating_add(length) > self.size() {
            Err(Refusal::Outgrown)
        } else {
            Ok(())
        }
    }

    fn grant(&mut self, _: Medium<'_>, _: ProcessId, _: u32, _: &[u8]) -> Answer<Handle> {
        Err(Refusal::Outgrown)
    }

    fn lend(&mut self, _: Medium<'_>, _: ProcessId, _: u32) -> Answer<Handle> {
        Err(Refusal::Outgrown)
    }

    fn destroy(&mut self, medium: Medium<'_>) {
        medium.pages.give(self.pages(medium));
        self.bytes = Vec::new();
    }
}
