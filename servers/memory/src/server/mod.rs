//! The server's root object: the interface [`Memory`], and page faults.
//!
//! Here it is decided who may ask what; the work is done by spaces and FCMs.

mod boot;
mod memory;
mod page_fault;

pub use boot::{BootFacts, Loaded, SERVERS};

use crate::archive::Archive;
use crate::futex::Futexes;
use crate::image::Program;
use crate::lock::Lock;
use crate::machine::Machine;
use crate::roots;
use crate::space::{Region, Space};
use crate::spaces::Spaces;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use k42_abi::rights::KernelRights;
use k42_abi::{Error, ProcessId, Result};
use k42_ipc::Caller;

/// The memory server.
pub struct Server {
    core: Machine,
    spaces: Spaces,
    archive: Archive,
    /// What every Linux process has in its library area, and where the library begins to run.
    library: Lock<Library>,
    objects: AtomicU64,
    futexes: Futexes,
}

#[derive(Clone, Default)]
struct Library {
    regions: Vec<(u64, Region)>,
    entry: u64,
}

impl Server {
    /// A server over `core` without processes.
    pub fn new(core: Machine, archive: Archive) -> Self {
        let library = Lock::new(Library::default());
        Self {
            core,
            spaces: Spaces::default(),
            archive,
            library,
            objects: AtomicU64::new(0),
            futexes: Futexes::default(),
        }
    }

    /// Declares what every Linux process gets: `program` (linux-emu), and `extra` regions.
    pub fn set_library(&self, program: &Program, extra: Vec<(u64, Region)>) {
        let mut regions = extra;
        regions.extend(program.template(k42_api::memory::MapOptions::LIBRARY));
        *self.library.lock() = Library {
            regions,
            entry: program.entry,
        };
    }

    /// The space of a process.
    pub fn space(&self, process: ProcessId) -> Result<Arc<Space>> {
        self.spaces.find(process)
    }

    /// A process in the kernel with an empty space, not yet in the table.
    fn new_space(&self, rights: KernelRights, wanted: u32, is_server: bool) -> Result<Arc<Space>> {
        self.core.admit()?;
        let root = roots::allocate(self.core)?;
        let id = self
            .core
            .hat
            .space_create(root, rights, wanted)
            .inspect_err(|_| roots::release(self.core, root))?;
        Ok(Arc::new(Space::new(self.core, id, root, is_server)))
    }

    /// Enters a space whose making ended with `result`, or undoes it.
    fn finish(&self, space: Arc<Space>, result: Result<()>) -> Result<ProcessId> {
        let id = space.id;
        match result.and_then(|()| self.spaces.insert(space.clone())) {
            Ok(()) => Ok(id),
            Err(error) => {
                let _ = space.destroy();
                Err(error)
            }
        }
    }

    /// The process server may; others get EPERM.
    fn only_process_server(caller: &Caller) -> Result<()> {
        if caller.process == ProcessId::PROCESS {
            Ok(())
        } else {
            Err(Error::EPERM)
        }
    }

    fn server_space(&self, caller: &Caller) -> Result<Arc<Space>> {
        let space = self.space(caller.process)?;
        if space.is_server {
            Ok(space)
        } else {
            Err(Error::EPERM)
        }
    }

    fn count_object(&self) {
        self.objects.fetch_add(1, Relaxed);
    }
}
