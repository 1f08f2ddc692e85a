//! Where programs log: the programs' side of the trace region, which is mapped at the same address into all of them.

use core::ptr::NonNull;
#[cfg(target_os = "none")]
use core::sync::atomic::Ordering;

#[cfg(target_os = "none")]
use k42_abi::layout::TRACE;
pub use k42_trace::{Class, events};
use k42_trace::{CpuBuffer, Target};
#[cfg(target_os = "none")]
use k42_trace::{Region, RegionHeader};

/// The target of every program: `events::ipc::serve::<User>(...)`. On the host nothing is ever on.
#[derive(Debug)]
pub enum User {}

/// The region's first page. The kernel always makes a region, and every address space has it.
#[cfg(target_os = "none")]
#[inline(always)]
fn header() -> &'static RegionHeader {
    // SAFETY: mapped read-only in every process, for good; the kernel made it before there were processes.
    unsafe { &*(TRACE as *const RegionHeader) }
}

/// Whether events of a class are on: for when the arguments of an event are dear.
#[inline(always)]
pub fn is_on(class: Class) -> bool {
    User::mask() & class.bit() != 0
}

// SAFETY: the region stays mapped, with the programs' buffers writable.
#[cfg(target_os = "none")]
unsafe impl Target for User {
    #[inline(always)]
    fn mask() -> u64 {
        header().mask.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn buffer() -> NonNull<CpuBuffer> {
        let cpus = header().cpus as usize;
        let cpu = crate::processor();
        // What lies in the dispatcher's page is in this program's own hand; it must not lead out of the region.
        let cpu = if cpu < cpus { cpu } else { 0 };
        let address = TRACE as usize + Region::user_offset(cpus) + cpu * size_of::<CpuBuffer>();
        NonNull::new(address as *mut CpuBuffer).unwrap_or(NonNull::dangling())
    }
}

// SAFETY: nothing is ever on.
#[cfg(not(target_os = "none"))]
unsafe impl Target for User {
    fn mask() -> u64 {
        0
    }

    fn buffer() -> NonNull<CpuBuffer> {
        NonNull::dangling()
    }
}
