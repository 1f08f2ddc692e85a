//! From `BootInfo` to the first program: memory, translation, CPUs, memory server.

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use k42_abi::info::{self, KernelInfo, MAX_CPUS};
use k42_abi::layout::PAGE_SIZE;
use k42_abi::{Error, Result};
use k42_boot::info::Range;
use k42_boot::papr::{hcall, rtas::RtasError};
use k42_boot::secondary::{SecondaryRecord, start_secondary};
use k42_boot::{BootInfo, linear};

use crate::arch::radix::{self, Entry, Table};
use crate::arch::{self, msr};
use crate::carve::Carver;
use crate::percpu;
use crate::{calls, console, frames, load, pool, process, sched};

unsafe extern "C" {
    static __image_start: u8;
}

static INFO: AtomicPtr<BootInfo> = AtomicPtr::new(core::ptr::null_mut());
static TIMEBASE_HZ: AtomicU64 = AtomicU64::new(512_000_000);
/// Ticks of a time slice.
static SLICE: AtomicU64 = AtomicU64::new(0);
static CPUS: AtomicUsize = AtomicUsize::new(1);
static ARRIVED: AtomicUsize = AtomicUsize::new(1);
static GO: AtomicBool = AtomicBool::new(false);

/// Two mebibytes: what the memory server's window maps at a time.
const LARGE: u64 = k42_abi::map::LARGE_PAGE;

/// First byte of the image, to make addresses in reports independent of where it was loaded.
pub fn image_start() -> usize {
    (&raw const __image_start).addr()
}

/// Ticks of the timebase in a second.
pub fn timebase_hz() -> u64 {
    TIMEBASE_HZ.load(Ordering::Relaxed)
}

/// Ticks of the timebase in a time slice.
pub fn slice_ticks() -> u64 {
    SLICE.load(Ordering::Relaxed)
}

/// CPUs that run.
pub fn cpus() -> usize {
    CPUS.load(Ordering::Relaxed)
}

fn boot_info() -> Option<&'static BootInfo> {
    // SAFETY: null or what boot handed over, which lives for ever.
    unsafe { INFO.load(Ordering::Relaxed).as_ref() }
}

/// Has interrupt `source` delivered to the CPU with hardware number `server`.
pub fn route_interrupt(source: u32, server: u32) -> core::result::Result<(), RtasError> {
    let rtas = boot_info()
        .and_then(|info| info.rtas.as_ref())
        .ok_or(RtasError::Unsupported)?;
    rtas.set_xive(source, server, crate::remote::IPI_PRIORITY + 1)
}

/// Reports `status` to the host and switches the machine off.
pub fn power_off(status: u32) -> Result<u64> {
    console::control(format_args!("exit {status}"));
    power_off_now();
    Err(Error::EIO)
}

/// Switches the machine off without a word.
pub fn power_off_now() {
    if let Some(info) = boot_info() {
        info.power_off();
    }
}

/// The boot CPU arrives here, in real mode, interrupts off.
#[unsafe(no_mangle)]
extern "C" fn kernel_main(info: &'static BootInfo) -> ! {
    let hardware_id = info.boot_cpu().map_or(0, |cpu| cpu.hw_id);
    let dcache_block = u64::from(info.cores.dcache_block);
    // SAFETY: the first thing on this CPU.
    unsafe {
        percpu::adopt(
            0,
            hardware_id,
            dcache_block,
            calls::TABLE.as_ptr().expose_provenance() as u64,
        )
    };
    INFO.store((&raw const *info).cast_mut(), Ordering::Relaxed);
    TIMEBASE_HZ.store(info.cores.timebase_hz, Ordering::Relaxed);
    SLICE.store(sched::ticks(sched::SLICE_US), Ordering::Relaxed);
    console::initialise(info);
    console::use_for_log();
    let order = if cfg!(target_endian = "little") {
        "little"
    } else {
        "big"
    };
    log::info!(
        "K42 in Rust, {order}-endian, {} CPUs on {:?}",
        info.cpus.len(),
        info.machine
    );
    if let Err(what) = bring_up(info) {
        panic!("start failed: {what}");
    }
    sched::dispatch(arch::per_cpu())
}

fn bring_up(info: &'static BootInfo) -> Result<()> {
    if !info.mmu.radix || !info.mmu.gtse {
        log::error!("this machine has no radix translation");
        return Err(Error::ENODEV);
    }
    let top = info.memory.iter().map(Range::end).max().unwrap_or(0);
    let total: u64 = info.memory.iter().map(|range| range.size).sum();
    let kernel_bytes = (total / 32).clamp(8 << 20, 1 << 30).next_multiple_of(LARGE);
    let mut carver = Carver::new(
        info.free(PAGE_SIZE as u64)
            .map(|range| (range.start, range.end())),
    );
    let kernel = carver.take_last(kernel_bytes, LARGE)?;
    pool::initialise(kernel, kernel + kernel_bytes);
    frames::initialise(top)?;
    turn_translation_on(top)?;
    accept_interrupts();
    sched::initialise(arch::per_cpu())?;
    crate::selftest::run()?;
    start_secondaries(info);
    if info
        .command_line
        .split_whitespace()
        .any(|word| word == "fastpath=off")
    {
        log::info!("protected calls take the slow path");
        for index in 0..cpus() {
            percpu::block(index).set_careful(percpu::careful::TWIN, true);
        }
    }
    load::memory_server(info, carver, top, total)?;
    GO.store(true, Ordering::Release);
    Ok(())
}

/// Builds the kernel's own tree (all of memory at the linear window), registers it, and goes on with translation.
fn turn_translation_on(top: u64) -> Result<()> {
    let root = pool::take(radix::ROOT_BYTES, radix::ROOT_BYTES)?;
    let next = pool::frame()?;
    // SAFETY: fresh frames of the pool, not yet in use by the hardware.
    let (root_table, table) = unsafe { (Table::new(root), Table::new(next)) };
    let giant = 1u64 << radix::span_shift(1);
    for index in 0..top.div_ceil(giant).min(radix::entries(1)) {
        table.set(index, Entry::kernel(index * giant));
    }
    root_table.set(0, Entry::table(next));
    let (hardware_table, bytes) = process::make_hardware_table(root)?;
    // SAFETY: the vectors go to memory that boot keeps free for them; the table is the pool's and stays.
    unsafe {
        arch::install_vectors();
        hcall::register_radix_process_table(hardware_table, bytes.trailing_zeros())
            .map_err(|_| Error::EIO)?;
        hcall::set_interrupt_order(cfg!(target_endian = "little")).map_err(|_| Error::EIO)?;
        hcall::set_interrupt_relocation(true).map_err(|_| Error::EIO)?;
        translate();
    }
    Ok(())
}

/// Turns translation on for this CPU.
///
/// # Safety
/// The process table is registered and the kernel's tree complete.
unsafe fn translate() {
    // SAFETY: real and virtual addresses of the linear window are the same for what runs here.
    unsafe {
        arch::pidr::write(0);
        arch::fscr::write(0);
        core::arch::asm!("ptesync", "mtmsrd {}", "isync", in(reg) msr::KERNEL, options(nostack));
    }
}

fn start_secondaries(info: &'static BootInfo) {
    let boot = info.boot_cpu().map_or(0, |cpu| cpu.hw_id);
    let mut index = 1;
    for cpu in info
        .cpus
        .iter()
        .filter(|cpu| cpu.hw_id != boot)
        .take(MAX_CPUS - 1)
    {
        let Ok(records) = pool::slice(1, || SecondaryRecord {
            stack_top: percpu::start_stack(index),
            cpu_index: index as u64,
        }) else {
            break;
        };
        percpu::block(index).hardware_id.set(cpu.hw_id);
        // SAFETY: the stack is that CPU's own, and the kernel is ready.
        match unsafe { start_secondary(info, *cpu, &records[0]) } {
            Ok(()) => index += 1,
            Err(error) => log::error!("CPU {} does not start: {error:?}", cpu.hw_id),
        }
    }
    CPUS.store(index, Ordering::Release);
    while ARRIVED.load(Ordering::Acquire) < index {
        k42_sync::cpu_relax();
    }
}

/// Lets interrupts of all priorities through to this CPU.
fn accept_interrupts() {
    // It cannot fail, by PAPR.
    let _ = hcall::set_cppr(0xff);
}

/// Every other CPU arrives here, in real mode, interrupts off.
#[unsafe(no_mangle)]
extern "C" fn kernel_secondary(index: u64) -> ! {
    let index = index as usize;
    let hardware_id = percpu::block(index).hardware_id.get();
    let dcache_block = boot_info().map_or(128, |info| u64::from(info.cores.dcache_block));
    // SAFETY: the first thing on this CPU; the boot CPU has made the tree before it started others.
    unsafe {
        percpu::adopt(
            index,
            hardware_id,
            dcache_block,
            calls::TABLE.as_ptr().expose_provenance() as u64,
        );
        translate();
    }
    let cpu = arch::per_cpu();
    if let Err(error) = sched::initialise(cpu) {
        panic!("CPU {index}: {error}");
    }
    accept_interrupts();
    ARRIVED.fetch_add(1, Ordering::AcqRel);
    while !GO.load(Ordering::Acquire) {
        k42_sync::cpu_relax();
    }
    sched::dispatch(cpu)
}

/// Fills the kernel information page, which is at real address `frame`.
pub fn fill_kernel_info(frame: u64, boot: &BootInfo, memory_bytes: u64, trace_bytes: u64) {
    /// What POWER9 offers to programs, less what needs state that the kernel does not keep (HTM, EBB, DSCR, TAR)
    /// and less `scv`. Bits as in Linux's AT_HWCAP and AT_HWCAP2.
    const HWCAP: [u64; 2] = [0xdc00_65c2, 0x8ae0_0000];
    let page = linear::<KernelInfo>(frame);
    let info = KernelInfo {
        magic: info::MAGIC,
        cpus: cpus() as u64,
        timebase_hz: timebase_hz(),
        boot_timebase: boot.boot_timebase,
        boot_seconds: boot.boot_time.unwrap_or(0),
        trace_mask: 0,
        trace_bytes,
        dcache_block: u64::from(boot.cores.dcache_block),
        icache_block: u64::from(boot.cores.icache_block),
        memory_bytes,
        consoles: console::count() as u64,
        hwcap: HWCAP,
        reserved: [0; 3],
    };
    // SAFETY: a fresh frame.
    unsafe { page.write(info) };
}
