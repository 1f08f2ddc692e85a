//! The start: the other servers, and the template of Linux processes.

use super::Server;
use crate::fcm::Physical;
use crate::frames::Frame;
use crate::image::Program;
use crate::space::{PAGE, Region, Shape, Use};
use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_abi::boot::RealRange;
use k42_abi::layout::{EMU_IMAGE, KERNEL_INFO, SERVER_IMAGE, TRACE, VDSO};
use k42_abi::rights::{KernelRights, class};
use k42_abi::{Error, ProcessId, Result};
use k42_api::memory::MapOptions;
use k42_sched::trace::{User, events, text_words};

/// What the kernel has told about itself.
#[derive(Clone, Copy, Debug)]
pub struct BootFacts {
    /// Real address of the kernel information page.
    pub kernel_info: u64,
    /// The trace region.
    pub trace: RealRange,
    /// CPUs.
    pub cpus: u32,
}

/// A server that the archive starts.
pub struct Loaded {
    /// Its name in the archive.
    pub name: &'static str,
    /// Its well-known identifier.
    pub process: ProcessId,
    /// Its rights.
    pub rights: KernelRights,
}

/// Slots of a server's dispatcher, of each kind.
const SLOTS: u32 = 32;

/// The servers, in the order in which they are started.
pub const SERVERS: &[Loaded] = &[
    Loaded {
        name: "servers/process",
        process: ProcessId::PROCESS,
        rights: KernelRights::SEND
            .union(KernelRights::PROCESS)
            .union(KernelRights::SHUTDOWN)
            .union(KernelRights::TRACE),
    },
    Loaded {
        name: "servers/name",
        process: ProcessId::NAME,
        rights: KernelRights::SEND,
    },
    Loaded {
        name: "servers/kfs",
        process: ProcessId::KFS,
        rights: KernelRights::SEND,
    },
    Loaded {
        name: "servers/console",
        process: ProcessId::CONSOLE,
        rights: KernelRights::SEND
            .union(KernelRights::CONSOLE)
            .union(KernelRights::SHUTDOWN),
    },
];

impl Server {
    /// Pages of the kernel that every process sees.
    fn kernel_pages(&self, facts: &BootFacts) -> Vec<(u64, Region)> {
        let page = |start: u64, real: u64, bytes: u64, writable: bool| {
            let pages = bytes.div_ceil(PAGE);
            let rights = if writable {
                MapOptions::READ | MapOptions::WRITE
            } else {
                MapOptions::READ
            };
            let region = Region {
                end: start + pages * PAGE,
                options: rights | MapOptions::SHARED | MapOptions::LIBRARY,
                may: rights,
                purpose: Use::Pinned,
                fcm: Arc::new(Physical::new(self.core, Frame::at(real), pages, writable)),
                index: 0,
                attached: None,
                keeps: false,
            };
            (start, region)
        };
        let mut pages = Vec::from([page(KERNEL_INFO, facts.kernel_info, PAGE, false)]);
        if facts.trace.bytes > 0 {
            // Header and the kernel's buffers can be read, the programs' buffers written by all of them.
            let RealRange { start, bytes } = facts.trace;
            let split = k42_trace::Region::user_offset(facts.cpus as usize) as u64;
            pages.push(page(TRACE, start, split, false));
            pages.push(page(TRACE + split, start + split, bytes - split, true));
        }
        pages
    }

    /// Makes linux-emu's image the library of every Linux process.
    pub fn load_library(&self, facts: &BootFacts, file: &[u8]) -> Result<()> {
        let program = Program::load(self.core, file, EMU_IMAGE)?;
        let mut extra = self.kernel_pages(facts);
        if let Some(vdso) = &program.vdso {
            let region = Region {
                end: VDSO + vdso.count(0, u64::MAX).0 * PAGE,
                options: MapOptions::READ
                    | MapOptions::EXECUTE
                    | MapOptions::SHARED
                    | MapOptions::LIBRARY,
                may: MapOptions::READ | MapOptions::EXECUTE,
                purpose: Use::Pinned,
                fcm: vdso.clone(),
                index: 0,
                attached: None,
                keeps: false,
            };
            extra.push((VDSO, region));
        }
        self.set_library(&program, extra);
        Ok(())
    }

    /// Makes a server's process and starts its dispatchers, one on each CPU.
    pub fn load_server(&self, facts: &BootFacts, server: &Loaded, file: &[u8]) -> Result<()> {
        let program = Program::load(self.core, file, SERVER_IMAGE)?;
        let space = self.new_space(server.rights, server.process.index() as u32, true)?;
        let mut regions = self.kernel_pages(facts);
        regions.extend(program.sole());
        let shapes: Vec<Shape> = (0..facts.cpus)
            .map(|cpu| Shape {
                vp: cpu,
                cpu,
                client_slots: SLOTS,
                server_slots: SLOTS,
                class: class::SERVER,
            })
            .collect();
        let result = if space.id == server.process {
            Ok(())
        } else {
            Err(Error::EEXIST)
        };
        let result = result.and_then(|()| space.furnish(regions, &shapes, program.entry, true));
        let id = self.finish(space, result)?;
        let space = self.space(id)?;
        (0..facts.cpus).try_for_each(|vp| space.start_dispatcher(vp))
    }

    /// Loads everything that the archive has. The first failure ends it, with the name of what failed.
    pub fn load_all(&self, facts: &BootFacts) -> core::result::Result<(), (&'static str, Error)> {
        // SAFETY: no member is released before the servers run and ask for it, and none asks for a program.
        let library = unsafe { self.archive.bytes("linux-emu") };
        library
            .and_then(|file| self.load_library(facts, file))
            .map_err(|error| ("linux-emu", error))?;
        note_name(ProcessId::MEMORY, "memory");
        for server in SERVERS {
            // SAFETY: as above.
            let file = unsafe { self.archive.bytes(server.name) };
            file.and_then(|file| self.load_server(facts, server, file))
                .map_err(|error| (server.name, error))?;
            note_name(server.process, server.name);
        }
        Ok(())
    }
}

/// Tells a server's name to who reads the trace.
fn note_name(process: ProcessId, name: &str) {
    let [first, second] = text_words(name.trim_start_matches("servers/").as_bytes());
    events::sched::name::<User>(u64::from(process.0), first, second);
}

#[cfg(test)]
impl Server {
    /// A server's process without a program.
    pub fn bare_server(&self, process: ProcessId, rights: KernelRights) -> Result<ProcessId> {
        let space = self.new_space(rights, process.index() as u32, true)?;
        self.finish(space, Ok(()))
    }
}
