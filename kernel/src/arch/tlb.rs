//! Invalidation of cached translations (Power ISA 3.0B book III, `tlbie`), by the guest itself
//! (GTSE). Broadcast: on return from [`sync`] no CPU uses what was invalidated.

use core::arch::asm;

/// Page sizes as the AP field of RB encodes them (`ibm,processor-radix-AP-encodings`).
#[derive(Clone, Copy)]
pub enum PageSize {
    /// 4 KiB.
    Small = 0,
    /// 2 MiB.
    Large = 1,
}

/// Forgets one page of process table entry `pid`. [`sync`] afterwards.
#[inline]
pub fn invalidate_page(pid: u64, address: u64, size: PageSize) {
    let rb = address & !0xfff | (size as u64) << 5;
    let rs = pid << 32;
    // SAFETY: only cached translations are lost. RIC=0, PRS=1, R=1.
    unsafe {
        asm!(".long 0x7c000264 | 1 << 17 | 1 << 16 | 4 << 21 | 5 << 11",
             in("r4") rs, in("r5") rb, options(nostack));
    }
}

/// Forgets everything of process table entry `pid`, the entry included. [`sync`] afterwards.
pub fn invalidate_process(pid: u64) {
    let rb = 1u64 << 10;
    let rs = pid << 32;
    // SAFETY: as above. RIC=2, PRS=1, R=1, IS=1.
    unsafe {
        asm!("ptesync", ".long 0x7c000264 | 2 << 18 | 1 << 17 | 1 << 16 | 4 << 21 | 5 << 11",
             in("r4") rs, in("r5") rb, options(nostack));
    }
}

/// Waits until all CPUs have done what the instructions before asked.
#[inline]
pub fn sync() {
    // SAFETY: barriers.
    unsafe { asm!("eieio", "tlbsync", "ptesync", options(nostack)) };
}

/// Makes a table entry that was written before visible to the hardware's walks.
#[inline]
pub fn entry_written() {
    // SAFETY: a barrier.
    unsafe { asm!("ptesync", options(nostack)) };
}
