//! What a server finds at its first RUN upcall.
//!
//! The kernel starts the memory server with r3 = address of a [`MemoryBoot`] page; the memory
//! server starts the others, with r3 = address of the [`ServerBoot`] words that it put at the end of
//! their dispatcher page's library area.

/// Identifies a [`MemoryBoot`].
pub const MEMORY_BOOT_MAGIC: u64 = 0x4b34_326d_656d_3031;

/// A range of real memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RealRange {
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// Most ranges in a [`MemoryBoot`].
pub const MAX_RANGES: usize = 32;

/// The kernel's words to the memory server, in a read-only page.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MemoryBoot {
    /// [`MEMORY_BOOT_MAGIC`].
    pub magic: u64,
    /// Entries of `free` that are used.
    pub free_ranges: u64,
    /// Memory that belongs to the memory server now: page-aligned, mapped in its window at
    /// `layout::MEMORY_WINDOW + real address`.
    pub free: [RealRange; MAX_RANGES],
    /// The boot archive (a tar file), mapped in the window; its frames are the server's too.
    pub archive: RealRange,
    /// The memory server's own image and areas (mapped in the window, in use).
    pub image: RealRange,
    /// Real address of the kernel information page.
    pub kernel_info: u64,
    /// The trace region.
    pub trace: RealRange,
    /// Highest real address of memory, exclusive.
    pub memory_top: u64,
}
