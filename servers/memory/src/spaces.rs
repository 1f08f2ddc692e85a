//! The table of address spaces, by process index: one small lock per entry, so that processes do not meet.

use crate::lock::Lock;
use crate::space::Space;
use alloc::boxed::Box;
use alloc::sync::Arc;
use k42_abi::{Error, ProcessId, Result};

/// Indices that the kernel may give out.
const MOST: usize = 4096;

/// A line of its own for each, since each call and each fault of a process takes the lock.
#[repr(align(128))]
struct Entry(Lock<Option<Arc<Space>>>);

/// All spaces.
pub struct Spaces {
    entries: Box<[Entry]>,
}

impl Default for Spaces {
    fn default() -> Self {
        Self {
            entries: (0..MOST).map(|_| Entry(Lock::new(None))).collect(),
        }
    }
}

impl Spaces {
    /// The space of a process. ESRCH if it has ended.
    pub fn find(&self, process: ProcessId) -> Result<Arc<Space>> {
        let entry = self
            .entries
            .get(process.index())
            .ok_or(Error::ESRCH)?
            .0
            .lock();
        entry
            .as_ref()
            .filter(|space| space.id == process)
            .cloned()
            .ok_or(Error::ESRCH)
    }

    /// Enters a new space.
    pub fn insert(&self, space: Arc<Space>) -> Result<()> {
        let entry = self.entries.get(space.id.index()).ok_or(Error::EAGAIN)?;
        let old = entry.0.lock().replace(space);
        drop(old);
        Ok(())
    }

    /// Takes a space out.
    pub fn remove(&self, process: ProcessId) -> Result<Arc<Space>> {
        let mut entry = self
            .entries
            .get(process.index())
            .ok_or(Error::ESRCH)?
            .0
            .lock();
        if entry.as_ref().is_some_and(|space| space.id == process) {
            entry.take().ok_or(Error::ESRCH)
        } else {
            Err(Error::ESRCH)
        }
    }

    /// Visits all spaces.
    pub fn each(&self, mut visit: impl FnMut(&Space)) {
        for entry in &self.entries {
            let space = entry.0.lock().clone();
            if let Some(space) = space {
                visit(&space);
            }
        }
    }
}
