//! Handle tables: what a server has given to each of its client processes.
//!
//! A handle is valid only for the process that it was given to, so there is one table per client, and
//! the tables of different clients have nothing in common: no lock, no counter, no list. The caller's
//! process index finds its table through two levels of pointers that are written once.
//!
//! After a fork the child has the same handles. Both processes then share one table, which is copied
//! when one of them changes it, and then only the chunk that it changes: most forks are followed by an exec
//! or an exit, which want nothing but a look or two.

use crate::{Error, Handle, Incoming, ProcessId, Reply, Result, counted};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, Ordering};
use k42_sched::Mutex;

/// An object that clients can call. `Any`, so that a server can get its own type back from a table.
pub trait Exported: core::any::Any + Send + Sync {
    /// Answers a call. The rights of the handle are in `incoming.caller`.
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply;
}

/// Entries in a chunk; one bit each in a word.
const CHUNK: usize = 64;
/// Processes per block, and blocks.
const BLOCK: usize = 256;

#[derive(Clone)]
struct Entry {
    rights: u32,
    object: Arc<dyn Exported>,
}

/// What the tables of processes share after a fork, until one of them changes it.
trait Shared: Sized {
    /// A copy for the one that changes. ENOMEM.
    fn copy(&self) -> Result<Arc<Self>>;
}

/// Makes what `shared` holds its own, to be changed. ENOMEM.
#[inline(always)]
fn own<T: Shared>(shared: &mut Arc<T>) -> Result<&mut T> {
    if Arc::strong_count(shared) != 1 {
        *shared = shared.copy()?;
    }
    // There are no weak references, and nobody else can have come by one of this kind meanwhile.
    Arc::get_mut(shared).ok_or(Error::ENOMEM)
}

/// Sixty-four slots. Sequence numbers stay when an entry goes, so that its old handle stays dead.
#[derive(Clone)]
struct Chunk {
    used: u64,
    sequences: [u32; CHUNK],
    entries: [Option<Entry>; CHUNK],
}

impl Chunk {
    #[cold]
    #[inline(never)]
    fn new(used: u64) -> Result<Arc<Self>> {
        counted(|| Self {
            used,
            sequences: [1; CHUNK],
            entries: [const { None }; CHUNK],
        })
    }
}

impl Shared for Chunk {
    #[cold]
    #[inline(never)]
    fn copy(&self) -> Result<Arc<Self>> {
        counted(|| self.clone())
    }
}

/// One process's handles. Slot 0 is never used: it stands for the server's root object. On lines of its own, since the
/// tables of processes that run elsewhere are made by the same CPU.
#[derive(Default)]
#[repr(align(128))]
struct Table {
    chunks: Vec<Arc<Chunk>>,
    count: usize,
    /// No chunk before this one has a free slot.
    first_free: usize,
}

impl Shared for Table {
    #[cold]
    #[inline(never)]
    fn copy(&self) -> Result<Arc<Self>> {
        let mut chunks = Vec::new();
        chunks
            .try_reserve_exact(self.chunks.len())
            .map_err(|_| Error::ENOMEM)?;
        chunks.extend(self.chunks.iter().cloned());
        counted(|| Self { chunks, ..*self })
    }
}

impl Table {
    fn entry(&self, handle: Handle) -> Result<&Entry> {
        let slot = handle.slot() as usize;
        let chunk = self.chunks.get(slot / CHUNK).ok_or(Error::BAD_HANDLE)?;
        let at = slot % CHUNK;
        match &chunk.entries[at] {
            Some(entry) if chunk.sequences[at] == handle.sequence() => Ok(entry),
            _ => Err(Error::BAD_HANDLE),
        }
    }

    /// Takes `entry`; if that fails it stays where it is.
    #[inline(always)]
    fn insert(&mut self, entry: &mut Option<Entry>) -> Result<Handle> {
        let mut number = self.first_free;
        while self
            .chunks
            .get(number)
            .is_some_and(|chunk| chunk.used == u64::MAX)
        {
            number += 1;
        }
        if number == self.chunks.len() {
            self.chunks.try_reserve(1).map_err(|_| Error::ENOMEM)?;
            // Slot 0 of the whole table is the root object's.
            self.chunks.push(Chunk::new(u64::from(number == 0))?);
        }
        self.first_free = number;
        let chunk = own(&mut self.chunks[number])?;
        let at = chunk.used.trailing_ones() as usize;
        let slot = u32::try_from(number * CHUNK + at).map_err(|_| Error::ENFILE)?;
        chunk.used |= 1 << at;
        chunk.entries[at] = entry.take();
        self.count += 1;
        Ok(Handle::new(slot, chunk.sequences[at]))
    }

    #[inline(always)]
    fn remove(&mut self, handle: Handle) -> Result<Entry> {
        self.entry(handle)?;
        let slot = handle.slot() as usize;
        let (number, at) = (slot / CHUNK, slot % CHUNK);
        let chunk = own(&mut self.chunks[number])?;
        let entry = chunk.entries[at].take().ok_or(Error::BAD_HANDLE)?;
        chunk.used &= !(1 << at);
        // A sequence of zero is skipped, so that no handle but the root's is all zero.
        chunk.sequences[at] = chunk.sequences[at].wrapping_add(1).max(1);
        self.count -= 1;
        self.first_free = self.first_free.min(number);
        Ok(entry)
    }
}

/// A table for a process's first handle.
#[cold]
#[inline(never)]
fn new_table() -> Result<Arc<Table>> {
    counted(Table::default)
}

/// What is kept at one process index.
#[derive(Default)]
struct Client {
    /// The process that the table is for; an index is used again with another generation.
    process: Option<ProcessId>,
    /// Nothing until the first handle.
    table: Option<Arc<Table>>,
}

impl Client {
    const EMPTY: Self = Self {
        process: None,
        table: None,
    };

    /// The table, if this is `process`.
    fn of(&self, process: ProcessId) -> Option<&Arc<Table>> {
        if self.process == Some(process) {
            self.table.as_ref()
        } else {
            None
        }
    }
}

/// One process's place, on a cache line of its own: calls of processes with neighbouring indices run on different CPUs.
#[repr(align(128))]
struct Place(Mutex<Client>);

/// [`BLOCK`] places. A slice, since an array would first be made on the stack, which is too small for it.
type Block = [Place];

/// The handle tables of a server, one per client process.
pub struct ClientTables {
    /// The first place of each block, null until it is needed.
    blocks: [AtomicPtr<Place>; BLOCK],
    quota: usize,
}

impl ClientTables {
    /// No clients yet; each may have at most `quota` handles.
    pub const fn new(quota: usize) -> Self {
        Self {
            blocks: [const { AtomicPtr::new(core::ptr::null_mut()) }; BLOCK],
            quota,
        }
    }

    /// Gives `process` a handle on `object`. EMFILE: it has as many as it may have.
    pub fn insert(
        &self,
        process: ProcessId,
        object: Arc<dyn Exported>,
        rights: u32,
    ) -> Result<Handle> {
        let mut old = None;
        let mut entry = Some(Entry { rights, object });
        let mut client = self.client_or_new(process)?.lock();
        if client.process != Some(process) {
            // The index was another process's, whose end we have not been told of.
            old = Some(core::mem::take(&mut *client));
            client.process = Some(process);
        }
        let result = self.insert_into(&mut client.table, &mut entry);
        // Objects end outside the lock: their end may call this table again.
        drop(client);
        drop(old);
        drop(entry);
        result
    }

    #[inline]
    fn insert_into(
        &self,
        table: &mut Option<Arc<Table>>,
        entry: &mut Option<Entry>,
    ) -> Result<Handle> {
        let table = match table {
            Some(table) => table,
            none => none.insert(new_table()?),
        };
        if table.count >= self.quota {
            return Err(Error::EMFILE);
        }
        own(table)?.insert(entry)
    }

    /// The object behind a handle of `caller`, and the rights that the handle carries.
    pub fn lookup(&self, caller: ProcessId, handle: Handle) -> Result<(Arc<dyn Exported>, u32)> {
        let client = self.client(caller)?.lock();
        let entry = client.of(caller).ok_or(Error::BAD_HANDLE)?.entry(handle)?;
        Ok((entry.object.clone(), entry.rights))
    }

    /// Takes a handle away; the object that it named.
    pub fn remove(&self, caller: ProcessId, handle: Handle) -> Result<Arc<dyn Exported>> {
        let mut client = self.client(caller)?.lock();
        // Looked at first: a bad handle must not cost a copy of a shared table.
        client.of(caller).ok_or(Error::BAD_HANDLE)?.entry(handle)?;
        let removed = match &mut client.table {
            Some(table) => own(table).and_then(|table| table.remove(handle)),
            None => Err(Error::BAD_HANDLE),
        };
        drop(client);
        Ok(removed?.object)
    }

    /// The child gets the parent's handles, with the same values. Costs the same however many there are.
    pub fn fork(&self, parent: ProcessId, child: ProcessId) -> Result<()> {
        let table = self.table_of(parent);
        let new = Client {
            process: Some(child),
            table,
        };
        let old = core::mem::replace(&mut *self.client_or_new(child)?.lock(), new);
        drop(old);
        Ok(())
    }

    /// `process` has ended: all its handles go.
    pub fn end(&self, process: ProcessId) {
        let Ok(client) = self.client(process) else {
            return;
        };
        let mut client = client.lock();
        let old = (client.process == Some(process)).then(|| core::mem::take(&mut *client));
        drop(client);
        drop(old);
    }

    /// How many handles `process` has.
    pub fn count(&self, process: ProcessId) -> usize {
        self.table_of(process).map_or(0, |table| table.count)
    }

    /// Calls `visit` with every handle of `process`; without the lock, on the table as it is now.
    pub fn for_each(
        &self,
        process: ProcessId,
        mut visit: impl FnMut(Handle, &Arc<dyn Exported>, u32),
    ) {
        let Some(table) = self.table_of(process) else {
            return;
        };
        for (number, chunk) in table.chunks.iter().enumerate() {
            for (at, entry) in chunk.entries.iter().enumerate() {
                if let Some(entry) = entry {
                    visit(
                        Handle::new((number * CHUNK + at) as u32, chunk.sequences[at]),
                        &entry.object,
                        entry.rights,
                    );
                }
            }
        }
    }

    /// The table of `process` as it is now.
    fn table_of(&self, process: ProcessId) -> Option<Arc<Table>> {
        self.client(process).ok()?.lock().of(process).cloned()
    }

    #[inline]
    fn client(&self, process: ProcessId) -> Result<&Mutex<Client>> {
        let block = self.blocks[process.index() / BLOCK].load(Ordering::Acquire);
        if block.is_null() {
            return Err(Error::BAD_HANDLE);
        }
        // SAFETY: a block is published whole, has so many places, and lives as long as the tables.
        let place = unsafe { &*block.add(process.index() % BLOCK) };
        Ok(&place.0)
    }

    #[inline]
    fn client_or_new(&self, process: ProcessId) -> Result<&Mutex<Client>> {
        match self.client(process) {
            Ok(client) => Ok(client),
            Err(_) => self.client_in_new_block(process),
        }
    }

    #[cold]
    fn client_in_new_block(&self, process: ProcessId) -> Result<&Mutex<Client>> {
        let mut places = Vec::new();
        places.try_reserve_exact(BLOCK).map_err(|_| Error::ENOMEM)?;
        places.resize_with(BLOCK, || Place(Mutex::new(Client::EMPTY)));
        let new = Box::into_raw(places.into_boxed_slice());
        let published = self.blocks[process.index() / BLOCK].compare_exchange(
            core::ptr::null_mut(),
            new.cast(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if published.is_err() {
            // SAFETY: ours alone, since it was not published: another thread came first.
            drop(unsafe { Box::from_raw(new) });
        }
        self.client(process)
    }
}

impl Drop for ClientTables {
    fn drop(&mut self) {
        for block in &mut self.blocks {
            let first = *block.get_mut();
            if !first.is_null() {
                let block: *mut Block = core::ptr::slice_from_raw_parts_mut(first, BLOCK);
                // SAFETY: made by `client_in_new_block`, and nobody can use it any more.
                drop(unsafe { Box::from_raw(block) });
            }
        }
    }
}
