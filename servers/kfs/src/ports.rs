//! What KFS needs from its surroundings beyond `k42_fslib::ports`: page caches of the memory server, and the tables of
//! handles that it has given to clients. On K42 the program wires them to protected calls and to the runtime; the tests
//! supply their own.

use crate::open::OpenNode;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use k42_fslib::ports::{Clock, Notifier, Processes};
use k42_ipc::{Caller, ClientTables, Error, Handle, ProcessId, Result};

/// Page caches (FCMs) of the memory server, as the file server that owns them sees them.
pub trait PageStore: Send + Sync {
    /// A new object of that length, all zero.
    fn create(&self, bytes: u64, name: &[u8]) -> Result<Handle>;
    /// Maps `bytes` of it from `offset` into this server for reading and writing; the range may lie beyond the object's
    /// end. Only populated pages may be touched.
    fn map(&self, object: Handle, offset: u64, bytes: u64) -> Result<usize>;
    /// Undoes `map`.
    fn unmap(&self, address: usize, bytes: u64);
    /// Gives the object another length; pages beyond it go, and the rest of the last page reads as zero.
    fn resize(&self, object: Handle, bytes: u64) -> Result<()>;
    /// Makes sure that the pages of the range are there, and are mapped where they are in a range given to `map`.
    fn populate(&self, object: Handle, offset: u64, bytes: u64) -> Result<()>;
    /// Drops the pages that are wholly in the range.
    fn punch(&self, object: Handle, offset: u64, bytes: u64) -> Result<()>;
    /// A handle for `process` to map the object with; `options` and `name` as in `Memory::grant`.
    fn grant(
        &self,
        object: Handle,
        process: ProcessId,
        options: u32,
        name: &[u8],
    ) -> Result<Handle>;
    /// Pages that the object has.
    fn frames(&self, object: Handle) -> Result<u64>;
    /// Gives the object up; it lives on as long as somebody has it mapped.
    fn release(&self, object: Handle);
}

/// Handles that clients hold on open files: one table per client process.
pub struct Handles(pub ClientTables);

impl Handles {
    /// A new handle for `process`.
    pub fn insert(&self, process: ProcessId, file: Arc<OpenNode>) -> Result<Handle> {
        self.0.insert(process, file, u32::MAX)
    }
    /// What a handle of the caller stands for.
    pub fn get(&self, caller: &Caller, handle: Handle) -> Result<Arc<OpenNode>> {
        let (object, _) = self.0.lookup(caller.process, handle)?;
        let object: Arc<dyn Any + Send + Sync> = object;
        object.downcast().map_err(|_| Error::BAD_HANDLE)
    }
    /// Takes a handle of the caller away.
    pub fn remove(&self, caller: &Caller, handle: Handle) -> Result<()> {
        self.0.remove(caller.process, handle).map(drop)
    }
}

/// Everything together.
pub struct Ports {
    /// Handle tables.
    pub handles: &'static Handles,
    /// READY events.
    pub notifier: Box<dyn Notifier + Send>,
    /// Time.
    pub clock: Box<dyn Clock + Send>,
    /// Linux pids.
    pub processes: Box<dyn Processes + Send>,
    /// A random word, to key hash tables with.
    pub seed: u64,
}
