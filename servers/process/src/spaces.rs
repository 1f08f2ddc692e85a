//! From a caller's kernel process to its record: the first step of every call.
//!
//! Indexed by the process's place in the kernel's table, a slot per cache line, so that calls of different processes touch
//! nothing in common. The generation in the id tells an old process from a new one in the same place.

use crate::record::ProcessRef;
use alloc::boxed::Box;
use k42_ipc::{Error, ProcessId, Result};
use k42_sched::Mutex;
use k42_sync::Once;

const CHUNK: usize = 256;
const CHUNKS: usize = 256;

#[repr(align(64))]
struct Slot(Mutex<Option<(ProcessId, ProcessRef)>>);

/// All processes by their address space.
pub struct Spaces(Box<[Once<Box<[Slot]>>]>);

impl Default for Spaces {
    fn default() -> Self {
        Self((0..CHUNKS).map(|_| Once::new()).collect())
    }
}

impl Spaces {
    fn slot(&self, process: ProcessId) -> &Slot {
        let index = process.index();
        let chunk = self.0[index / CHUNK]
            .call_once(|| (0..CHUNK).map(|_| Slot(Mutex::new(None))).collect());
        &chunk[index % CHUNK]
    }

    /// The record of `process`. ESRCH for whom is no Linux process.
    #[inline]
    pub fn get(&self, process: ProcessId) -> Result<ProcessRef> {
        if process.index() < ProcessId::FIRST_DYNAMIC_INDEX as usize {
            return Err(Error::ESRCH);
        }
        match *self.slot(process).0.lock() {
            Some((id, record)) if id == process => Ok(record),
            _ => Err(Error::ESRCH),
        }
    }

    /// `process` is `record` from now on.
    pub fn set(&self, process: ProcessId, record: ProcessRef) {
        *self.slot(process).0.lock() = Some((process, record));
    }

    /// `process` has ended.
    pub fn clear(&self, process: ProcessId) {
        let mut slot = self.slot(process).0.lock();
        if slot.is_some_and(|(id, _)| id == process) {
            *slot = None;
        }
    }
}
