//! Starts the memory server: the only program that the kernel itself loads.

use k42_abi::boot::{MAX_RANGES, MEMORY_BOOT_MAGIC, MemoryBoot, RealRange};
use k42_abi::dispatcher::soft_interrupt;
use k42_abi::layout::{KERNEL_INFO, MEMORY_WINDOW, PAGE_SIZE, TRACE, dispatcher_page};
use k42_abi::map::{LARGE_PAGE, MapFlags};
use k42_abi::rights::{KernelRights, WEIGHT_DEFAULT, class};
use k42_abi::{Error, ProcessId, Result};
use k42_boot::info::Range;
use k42_boot::{BootInfo, linear};
use tar_no_std::TarArchiveRef;
use xmas_elf::ElfFile;
use xmas_elf::program::{ProgramHeader, Type};

use crate::arch::{self, radix};
use crate::carve::Carver;
use crate::dispatcher::{self, Life, Plan};
use crate::frames::{self, Kind};
use crate::process::{self, Process};
use crate::{pool, sched, start, trace};

const PAGE: u64 = PAGE_SIZE as u64;
/// Slots of the memory server's dispatcher, of each kind.
const SLOTS: usize = 32;

/// Loads the memory server from the boot archive, gives it the memory that is left, and makes it ready to run.
pub fn memory_server(
    info: &'static BootInfo,
    mut carver: Carver,
    top: u64,
    total: u64,
) -> Result<()> {
    let Some(archive) = info.initrd.or(info.payload) else {
        log::error!("there is no boot archive: neither an initial ram disk nor a payload");
        return Err(Error::ENOENT);
    };
    let image = member(archive, "servers/memory")?;
    let elf = ElfFile::new(image).map_err(|what| {
        log::error!("servers/memory: {what}");
        Error::ENOEXEC
    })?;

    for range in carver.ranges() {
        frames::declare(range.start, range.bytes, Kind::Server);
    }
    let archive_start = archive.start & !(PAGE - 1);
    let archive_bytes = archive.end().next_multiple_of(PAGE) - archive_start;
    frames::declare(archive_start, archive_bytes, Kind::Server);

    let trace = trace::initialise(&mut carver, info.command_line)?;
    let rights = KernelRights::all();
    let root = pool::take(radix::ROOT_BYTES, radix::ROOT_BYTES)?;
    let server = process::create(root, rights, ProcessId::MEMORY.index())?;
    for range in carver.ranges() {
        map_window(server, range.start, range.bytes)?;
    }
    map_window(server, archive_start, archive_bytes)?;

    let image_bytes = load_segments(server, &elf, &mut carver)?;
    let kernel_info = carver.take(PAGE, PAGE)?;
    start::fill_kernel_info(kernel_info, info, total, trace.bytes);
    map(server, KERNEL_INFO, kernel_info, MapFlags::READ)?;
    map_trace(server, trace)?;

    let bytes = dispatcher::area_bytes(2 * SLOTS);
    let area = carver.take(bytes, PAGE)?;
    let address = dispatcher_page(0);
    for offset in (0..bytes).step_by(PAGE_SIZE) {
        map(
            server,
            address + offset,
            area + offset,
            MapFlags::READ | MapFlags::WRITE,
        )?;
    }
    // SAFETY: just taken, whole pages.
    unsafe { arch::zero_pages(linear::<u8>(area) as u64, bytes) };
    let who = dispatcher::create(
        server,
        &Plan {
            vp: 0,
            cpu: 0,
            area,
            address,
            client_slots: SLOTS,
            server_slots: SLOTS,
            class: class::SERVER,
            weight: WEIGHT_DEFAULT,
        },
    )?;
    for entry in &who.page().entry {
        entry.store(
            elf.header.pt2.entry_point(),
            core::sync::atomic::Ordering::Relaxed,
        );
    }

    let boot_page = carver.take(PAGE, PAGE)?;
    let mut boot = MemoryBoot {
        magic: MEMORY_BOOT_MAGIC,
        free_ranges: 0,
        free: [RealRange::default(); MAX_RANGES],
        archive: RealRange {
            start: archive.start,
            bytes: archive.size,
        },
        image: RealRange {
            start: 0,
            bytes: image_bytes,
        },
        kernel_info,
        trace,
        memory_top: top,
    };
    for (place, range) in boot.free.iter_mut().zip(carver.ranges()) {
        *place = range;
        boot.free_ranges += 1;
    }
    // SAFETY: a fresh frame.
    unsafe { linear::<MemoryBoot>(boot_page).write(boot) };
    who.boot_argument.set(MEMORY_WINDOW + boot_page);
    who.life.set(Life::Alive);
    sched::post(arch::per_cpu(), who, soft_interrupt::START);
    Ok(())
}

/// A member of the boot archive.
fn member(archive: Range, name: &str) -> Result<&'static [u8]> {
    // SAFETY: the archive's memory is not written by anyone before the memory server has it, and then only read.
    let bytes =
        unsafe { core::slice::from_raw_parts(linear::<u8>(archive.start), archive.size as usize) };
    let tar = TarArchiveRef::new(bytes).map_err(|_| {
        log::error!("the boot archive is damaged");
        Error::EINVAL
    })?;
    let found = tar
        .entries()
        .find(|entry| entry.filename().as_str() == Ok(name));
    found.map(|entry| entry.data()).ok_or_else(|| {
        log::error!("the boot archive has no {name}");
        Error::ENOENT
    })
}

/// Maps a page of a server, with table frames of the kernel's own.
fn map(server: &Process, address: u64, frame: u64, flags: MapFlags) -> Result<()> {
    loop {
        match server.space.map(address, frame, flags) {
            Ok(()) => return Ok(()),
            Err((Error::NEED_FRAMES, missing)) => {
                for _ in 0..missing {
                    let table = pool::frame()?;
                    frames::declare(table, PAGE, Kind::Server);
                    server.space.donate(table)?;
                }
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// Maps the trace region as every process sees it: the programs' buffers can be written, the rest read.
fn map_trace(server: &Process, trace: RealRange) -> Result<()> {
    let programs = k42_trace::Region::user_offset(start::cpus()) as u64;
    for offset in (0..trace.bytes).step_by(PAGE_SIZE) {
        let write = if offset < programs {
            MapFlags::empty()
        } else {
            MapFlags::WRITE
        };
        map(
            server,
            TRACE + offset,
            trace.start + offset,
            MapFlags::READ | write,
        )?;
    }
    Ok(())
}

/// Maps memory at its place in the memory server's window, in large pages where it can.
fn map_window(server: &Process, start: u64, bytes: u64) -> Result<()> {
    let flags = MapFlags::READ | MapFlags::WRITE;
    let mut at = start;
    while at < start + bytes {
        let large = at.is_multiple_of(LARGE_PAGE) && start + bytes - at >= LARGE_PAGE;
        let (size, flags) = if large {
            (LARGE_PAGE, flags | MapFlags::LARGE)
        } else {
            (PAGE, flags)
        };
        map(server, MEMORY_WINDOW + at, at, flags)?;
        at += size;
    }
    Ok(())
}

/// Loads the segments of the memory server. Result: bytes of memory used.
fn load_segments(server: &Process, elf: &ElfFile<'_>, carver: &mut Carver) -> Result<u64> {
    let bad = |what: &'static str| {
        log::error!("servers/memory: {what}");
        Error::ENOEXEC
    };
    let mut used = 0;
    for segment in elf.program_iter() {
        let ProgramHeader::Ph64(header) = segment else {
            return Err(bad("not a 64-bit program"));
        };
        if segment.get_type().map_err(bad)? != Type::Load || header.mem_size == 0 {
            continue;
        }
        if header.virtual_addr % PAGE != 0 {
            return Err(bad("a segment does not start on a page"));
        }
        let bytes = header.mem_size.next_multiple_of(PAGE);
        let data = elf
            .input
            .get(header.offset as usize..(header.offset + header.file_size) as usize)
            .filter(|data| data.len() as u64 <= bytes)
            .ok_or_else(|| bad("a segment lies outside the file"))?;
        let at = carver.take(bytes, PAGE)?;
        // SAFETY: just taken, whole pages, and as long as the segment.
        unsafe {
            arch::zero_pages(linear::<u8>(at) as u64, bytes);
            core::ptr::copy_nonoverlapping(data.as_ptr(), linear::<u8>(at), data.len());
        }
        let mut flags = MapFlags::READ;
        flags.set(MapFlags::WRITE, header.flags.is_write());
        flags.set(MapFlags::EXECUTE, header.flags.is_execute());
        for offset in (0..bytes).step_by(PAGE_SIZE) {
            map(server, header.virtual_addr + offset, at + offset, flags)?;
        }
        if header.flags.is_execute() {
            arch::sync_instructions(linear::<u8>(at), bytes as usize);
        }
        used += bytes;
    }
    Ok(used)
}
