//! The rig: memory in an array, the kernel's page tables as maps, processes that load and store through them.

use crate::archive::Archive;
use crate::frames::{Frame, FrameInfo, Frames, Kind};
use crate::hat::{Hat, NewDispatcher, Refused};
use crate::machine::{Core, Machine};
use crate::server::Server;
use crate::window::Window;
use k42_abi::boot::RealRange;
use k42_abi::map::{LARGE_PAGE, MapFlags, MapOperation};
use k42_abi::message::fault_access;
use k42_abi::rights::KernelRights;
use k42_abi::{Error, Handle, ProcessId, Result};
use k42_api::memory::MapOptions;
use k42_ipc::Caller;
use std::boxed::Box;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::vec::Vec;

pub const PAGE: u64 = 4096;
/// Frames below this are the kernel's.
pub const FIRST: u32 = 16;

#[derive(Default)]
struct Tables {
    root: u64,
    pages: BTreeMap<u64, (u64, MapFlags)>,
    /// Large pages by their addresses.
    large: BTreeMap<u64, (u64, MapFlags)>,
    tables: BTreeSet<(u32, u64)>,
    used: Vec<u64>,
    spare: Vec<u64>,
    dispatchers: Vec<(u32, bool)>,
}

#[derive(Default)]
struct Kernel {
    spaces: BTreeMap<u32, Tables>,
    tables: BTreeSet<u64>,
    ended: Vec<u64>,
    next: u32,
    generation: u32,
    sent: Vec<(ProcessId, u32, [u64; 2])>,
    ticks: u64,
}

/// The model kernel.
#[derive(Clone, Default)]
pub struct Model(Arc<Mutex<Kernel>>);

impl Model {
    /// Messages sent since the last look.
    pub fn sent(&self) -> Vec<(ProcessId, u32, [u64; 2])> {
        std::mem::take(&mut self.0.lock().unwrap().sent)
    }
    /// The space that the real kernel makes before the server runs.
    pub fn make_memory_server(&self) {
        self.0
            .lock()
            .unwrap()
            .spaces
            .insert(ProcessId::MEMORY.0, Tables::default());
    }
}

const SHIFTS: [u32; 3] = [39, 30, 21];

impl Tables {
    /// Makes the tables for `address` at the levels named, or says how many frames are missing.
    fn make_tables(&mut self, address: u64, shifts: &[u32]) -> core::result::Result<(), u64> {
        let missing: Vec<_> = shifts
            .iter()
            .map(|&shift| (shift, address >> shift))
            .filter(|table| !self.tables.contains(table))
            .collect();
        if missing.len() > self.spare.len() {
            return Err((missing.len() - self.spare.len()) as u64);
        }
        for table in missing {
            let frame = self.spare.pop().unwrap();
            self.used.push(frame);
            self.tables.insert(table);
        }
        Ok(())
    }

    /// Removes what is mapped in a range, tables that lie in it, and large pages that it touches.
    fn clear(&mut self, start: u64, end: u64) {
        self.pages.retain(|&at, _| at < start || at >= end);
        self.large
            .retain(|&at, _| at >= end || at + LARGE_PAGE <= start);
        let inside = |&&(shift, at): &&(u32, u64)| at << shift >= start && (at + 1) << shift <= end;
        let gone: Vec<_> = self.tables.iter().filter(inside).copied().collect();
        for table in gone {
            self.tables.remove(&table);
            let frame = self.used.pop().unwrap();
            self.spare.push(frame);
        }
    }

    /// All that is mapped, by small pages.
    fn each(&self, mut visit: impl FnMut(u64, MapFlags)) {
        self.pages.values().for_each(|page| visit(page.0, page.1));
        for (frame, flags) in self.large.values() {
            (0..LARGE_PAGE / PAGE).for_each(|i| visit(frame + i * PAGE, *flags));
        }
    }
}

impl Hat for Model {
    fn space_create(&self, root: u64, _: KernelRights, wanted: u32) -> Result<ProcessId> {
        let mut kernel = self.0.lock().unwrap();
        assert_eq!(root % 65536, 0);
        assert!(!kernel.tables.contains(&root));
        kernel.next = if wanted == 0 {
            (kernel.next + 1) % 1000
        } else {
            kernel.next
        };
        kernel.generation += 1;
        let index = if wanted == 0 {
            16 + kernel.next
        } else {
            wanted
        };
        let id = ProcessId::new(
            index as u16,
            if wanted == 0 {
                kernel.generation as u16
            } else {
                0
            },
        );
        let tables = Tables {
            root,
            ..Tables::default()
        };
        assert!(kernel.spaces.insert(id.0, tables).is_none());
        (0..16).for_each(|i| assert!(kernel.tables.insert(root + i * PAGE)));
        Ok(id)
    }
    fn space_destroy(&self, process: ProcessId) -> Result<u64> {
        let mut kernel = self.0.lock().unwrap();
        let tables = kernel.spaces.remove(&process.0).ok_or(Error::ESRCH)?;
        (0..16).for_each(|i| assert!(kernel.tables.remove(&(tables.root + i * PAGE))));
        kernel.ended.extend(tables.used);
        kernel.ended.extend(tables.spare);
        Ok(kernel.ended.len() as u64)
    }
    fn map(&self, process: ProcessId, operations: &[MapOperation]) -> (usize, Option<Refused>) {
        let mut kernel = self.0.lock().unwrap();
        for (done, operation) in operations.iter().enumerate() {
            let flags = MapFlags::from_bits(operation.flags).unwrap();
            if flags.contains(MapFlags::LARGE) {
                assert_eq!((operation.address | operation.frame) % LARGE_PAGE, 0);
                assert_eq!(operation.pages, 1);
                let Some(space) = kernel.spaces.get_mut(&process.0) else {
                    return (done, Some(Refused::Error(Error::ESRCH)));
                };
                if let Err(missing) = space.make_tables(operation.address, &SHIFTS[..2]) {
                    return (done, Some(Refused::Frames(missing)));
                }
                space.clear(operation.address, operation.address + LARGE_PAGE);
                space
                    .large
                    .insert(operation.address, (operation.frame, flags));
                continue;
            }
            for i in 0..operation.pages {
                let (address, frame) = (operation.address + i * PAGE, operation.frame + i * PAGE);
                assert_eq!((address | frame) % PAGE, 0);
                if kernel.tables.contains(&frame) {
                    return (done, Some(Refused::Error(Error::EPERM)));
                }
                let Some(space) = kernel.spaces.get_mut(&process.0) else {
                    return (done, Some(Refused::Error(Error::ESRCH)));
                };
                if let Err(missing) = space.make_tables(address, &SHIFTS) {
                    return (done, Some(Refused::Frames(missing)));
                }
                space.large.remove(&(address & !(LARGE_PAGE - 1)));
                space.pages.insert(address, (frame, flags));
            }
        }
        (operations.len(), None)
    }
    fn unmap(&self, process: ProcessId, address: u64, bytes: u64) -> Result<()> {
        let mut kernel = self.0.lock().unwrap();
        let space = kernel.spaces.get_mut(&process.0).ok_or(Error::ESRCH)?;
        space.clear(address, address + bytes);
        Ok(())
    }
    fn protect(&self, process: ProcessId, address: u64, bytes: u64, flags: u64) -> Result<()> {
        let mut kernel = self.0.lock().unwrap();
        let space = kernel.spaces.get_mut(&process.0).ok_or(Error::ESRCH)?;
        let (end, flags) = (address + bytes, MapFlags::from_bits(flags).unwrap());
        for (_, page) in space.pages.range_mut(address..end) {
            page.1 = flags;
        }
        space.large.retain(|&at, _| {
            at >= end || at + LARGE_PAGE <= address || (at >= address && at + LARGE_PAGE <= end)
        });
        for (_, page) in space.large.range_mut(address..end) {
            page.1 = flags;
        }
        Ok(())
    }
    fn donate(&self, process: ProcessId, frames: &[u64]) -> Result<()> {
        let mut kernel = self.0.lock().unwrap();
        frames
            .iter()
            .for_each(|&frame| assert!(kernel.tables.insert(frame)));
        kernel
            .spaces
            .get_mut(&process.0)
            .ok_or(Error::ESRCH)?
            .spare
            .extend(frames);
        Ok(())
    }
    fn reclaim(&self, process: ProcessId, frames: &mut [u64]) -> Result<usize> {
        let mut kernel = self.0.lock().unwrap();
        let mut count = 0;
        while count < frames.len() {
            let list = if process == ProcessId::NONE {
                &mut kernel.ended
            } else {
                &mut kernel.spaces.get_mut(&process.0).ok_or(Error::ESRCH)?.spare
            };
            let Some(frame) = list.pop() else { break };
            assert!(kernel.tables.remove(&frame));
            frames[count] = frame;
            count += 1;
        }
        Ok(count)
    }
    fn dispatcher_create(&self, new: &NewDispatcher) -> Result<()> {
        let mut kernel = self.0.lock().unwrap();
        let space = kernel.spaces.get_mut(&new.process.0).ok_or(Error::ESRCH)?;
        // Page and slots must be there for the process.
        assert_eq!(space.pages.get(&new.address).unwrap().0, new.area);
        space.dispatchers.push((new.vp, false));
        Ok(())
    }
    fn dispatcher_start(&self, process: ProcessId, vp: u32) -> Result<()> {
        let mut kernel = self.0.lock().unwrap();
        let space = kernel.spaces.get_mut(&process.0).ok_or(Error::ESRCH)?;
        let dispatcher = space
            .dispatchers
            .iter_mut()
            .find(|d| d.0 == vp)
            .ok_or(Error::ESRCH)?;
        assert!(!std::mem::replace(&mut dispatcher.1, true));
        Ok(())
    }
    fn ticks(&self) -> u64 {
        let mut kernel = self.0.lock().unwrap();
        kernel.ticks += 1;
        kernel.ticks
    }
    fn send(&self, process: ProcessId, vp: u32, words: [u64; 2]) -> Result<()> {
        let mut kernel = self.0.lock().unwrap();
        if !kernel.spaces.contains_key(&process.0) {
            return Err(Error::ESRCH);
        }
        kernel.sent.push((process, vp, words));
        Ok(())
    }
}

/// Machine, kernel model and server.
pub struct Rig {
    pub core: Machine,
    pub model: Model,
    pub server: Server,
    start: u64,
}

/// Memory of `pages` frames, the first [`FIRST`] of them the kernel's.
pub fn machine(pages: usize) -> (Machine, Model) {
    let memory = vec![0x5au8; (pages + 1) * PAGE as usize].leak();
    let shift = memory.as_ptr().align_offset(PAGE as usize);
    let info: &'static [FrameInfo] = Vec::leak((0..pages).map(|_| FrameInfo::default()).collect());
    // SAFETY: the memory is leaked and reached through the window only.
    let window = unsafe { Window::new(memory.as_mut_ptr().add(shift), pages as u64 * PAGE, 0) };
    let frames = Frames::new(info, 4, this_cpu);
    frames.add(Frame(FIRST), Frame(pages as u32));
    let model = Model::default();
    (
        Box::leak(Box::new(Core::new(Box::new(model.clone()), window, frames))),
        model,
    )
}

impl Rig {
    pub fn new(pages: usize) -> Self {
        Self::with_archive(pages, RealRange::default())
    }

    pub fn with_archive(pages: usize, archive: RealRange) -> Self {
        let (core, model) = machine(pages);
        // SAFETY: nothing is in the archive's range but what a test put there before.
        let archive = unsafe { Archive::new(core, archive) };
        Self {
            core,
            model,
            server: Server::new(core, archive),
            start: core.frames.free(),
        }
    }

    pub fn of(core: Machine, model: Model, server: Server) -> Self {
        Self {
            core,
            model,
            server,
            start: core.frames.free(),
        }
    }

    /// Frames in use beyond those in use at the start, clean roots not counted.
    pub fn in_use(&self) -> i64 {
        crate::roots::empty(self.core);
        self.start as i64 - self.core.frames.free() as i64
    }

    pub fn caller(process: ProcessId) -> Caller {
        Caller {
            process,
            vp: 0,
            handle: Handle::ROOT,
            rights: 0,
        }
    }

    /// The translation of a page.
    pub fn translation(&self, process: ProcessId, address: u64) -> Option<(u64, MapFlags)> {
        let kernel = self.model.0.lock().unwrap();
        let space = kernel.spaces.get(&process.0)?;
        let page = address & !(PAGE - 1);
        space.pages.get(&page).copied().or_else(|| {
            let at = address & !(LARGE_PAGE - 1);
            let (frame, flags) = space.large.get(&at)?;
            Some((frame + (page - at), *flags))
        })
    }

    /// Large pages that are mapped.
    pub fn large_pages(&self, process: ProcessId) -> usize {
        self.model.0.lock().unwrap().spaces[&process.0].large.len()
    }

    pub fn mapped_pages(&self, process: ProcessId) -> usize {
        self.model.0.lock().unwrap().spaces[&process.0].pages.len()
    }

    /// What an access by the process does: the real address, or the fault's status.
    pub fn touch(
        &self,
        process: ProcessId,
        address: u64,
        access: u64,
    ) -> core::result::Result<u64, i64> {
        let wanted = match access {
            fault_access::WRITE => MapFlags::WRITE,
            fault_access::EXECUTE => MapFlags::EXECUTE,
            _ => MapFlags::READ,
        };
        for _ in 0..3 {
            if let Some((frame, flags)) = self.translation(process, address)
                && flags.contains(wanted)
            {
                let owned = frame < u64::from(FIRST) * PAGE
                    || self.core.frames.owners(Frame::at(frame)) > 0;
                assert!(owned, "page {address:x} is mapped to a free frame");
                return Ok(frame + address % PAGE);
            }
            match self.server.page_fault(process, address, access) {
                0 => {}
                status => return Err(status),
            }
        }
        panic!("fault at {address:x} does not end");
    }

    pub fn store(
        &self,
        process: ProcessId,
        address: u64,
        value: u64,
    ) -> core::result::Result<(), i64> {
        self.touch(process, address, fault_access::WRITE)
            .map(|real| self.core.window.set_word(real, value))
    }

    pub fn load(&self, process: ProcessId, address: u64) -> core::result::Result<u64, i64> {
        self.touch(process, address, fault_access::READ)
            .map(|real| self.core.window.word(real))
    }

    /// No frame is writable in a process and mapped by another place, unless it is shared memory.
    pub fn check_exclusive(&self) {
        let kernel = self.model.0.lock().unwrap();
        let mut seen: BTreeMap<u64, (bool, u32)> = BTreeMap::new();
        for space in kernel.spaces.values() {
            space.each(|frame, flags| {
                if frame < u64::from(FIRST) * PAGE {
                    return;
                }
                assert!(
                    self.core.frames.owners(Frame::at(frame)) > 0,
                    "a free frame is mapped"
                );
                let entry = seen.entry(frame).or_default();
                entry.0 |= flags.contains(MapFlags::WRITE);
                entry.1 += 1;
                let private = self.core.frames.kind(Frame::at(frame)) == Some(Kind::Anonymous);
                assert!(
                    !(private && entry.0 && entry.1 > 1),
                    "a private page is writable and mapped twice"
                );
            });
        }
    }

    /// What is mapped has an owner, also while others take pages away: they unmap before they free.
    pub fn check_translation(&self, process: ProcessId, address: u64) {
        let before = self.translation(process, address);
        let owners = before.map_or(1, |(frame, _)| self.core.frames.owners(Frame::at(frame)));
        assert!(
            owners > 0 || self.translation(process, address) != before,
            "a free frame is mapped"
        );
    }

    /// Makes the process server and a Linux process.
    pub fn process(&self) -> ProcessId {
        use k42_api::memory::Memory;
        self.server
            .create_space(&Self::caller(ProcessId::PROCESS), 0)
            .unwrap()
    }

    pub fn end(&self, process: ProcessId) {
        use k42_api::memory::Memory;
        self.server
            .destroy_space(&Self::caller(ProcessId::PROCESS), process)
            .unwrap();
    }

    pub fn fork(&self, process: ProcessId) -> Result<ProcessId> {
        use k42_api::memory::Memory;
        self.server
            .fork_space(&Self::caller(ProcessId::PROCESS), process, 0, 0, false)
    }

    pub fn map(
        &self,
        process: ProcessId,
        address: u64,
        pages: u64,
        options: MapOptions,
    ) -> Result<u64> {
        use k42_api::memory::Memory;
        self.server.map_anonymous(
            &Self::caller(process),
            address,
            pages * PAGE,
            options.bits(),
        )
    }
}

/// Numbers without pattern.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
}

/// A number for each thread, as if it ran on a CPU of its own.
fn this_cpu() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    std::thread_local!(static CPU: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed)));
    CPU.with(Cell::get)
}
