//! The memory server as a program: process 1, started by the kernel with all memory that the kernel does not keep.
//!
//! Order matters: first the allocator, then the heap can grow, then this server's dispatchers on the other CPUs, then
//! it serves, and only then the servers that will call it are started.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;
use core::sync::atomic::{AtomicPtr, Ordering};
use k42_abi::dispatcher::ENTRIES;
use k42_abi::layout::MEMORY_WINDOW;
use k42_abi::rights::class;
use k42_abi::{Error, ProcessId, Result, boot, dispatcher};
use k42_memory::archive::Archive;
use k42_memory::frames::{Kind, Need};
use k42_memory::hat::NewDispatcher;
use k42_memory::kernel::Kernel;
use k42_memory::machine::{Core, Machine};
use k42_memory::server::{BootFacts, Server};
use k42_memory::start::{bring_up, grow_heap};
use k42_memory::window::Window;
use k42_rt::{ClientTables, log};

k42_rt::entry!(
    main,
    heap = 8 << 20,
    worker_stack = 32 << 10,
    main_stack = 128 << 10
);

/// Slots of each kind of this server's dispatchers.
const SLOTS: u32 = 32;

/// The machine, for the heap; null until it is built.
static CORE: AtomicPtr<Core> = AtomicPtr::new(core::ptr::null_mut());
/// Handles of this server name FCMs and are kept by the spaces; calls all go to the root.
static TABLES: ClientTables = ClientTables::new(0);

fn main(start: k42_rt::Start) {
    if let Err((what, error)) = run(start) {
        log::error!("{what}: {error}");
    }
}

fn run(start: k42_rt::Start) -> core::result::Result<(), (&'static str, Error)> {
    // SAFETY: this is the memory server.
    let boot = unsafe { start.memory_boot() };
    if boot.magic != boot::MEMORY_BOOT_MAGIC {
        return Err(("boot page", Error::EINVAL));
    }
    let info = k42_rt::info();
    // SAFETY: the kernel has mapped all of real memory that it does not keep there, for ever.
    let window = unsafe {
        Window::new(
            MEMORY_WINDOW as *mut u8,
            boot.memory_top,
            info.dcache_block as usize,
        )
    };
    let free = &boot.free[..(boot.free_ranges as usize).min(boot.free.len())];
    // SAFETY: the kernel has given these ranges to this server and nobody else.
    let core = unsafe { bring_up(window, free, info.cpus as usize, this_cpu, Box::new(Kernel)) };
    let core: Machine = core.map_err(|error| ("memory", error))?;
    CORE.store((&raw const *core).cast_mut(), Ordering::Release);
    k42_rt::set_heap_grower(grow);
    for cpu in 1..info.cpus as u32 {
        own_dispatcher(core, cpu).map_err(|error| ("own dispatcher", error))?;
    }
    k42_rt::prepare_dispatchers();

    // SAFETY: the archive lies in the window; nobody writes it.
    let archive = unsafe { Archive::new(core, boot.archive) };
    let server: &'static Server = Box::leak(Box::new(Server::new(core, archive)));
    k42_rt::serve(server, &TABLES);
    log::info!(
        "{} MiB free of {}",
        core.frames.free() >> 8,
        boot.memory_top >> 20
    );
    server.load_all(&BootFacts {
        kernel_info: boot.kernel_info,
        trace: boot.trace,
        cpus: info.cpus as u32,
    })
}

fn this_cpu() -> usize {
    k42_sched::page().vp.load(Ordering::Relaxed) as usize
}

fn grow(address: u64, bytes: usize) -> bool {
    // SAFETY: null, or the machine, which lives for ever.
    unsafe { CORE.load(Ordering::Acquire).as_ref() }
        .is_some_and(|core| grow_heap(core, address, bytes as u64))
}

unsafe extern "C" {
    /// Where every dispatcher of a program begins.
    fn k42_start();
}

/// Makes this server's dispatcher on `cpu`. Its area needs no mapping: the window shows it.
fn own_dispatcher(core: Machine, cpu: u32) -> Result<()> {
    let pages = 1 + 2 * SLOTS * 2;
    let first = core
        .frames
        .allocate_row(Kind::Pinned, Need::System, pages)
        .ok_or(Error::ENOMEM)?;
    (0..pages).for_each(|i| core.window.zero(first.plus(i)));
    for i in 0..ENTRIES {
        let entry = core::mem::offset_of!(dispatcher::DispatcherPage, entry) + i * 8;
        core.window.set_word(
            first.address() + entry as u64,
            k42_start as *const () as u64,
        );
    }
    let new = NewDispatcher {
        process: ProcessId::MEMORY,
        vp: cpu,
        cpu,
        area: first.address(),
        address: core.window.address(first.address()),
        client_slots: SLOTS,
        server_slots: SLOTS,
        class: class::SERVER,
    };
    core.hat.dispatcher_create(&new)?;
    core.hat.dispatcher_start(ProcessId::MEMORY, cpu)
}
