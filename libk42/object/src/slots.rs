//! One CPU's translation table: for every object a word that holds the representative to use here, or null.
//!
//! The table is made of chunks, and a chunk is made when the first of its objects is used on this CPU, so a CPU pays
//! for what it uses. Chunks hold objects of one home CPU and are never freed.

use core::ptr::{self, NonNull};

use alloc::boxed::Box;

use crate::Error;
use crate::atomic::{AtomicPtr, Ordering};
use crate::id::Id;
use crate::memory::{self, try_chunk, try_slice};
use crate::rep::RepHead;

/// Slots in a chunk.
pub(crate) const CHUNK: usize = if cfg!(loom) { 2 } else { 256 };

type Chunk = memory::Chunk<AtomicPtr<RepHead>, CHUNK>;

/// The slots of one CPU.
pub(crate) struct Slots {
    chunks_per_home: usize,
    /// By home CPU, then by chunk.
    chunks: Box<[AtomicPtr<Chunk>]>,
}

impl Slots {
    pub(crate) fn new(cpus: usize, refs_per_cpu: usize) -> Result<Slots, Error> {
        let chunks_per_home = refs_per_cpu.div_ceil(CHUNK);
        let chunks = try_slice(cpus * chunks_per_home, || AtomicPtr::new(ptr::null_mut()))?;
        Ok(Slots {
            chunks_per_home,
            chunks,
        })
    }

    #[inline(always)]
    fn chunk(&self, id: Id) -> Option<&AtomicPtr<Chunk>> {
        self.chunks
            .get(id.home() * self.chunks_per_home + id.index() / CHUNK)
    }

    #[inline(always)]
    fn slot(&self, id: Id) -> Option<&AtomicPtr<RepHead>> {
        let chunk = self.chunk(id)?.load(Ordering::Acquire);
        // SAFETY: a chunk that is in place is whole, and is not freed.
        let chunk = unsafe { chunk.as_ref() }?;
        Some(&chunk.0[id.index() % CHUNK])
    }

    /// What the slot of `id` holds. It may be a representative of another object that had the same index.
    #[inline(always)]
    pub(crate) fn get(&self, id: Id) -> Option<NonNull<RepHead>> {
        NonNull::new(self.slot(id)?.load(Ordering::Acquire))
    }

    /// Fills the slot of `id`. If there is no memory for the table, nothing is kept: the next call misses again.
    pub(crate) fn fill(&self, id: Id, rep: NonNull<RepHead>) {
        if self.slot(id).is_none() && self.add_chunk(id).is_err() {
            return;
        }
        if let Some(slot) = self.slot(id) {
            slot.store(rep.as_ptr(), Ordering::Release);
        }
    }

    #[cold]
    fn add_chunk(&self, id: Id) -> Result<(), Error> {
        let place = self.chunk(id).ok_or(Error::Deleted)?;
        let new = Box::into_raw(try_chunk(|| AtomicPtr::new(ptr::null_mut()))?);
        if place
            .compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Relaxed)
            .is_err()
        {
            // SAFETY: someone else was first, and nobody has seen ours.
            drop(unsafe { Box::from_raw(new) });
        }
        Ok(())
    }

    /// Empties the slot of `id`.
    pub(crate) fn clear(&self, id: Id) {
        if let Some(slot) = self.slot(id) {
            slot.store(ptr::null_mut(), Ordering::Relaxed);
        }
    }
}
