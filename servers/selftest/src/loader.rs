//! Loads this very program from the boot archive into a second address space.

use crate::faults;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_abi::boot::MemoryBoot;
use k42_abi::dispatcher::DispatcherPage;
use k42_abi::layout::{KERNEL_INFO, MEMORY_WINDOW, PAGE_SIZE, TRACE, dispatcher_page};
use k42_abi::map::MapFlags;
use k42_abi::message::SLOT_SIZE;
use k42_abi::rights::{KernelRights, WEIGHT_DEFAULT, class};
use k42_abi::{Error, ProcessId, Result};
use k42_rt::Mutex;
use k42_rt::sys::{self, MapError, NewDispatcher};
use tar_no_std::TarArchiveRef;
use xmas_elf::ElfFile;
use xmas_elf::program::{ProgramHeader, Type};

const PAGE: u64 = PAGE_SIZE as u64;
/// Client and server slots of each dispatcher of the child.
pub const SLOTS: u32 = 8;

static NEXT: AtomicU64 = AtomicU64::new(0);
static END: AtomicU64 = AtomicU64::new(0);

/// Takes zeroed memory, aligned to its size.
pub fn take(bytes: u64, align: u64) -> Result<u64> {
    let mut next = NEXT.load(Ordering::Relaxed);
    loop {
        let start = next.next_multiple_of(align);
        if start + bytes > END.load(Ordering::Relaxed) {
            return Err(Error::ENOMEM);
        }
        match NEXT.compare_exchange(next, start + bytes, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => {
                // SAFETY: free memory, in the window, now ours.
                unsafe {
                    core::ptr::write_bytes((MEMORY_WINDOW + start) as *mut u8, 0, bytes as usize)
                };
                return Ok(start);
            }
            Err(now) => next = now,
        }
    }
}

/// Maps a page, giving table frames as they are asked for.
pub fn map(process: ProcessId, address: u64, frame: u64, flags: MapFlags) -> Result<()> {
    loop {
        match sys::map(process, address, frame, flags) {
            Ok(()) => return Ok(()),
            Err(MapError::NeedFrames(n)) => {
                for _ in 0..n {
                    sys::donate(process, &[take(PAGE, PAGE)?])?;
                }
            }
            Err(MapError::Other(error)) => return Err(error),
        }
    }
}

/// Takes possession of the free memory.
pub fn begin(boot: &MemoryBoot) -> Result<()> {
    let largest = boot
        .free
        .iter()
        .take(boot.free_ranges as usize)
        .max_by_key(|r| r.bytes)
        .ok_or(Error::ENOMEM)?;
    NEXT.store(largest.start, Ordering::Relaxed);
    END.store(largest.start + largest.bytes, Ordering::Relaxed);
    Ok(())
}

/// Another dispatcher of this process, on the CPU with its number.
pub fn own_dispatcher(vp: u32) -> Result<()> {
    unsafe extern "C" {
        fn k42_start();
    }
    dispatcher(ProcessId::MEMORY, vp, 32, k42_start as *const () as u64)?;
    sys::dispatcher_start(ProcessId::MEMORY, vp)
}

/// What is mapped in the child, for its copy.
pub static PAGES: Mutex<Vec<(u64, u64, MapFlags)>> = Mutex::new(Vec::new());

fn map_child(process: ProcessId, address: u64, frame: u64, flags: MapFlags) -> Result<()> {
    PAGES.lock().push((address, frame, flags));
    map(process, address, frame, flags)
}

/// A file of the boot archive.
pub fn member(boot: &MemoryBoot, name: &str) -> Option<&'static [u8]> {
    // SAFETY: the archive is mapped in the window, for good.
    let archive = unsafe {
        core::slice::from_raw_parts(
            (MEMORY_WINDOW + boot.archive.start) as *const u8,
            boot.archive.bytes as usize,
        )
    };
    let archive = TarArchiveRef::new(archive).ok()?;
    let mut entries = archive.entries();
    let entry = entries.find(|e| e.filename().as_str() == Ok(name))?;
    Some(entry.data())
}

/// Makes process 2 from the archive's `servers/memory`, which is this program, with a dispatcher on each CPU.
pub fn start_child(boot: &MemoryBoot, cpus: u32) -> Result<ProcessId> {
    let image = member(boot, "servers/memory").ok_or(Error::ENOENT)?;
    let elf = ElfFile::new(image).map_err(|_| Error::ENOEXEC)?;

    let root = take(64 << 10, 64 << 10)?;
    let child = sys::space_create(root, KernelRights::SEND, ProcessId::PROCESS.index() as u16)?;
    for header in elf.program_iter() {
        let ProgramHeader::Ph64(header) = header else {
            continue;
        };
        if header.get_type() != Ok(Type::Load) {
            continue;
        }
        let bytes = header.mem_size.next_multiple_of(PAGE);
        let at = take(bytes, PAGE)?;
        let data = &image[header.offset as usize..(header.offset + header.file_size) as usize];
        // SAFETY: just taken, and long enough.
        unsafe {
            core::ptr::copy_nonoverlapping(
                data.as_ptr(),
                (MEMORY_WINDOW + at) as *mut u8,
                data.len(),
            )
        };
        let mut flags = MapFlags::READ;
        flags.set(MapFlags::WRITE, header.flags.is_write());
        flags.set(MapFlags::EXECUTE, header.flags.is_execute());
        for offset in (0..bytes).step_by(PAGE_SIZE) {
            if header.flags.is_execute() {
                flush(MEMORY_WINDOW + at + offset);
            }
            map_child(child, header.virtual_addr + offset, at + offset, flags)?;
        }
    }
    // Nothing is traced here, but whether something is, programs look up themselves.
    for offset in (0..boot.trace.bytes).step_by(PAGE_SIZE) {
        map_child(
            child,
            TRACE + offset,
            boot.trace.start + offset,
            MapFlags::READ,
        )?;
    }
    map_child(child, KERNEL_INFO, boot.kernel_info, MapFlags::READ)?;
    // The headers are for reading only; this child is trusted not to write where the kernel logs.
    for offset in (0..boot.trace.bytes).step_by(PAGE_SIZE) {
        let flags = if offset == 0 {
            MapFlags::READ
        } else {
            MapFlags::READ | MapFlags::WRITE
        };
        map_child(child, TRACE + offset, boot.trace.start + offset, flags)?;
    }
    faults::for_process(child);
    for vp in 0..cpus {
        dispatcher(child, vp, SLOTS, elf.header.pt2.entry_point())?;
    }
    k42_rt::serve(&faults::ROOT, &faults::TABLES);
    for vp in (0..cpus).rev() {
        sys::dispatcher_start(child, vp)?;
    }
    Ok(child)
}

/// Bytes of the area of a dispatcher with that many slots of each kind.
pub fn area_bytes(slots: u32) -> u64 {
    PAGE + u64::from(2 * slots) * SLOT_SIZE as u64
}

/// Real address of the area of the child's dispatcher 0.
pub static AREA: AtomicU64 = AtomicU64::new(0);

fn dispatcher(process: ProcessId, vp: u32, slots: u32, entry: u64) -> Result<()> {
    let area = take(area_bytes(slots), PAGE)?;
    make_dispatcher(process, vp, slots, area)?;
    // SAFETY: the page is in the window, and its dispatcher has not started.
    let page = unsafe { &*((MEMORY_WINDOW + area) as *const DispatcherPage) };
    for word in &page.entry {
        word.store(entry, Ordering::Relaxed);
    }
    page.library[0].store(0x1234, Ordering::Relaxed);
    if process != ProcessId::MEMORY && vp == 0 {
        AREA.store(area, Ordering::Relaxed);
    }
    Ok(())
}

/// Maps an area and makes its dispatcher.
pub fn make_dispatcher(process: ProcessId, vp: u32, slots: u32, area: u64) -> Result<()> {
    let bytes = area_bytes(slots);
    let address = dispatcher_page(vp);
    for offset in (0..bytes).step_by(PAGE_SIZE) {
        map(
            process,
            address + offset,
            area + offset,
            MapFlags::READ | MapFlags::WRITE,
        )?;
    }
    sys::dispatcher_create(&NewDispatcher {
        process,
        vp,
        cpu: vp,
        area,
        address,
        client_slots: slots,
        server_slots: slots,
        class: class::SERVER as u32,
        weight: WEIGHT_DEFAULT as u32,
    })
}

/// Makes a page that was written as data good for execution.
fn flush(address: u64) {
    for line in (address..address + PAGE).step_by(128) {
        // SAFETY: a line of our own page.
        unsafe {
            core::arch::asm!("dcbst 0, {0}", "sync", "icbi 0, {0}", in(reg) line, options(nostack))
        };
    }
    // SAFETY: orders the above.
    unsafe { core::arch::asm!("sync", "isync", options(nostack)) };
}
