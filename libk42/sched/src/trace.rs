//! Where programs log: the programs' side of the trace region, which is mapped at the same address into all of them.

use core::ptr::NonNull;
#[cfg(target_os = "none")]
use core::sync::atomic::Ordering;

#[cfg(target_os = "none")]
use crate::word;
#[cfg(target_os = "none")]
use k42_abi::CommId;
#[cfg(target_os = "none")]
use k42_abi::layout::TRACE;
pub use k42_trace::{Class, TEXT_BYTES, events, text_words};
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

/// The number of this process, for events.
#[inline]
pub(crate) fn own_process() -> u64 {
    #[cfg(target_os = "none")]
    return u64::from(CommId(page().comm_id.load(Ordering::Relaxed)).process().0);
    #[cfg(not(target_os = "none"))]
    0
}

/// What becomes of a thread, as an event. Not inlined, so that nothing of it is in the way when nobody traces.
#[cold]
#[inline(never)]
pub(crate) fn note_thread(what: fn(u64, u64), thread: *const crate::Thread) {
    what(own_process(), thread.addr() as u64);
}

/// As [`crate::page`], and the compiler may take one that it has already: events go to the buffer of a dispatcher on which
/// the thread was a moment ago, at worst, and there they harm nobody.
#[cfg(target_os = "none")]
#[inline(always)]
fn page() -> &'static crate::Page {
    let page: u64;
    // SAFETY: as in `dispatcher::page`.
    unsafe {
        core::arch::asm!("mfspr {}, 259", out(reg) page, options(pure, nomem, nostack, preserves_flags));
        &*(page as *const crate::Page)
    }
}

/// Notes in the dispatcher's page where its events go; before it logs any.
#[cfg(target_os = "none")]
pub(crate) fn prepare(page: &crate::Page) {
    let cpus = header().cpus as usize;
    let cpu = page.cpu.load(Ordering::Relaxed) as usize;
    let cpu = if cpu < cpus { cpu } else { 0 };
    let address = TRACE as usize + Region::user_offset(cpus) + cpu * size_of::<CpuBuffer>();
    page.library[word::TRACE_BUFFER].store(address as u64, Ordering::Relaxed);
}

// SAFETY: the region stays mapped, with the programs' buffers writable; a dispatcher notes its buffer before it does
// anything else.
#[cfg(target_os = "none")]
unsafe impl Target for User {
    #[inline(always)]
    fn mask() -> u64 {
        page().trace_mask.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn buffer() -> NonNull<CpuBuffer> {
        let address = page().library[word::TRACE_BUFFER].load(Ordering::Relaxed);
        // SAFETY: `prepare` has stored an address that is not zero.
        unsafe { NonNull::new_unchecked(address as *mut CpuBuffer) }
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
