//! Translations as the memory server asks for them.

bitflags::bitflags! {
    /// Access and size of a mapping.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct MapFlags: u64 {
        /// Loads.
        const READ = 1 << 0;
        /// Stores.
        const WRITE = 1 << 1;
        /// Instruction fetches.
        const EXECUTE = 1 << 2;
        /// The page is 2 MiB (address and frame aligned to that) instead of 4 KiB.
        const LARGE = 1 << 8;
    }
}

/// One entry of a MAP_BATCH, as it lies in the message slot.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MapOperation {
    /// Address in the process, page-aligned.
    pub address: u64,
    /// Real address of the first frame, page-aligned.
    pub frame: u64,
    /// Bits of [`MapFlags`].
    pub flags: u64,
    /// Consecutive pages of frames that are consecutive too; at most [`MAX_RUN`] (E2BIG).
    pub pages: u64,
}

/// Bytes in a large page.
pub const LARGE_PAGE: u64 = 2 << 20;

/// Most pages in one operation: the kernel works with interrupts off.
pub const MAX_RUN: u64 = 512;
