//! The kernel's part in the event stream: it makes the region, and logs into its own side of each CPU's buffers.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use k42_abi::boot::RealRange;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::{Error, Result};
use k42_boot::linear;
use k42_trace::{Class, CpuBuffer, Region, Side, Target};

use crate::carve::Carver;
use crate::process::{self, MAX_PROCESSES};
use crate::{arch, console, percpu, start};

pub use k42_trace::events;

/// What is on. Zero until there is a region; a word of its own, so that a test is one load.
static MASK: AtomicU64 = AtomicU64::new(0);
static HEADER: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());

/// Ticks between two samples of the profiler.
static SAMPLE_TICKS: AtomicU64 = AtomicU64::new(u64::MAX);
/// More of them and programs come to nothing.
const MOST_SAMPLES: u64 = 100_000;

/// Where the kernel logs.
pub enum Kernel {}

// SAFETY: the mask is set only after every CPU has its buffer, and buffers stay.
unsafe impl Target for Kernel {
    const ALONE: bool = true;

    #[inline(always)]
    fn mask() -> u64 {
        MASK.load(Ordering::Relaxed)
    }
    #[inline(always)]
    fn buffer() -> NonNull<CpuBuffer> {
        // SAFETY of the pointer: set before the mask.
        NonNull::new(arch::per_cpu().trace.get()).unwrap_or(NonNull::dangling())
    }
}

/// Makes the region and switches on what `trace=` on the command line names; `sample=` says how many samples a second.
pub fn initialise(carver: &mut Carver, command_line: &str) -> Result<RealRange> {
    let cpus = start::cpus();
    let bytes = Region::bytes(cpus).next_multiple_of(PAGE_SIZE) as u64;
    let at = carver.take(bytes, PAGE_SIZE as u64)?;
    let base = NonNull::new(linear::<u8>(at)).ok_or(Error::EINVAL)?;
    // SAFETY: just taken, whole pages; the memory server maps it but gives it to nobody.
    let region = unsafe {
        arch::zero_pages(base.as_ptr() as u64, bytes);
        Region::create(
            base,
            bytes as usize,
            cpus,
            start::timebase_hz(),
            arch::timebase(),
        )
    };
    let region = region.map_err(|_| Error::EINVAL)?;
    for cpu in 0..cpus {
        let buffer = region
            .buffer(cpu, Side::Kernel)
            .map_or(core::ptr::null_mut(), NonNull::as_ptr);
        percpu::block(cpu).trace.set(buffer);
    }
    HEADER.store(base.as_ptr(), Ordering::Release);
    if let Some(list) = option(command_line, "trace") {
        match Class::mask_of(list) {
            Ok(mask) => set_mask(mask),
            Err(name) => log::error!("trace={list}: there is no class {name}"),
        }
        if let Some(text) = option(command_line, "sample") {
            match text.parse::<u64>() {
                Ok(0) => {}
                Ok(hz) if hz <= MOST_SAMPLES => {
                    SAMPLE_TICKS.store(start::timebase_hz() / hz, Ordering::Relaxed);
                }
                _ => log::error!("sample={text}: at most {MOST_SAMPLES} samples in a second"),
            }
        }
        let image = start::image_start();
        console::control(format_args!("trace {at} {bytes} {image}"));
    }
    Ok(RealRange { start: at, bytes })
}

/// The word of the command line that begins with `name=`.
fn option<'a>(command_line: &'a str, name: &str) -> Option<&'a str> {
    command_line
        .split_whitespace()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// When the next sample is due; never if there are none.
#[inline(always)]
pub fn next_sample(now: u64) -> u64 {
    now.saturating_add(SAMPLE_TICKS.load(Ordering::Relaxed))
}

/// Switches classes on and off, for the kernel and for all programs.
pub fn set_mask(mask: u64) {
    let base = NonNull::new(HEADER.load(Ordering::Acquire));
    // SAFETY: made by `initialise`, and stays.
    let region =
        base.and_then(|base| unsafe { Region::attach(base, Region::bytes(start::cpus())) }.ok());
    if let Some(region) = region {
        region.set_mask(mask);
        MASK.store(mask, Ordering::Release);
        let traced = mask & (Class::Ipc.bit() | Class::Exception.bit()) != 0;
        for cpu in 0..start::cpus() {
            percpu::block(cpu).set_careful(percpu::careful::TRACED, traced);
        }
        // Each dispatcher has its own copy, which its program reads.
        for process in (0..MAX_PROCESSES).filter_map(process::at) {
            // Under the lock of its list, none of them ends meanwhile.
            process.for_each(|dispatcher| {
                dispatcher.page().trace_mask.store(mask, Ordering::Relaxed);
            });
        }
    }
}

/// The classes that are on.
pub fn mask() -> u64 {
    MASK.load(Ordering::Acquire)
}
