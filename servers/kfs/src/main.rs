//! The program: KFS with its real neighbours.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;
use k42_abi::layout::PAGE_SIZE;
use k42_api::memory::{MapOptions, MemoryClient};
use k42_api::names::{NamesClient, mount};
use k42_api::process::ProcessClient;
use k42_fslib::machine::{Events, ProcessServer, WallClock, when_started};
use k42_fslib::mounts;
use k42_ipc::{ClientTables, Handle, ProcessId, Result};
use k42_kfs::Kfs;
use k42_kfs::ports::{Handles, PageStore, Ports};
use k42_kfs::service::Root;
use k42_object::{Config, System};
use k42_rt::{Start, log, sys};

k42_rt::entry!(main, heap = 4 << 20);

/// Handles that one process may have.
const HANDLES: usize = 4096;
static HANDLE_TABLES: Handles = Handles(ClientTables::new(HANDLES));
/// Memory of the machine for each file or directory that KFS may hold.
const BYTES_PER_NODE: u64 = 8192;
/// If the memory server does not say how much there is.
const DEFAULT_MEMORY: u64 = 256 << 20;

fn main(_: Start) {
    let memory = MemoryClient::root(ProcessId::MEMORY);
    let info = k42_rt::info();
    let total = memory
        .totals()
        .map_or(DEFAULT_MEMORY, |totals| totals.total);
    let nodes = total / BYTES_PER_NODE;
    let objects =
        Config::new(info.cpus as usize, || k42_sched::vp() as usize).watcher(k42_rt::trace_object);
    if let Err(error) = System::start(objects.refs_per_cpu(nodes as usize)) {
        log::error!("no object system: {error}");
        return;
    }
    let ports = Ports {
        handles: &HANDLE_TABLES,
        notifier: Box::new(Events),
        clock: Box::new(WallClock(info)),
        processes: Box::new(ProcessServer),
        seed: sys::random().unwrap_or_else(|_| k42_sched::now()),
    };
    // Half of memory for files; the rest is for those who use them.
    let pages = total / 2 / PAGE_SIZE as u64;
    let fs = Kfs::start(ports, Box::new(Store(memory)), pages, nodes);
    unpack(fs, memory);
    k42_rt::serve(Box::leak(Box::new(Root(fs))), &HANDLE_TABLES.0);
    mount_points(fs);
    let registered = when_started(info, || {
        ProcessClient::root(ProcessId::PROCESS).register_server()
    });
    if let Err(error) = registered {
        log::error!("the process server does not take KFS: {error}");
    }
}

/// Fills the file system from the boot archive.
fn unpack(fs: &'static Kfs, memory: MemoryClient) {
    const MEMBER: &str = "root.tar";
    let [address, length] = match memory.map_boot_member(MEMBER) {
        Ok(place) => place,
        Err(error) => {
            log::error!("there is no root archive: {MEMBER}: {error}");
            fs.unpack(&[]);
            return;
        }
    };
    // SAFETY: the memory server has mapped the member there, read-only; nobody writes to it, and it is released after
    // the last use of the slice.
    let archive = unsafe { core::slice::from_raw_parts(address as *const u8, length as usize) };
    let done = fs.unpack(archive);
    log::info!(
        "root archive: {} members, {} KiB, {} failed",
        done.members,
        done.bytes >> 10,
        done.failed
    );
    if let Err(error) = memory.release_boot_member(MEMBER) {
        log::warn!("the root archive's memory stays taken: {error}");
    }
}

/// Asks the name server what is mounted on this file system from the start.
fn mount_points(fs: &'static Kfs) {
    let mut buffer = [0; 4096];
    let names = NamesClient::root(ProcessId::NAME);
    let answer = when_started(k42_rt::info(), || {
        names.mounts(&mut buffer).map_err(|(error, _)| error)
    });
    let mut table = match answer {
        Ok((_, length)) => &buffer[..length],
        Err(error) => {
            log::error!("the name server has no mounts: {error}");
            return;
        }
    };
    while let Some(entry) = mounts::parse(&mut table) {
        if entry.parent != mount::ROOT || entry.id == mount::ROOT {
            continue;
        }
        if let Err(error) = fs.mount_on(entry.point.as_bytes(), entry.id) {
            log::error!("nothing can be mounted on {}: {error}", entry.point);
        }
    }
}

/// The memory server as the store of file data.
struct Store(MemoryClient);

impl PageStore for Store {
    fn create(&self, bytes: u64, name: &[u8]) -> Result<Handle> {
        self.0.create_object(bytes, name)
    }
    fn map(&self, object: Handle, offset: u64, bytes: u64) -> Result<usize> {
        let options =
            MapOptions::READ | MapOptions::WRITE | MapOptions::SHARED | MapOptions::NO_FORK;
        self.0
            .map_object(object, offset, 0, bytes, options.bits())
            .map(|address| address as usize)
    }
    fn unmap(&self, address: usize, bytes: u64) {
        if let Err(error) = self.0.unmap(address as u64, bytes) {
            log::warn!("a window stays mapped: {error}");
        }
    }
    fn resize(&self, object: Handle, bytes: u64) -> Result<()> {
        self.0.resize_object(object, bytes)
    }
    fn populate(&self, object: Handle, offset: u64, bytes: u64) -> Result<()> {
        self.0.populate_object(object, offset, bytes)
    }
    fn punch(&self, object: Handle, offset: u64, bytes: u64) -> Result<()> {
        self.0.punch_object(object, offset, bytes)
    }
    fn grant(
        &self,
        object: Handle,
        process: ProcessId,
        options: u32,
        name: &[u8],
    ) -> Result<Handle> {
        self.0.grant(object, process, options, name)
    }
    fn frames(&self, object: Handle) -> Result<u64> {
        self.0.object_frames(object)
    }
    fn release(&self, object: Handle) {
        if let Err(error) = self.0.release(object) {
            log::warn!("an object of the memory server stays: {error}");
        }
    }
}
