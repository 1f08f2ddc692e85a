//! Handles on FCMs: which object a process may map, and what its owner may do with it.
//!
//! The table belongs to the space, is found by its lock, and is shared with a forked child until one of the two changes
//! it.

use crate::fcm::Object;
use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_abi::{Error, Handle, Result};
use k42_api::memory::MapOptions;

/// Most handles of an ordinary process.
pub const QUOTA: usize = 16384;
/// Most handles of a server: one for each file that has a page cache.
pub const SERVER_QUOTA: usize = 1 << 20;

/// What a handle gives.
#[derive(Clone)]
pub struct Grant {
    /// The FCM.
    pub object: Arc<Object>,
    /// Access that its mappings may have.
    pub access: MapOptions,
    /// Made the object: may resize, fill and punch it, and grant it to others.
    pub is_owner: bool,
}

#[derive(Clone)]
struct Slot {
    sequence: u32,
    grant: Option<Grant>,
}

/// One process's handles. Slot 0 stands for the server's root object.
#[derive(Clone, Default)]
pub struct Handles {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Handles {
    /// A handle on `grant`. EMFILE beyond `quota`.
    pub fn insert(&mut self, grant: Grant, quota: usize) -> Result<Handle> {
        if let Some(at) = self.free.pop() {
            let slot = self.slots.get_mut(at as usize).ok_or(Error::BAD_HANDLE)?;
            slot.grant = Some(grant);
            return Ok(Handle::new(at + 1, slot.sequence));
        }
        if self.slots.len() >= quota {
            return Err(Error::EMFILE);
        }
        self.slots.push(Slot {
            sequence: 1,
            grant: Some(grant),
        });
        Ok(Handle::new(self.slots.len() as u32, 1))
    }

    /// What a handle gives.
    pub fn get(&self, handle: Handle) -> Result<&Grant> {
        let slot = (handle.slot() as usize)
            .checked_sub(1)
            .and_then(|at| self.slots.get(at));
        slot.filter(|slot| slot.sequence == handle.sequence())
            .and_then(|slot| slot.grant.as_ref())
            .ok_or(Error::BAD_HANDLE)
    }

    /// Takes a handle away.
    pub fn remove(&mut self, handle: Handle) -> Result<Grant> {
        self.get(handle)?;
        let at = handle.slot() - 1;
        let slot = self.slots.get_mut(at as usize).ok_or(Error::BAD_HANDLE)?;
        // The old handle stays dead; zero is skipped, so that no handle but the root's is all zero.
        slot.sequence = slot.sequence.wrapping_add(1).max(1);
        let grant = slot.grant.take().ok_or(Error::BAD_HANDLE)?;
        self.free.push(at);
        Ok(grant)
    }
}
