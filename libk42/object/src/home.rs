//! The objects whose references were given out on one CPU: an entry for each, and the list of free entries.
//!
//! An entry's `state` word is the truth about its object: sequence number, and whether the object is free, alive or
//! being destroyed. `root` is the object. `touched` says which CPUs have used it, so that destroying knows where to
//! wait. An entry is in at most one list, free or to be collected, and carries the link itself: destroying an object
//! takes no memory.

use core::ptr;

use alloc::boxed::Box;
use k42_sync::FairMutex;

use crate::Error;
use crate::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::id::Id;
use crate::memory::{self, Padded, try_chunk, try_slice};
use crate::root::Root;

/// Entries in a chunk.
const CHUNK: usize = if cfg!(loom) { 2 } else { 64 };

/// What an entry's object is doing; the lowest bits of the state word.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Life {
    /// No object.
    Free = 0,
    /// Can be called.
    Alive = 1,
    /// Answers `Deleted`; waits for its grace periods.
    Dying = 2,
}

fn state_word(seq: u32, life: Life) -> u64 {
    u64::from(seq) << 2 | life as u64
}

/// Values of `touched`: nobody; one CPU (its number plus one); several.
const NOBODY: u32 = 0;
const SEVERAL: u32 = u32::MAX;

/// One object's place.
pub(crate) struct Entry {
    state: AtomicU64,
    root: AtomicPtr<Box<dyn Root>>,
    touched: AtomicU32,
    /// The next entry of the list that this one is in: an id's word, or zero. Guarded by the list's lock.
    pub(crate) link: AtomicU64,
    /// The generation or round that this entry waits for. Guarded by the list's lock.
    pub(crate) until: AtomicU64,
}

impl Entry {
    fn new() -> Entry {
        Entry {
            state: AtomicU64::new(state_word(1, Life::Free)),
            root: AtomicPtr::new(ptr::null_mut()),
            touched: AtomicU32::new(NOBODY),
            link: AtomicU64::new(0),
            until: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(crate) fn is(&self, id: Id, life: Life) -> bool {
        self.state.load(Ordering::Acquire) == state_word(id.seq(), life)
    }

    /// From one state to another; false if the entry was not in the first.
    pub(crate) fn change(&self, id: Id, from: Life, to: Life) -> bool {
        let (from, to) = (state_word(id.seq(), from), state_word(id.seq(), to));
        self.state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Notes that `cpu` uses the object.
    pub(crate) fn touch(&self, cpu: usize) {
        let mine = cpu as u32 + 1;
        let mut now = self.touched.load(Ordering::Relaxed);
        while now != mine && now != SEVERAL {
            let new = if now == NOBODY { mine } else { SEVERAL };
            match self
                .touched
                .compare_exchange(now, new, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(other) => now = other,
            }
        }
    }

    /// Whether no CPU but `cpu` has used the object.
    pub(crate) fn touched_by_none_but(&self, cpu: usize) -> bool {
        let now = self.touched.load(Ordering::Relaxed);
        now == NOBODY || now == cpu as u32 + 1
    }

    /// The object.
    ///
    /// # Safety
    /// For as long as the result is used, the root is kept from being taken: by a guard under which
    /// [`touch`](Self::touch) was done and the entry was then seen alive, or because the caller is the one who
    /// destroys it.
    pub(crate) unsafe fn root(&self) -> Option<&dyn Root> {
        // SAFETY: the word is null or came from a box, which the caller keeps from being freed.
        unsafe { self.root.load(Ordering::Acquire).as_ref() }.map(|root| &**root)
    }

    /// Takes the object out.
    ///
    /// # Safety
    /// The grace periods of its destruction are over.
    pub(crate) unsafe fn take_root(&self) -> Option<Box<Box<dyn Root>>> {
        let root = self.root.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: if not null it came from a box, and nobody else has it: it was taken out by a swap, and by the
        // caller's promise nobody borrows it.
        (!root.is_null()).then(|| unsafe { Box::from_raw(root) })
    }
}

type Chunk = memory::Chunk<Entry, CHUNK>;

/// One CPU's partition of all references.
pub(crate) struct Home {
    cpu: usize,
    capacity: usize,
    chunks: Box<[AtomicPtr<Chunk>]>,
    live: AtomicUsize,
    free: Padded<FairMutex<FreeList>>,
}

struct FreeList {
    /// The first free entry's id, with the sequence number that it is to have; or zero.
    first: u64,
    /// Entries from here on have never been used.
    unused: usize,
}

impl Home {
    pub(crate) fn new(cpu: usize, capacity: usize) -> Result<Home, Error> {
        Ok(Home {
            cpu,
            capacity,
            chunks: try_slice(capacity.div_ceil(CHUNK), || AtomicPtr::new(ptr::null_mut()))?,
            live: AtomicUsize::new(0),
            free: Padded(FairMutex::new(FreeList {
                first: 0,
                unused: 0,
            })),
        })
    }

    /// The entry at an index, if it was ever used.
    pub(crate) fn entry(&self, index: usize) -> Option<&Entry> {
        let chunk = self.chunks.get(index / CHUNK)?.load(Ordering::Acquire);
        // SAFETY: a chunk that is in place is whole, and is not freed.
        let chunk = unsafe { chunk.as_ref() }?;
        Some(&chunk.0[index % CHUNK])
    }

    /// Objects that exist now, those included that are being destroyed.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Reserves an entry. The object gets in by [`publish`](Self::publish); otherwise [`release`](Self::release).
    pub(crate) fn reserve(&self) -> Result<Id, Error> {
        let mut free = self.free.lock();
        if let Some(id) = Id::from_word(free.first) {
            let entry = self.entry(id.index()).ok_or(Error::TableFull)?;
            free.first = entry.link.load(Ordering::Relaxed);
            self.live.fetch_add(1, Ordering::Relaxed);
            return Ok(id);
        }
        let index = free.unused;
        if index == self.capacity {
            return Err(Error::TableFull);
        }
        if self.entry(index).is_none() {
            let chunk = Box::into_raw(try_chunk(Entry::new)?);
            self.chunks[index / CHUNK].store(chunk, Ordering::Release);
        }
        free.unused += 1;
        self.live.fetch_add(1, Ordering::Relaxed);
        Id::new(self.cpu, index, 1).ok_or(Error::TableFull)
    }

    /// Lets `root` be reached under a reserved id.
    pub(crate) fn publish(&self, id: Id, root: Box<Box<dyn Root>>) {
        if let Some(entry) = self.entry(id.index()) {
            entry.touched.store(NOBODY, Ordering::Relaxed);
            entry.root.store(Box::into_raw(root), Ordering::Release);
            entry
                .state
                .store(state_word(id.seq(), Life::Alive), Ordering::Release);
        }
    }

    /// Gives an entry back whose object is gone, or that never got one. Its next object has the next sequence number;
    /// when the numbers are used up, the entry stays out of use.
    pub(crate) fn release(&self, id: Id) {
        let Some(entry) = self.entry(id.index()) else {
            return;
        };
        self.live.fetch_sub(1, Ordering::Relaxed);
        let seq = id.seq().wrapping_add(1);
        entry
            .state
            .store(state_word(seq, Life::Free), Ordering::Release);
        if let Some(next) = Id::new(self.cpu, id.index(), seq) {
            let mut free = self.free.lock();
            entry.link.store(free.first, Ordering::Relaxed);
            free.first = next.word();
        }
    }
}
