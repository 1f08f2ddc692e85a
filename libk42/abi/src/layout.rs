//! Where things lie in an address space, the same in every process and on every machine.
//!
//! ```text
//! 0 .. 0x3ff0_0000_0000            the program (or a server's own image, heap and mappings)
//! 0x3ff0_0000_0000 .. 2^46         the library area: nothing in it belongs to the program
//! 0xc000_0000_0000_0000 ..         the kernel's linear window on real memory
//! ```

/// Base page size in bytes on every machine.
pub const PAGE_SIZE: usize = 4096;
/// log2 of [`PAGE_SIZE`].
pub const PAGE_SHIFT: u32 = 12;
/// First address above user space (64 TiB), on every translation scheme.
pub const USER_TOP: u64 = 1 << 46;
/// Start of the library area; the program's own mappings stay below it.
pub const LIBRARY_BASE: u64 = 0x3ff0_0000_0000;
// What every process has lies close together, so that few tables translate it: the first three of these share a last
// table, the library's data and the beginning of its heap another.

/// The kernel information page, read-only in every process.
pub const KERNEL_INFO: u64 = LIBRARY_BASE;
/// Pages with code that a program may call or return through (the vDSO).
pub const VDSO: u64 = 0x3ff0_0001_0000;
/// Dispatcher areas: that of dispatcher `n` starts at `DISPATCHERS + n * DISPATCHER_STRIDE`.
pub const DISPATCHERS: u64 = 0x3ff0_0010_0000;
/// Distance between dispatcher areas.
pub const DISPATCHER_STRIDE: u64 = 1 << 20;
/// The trace region: headers and kernel buffers read-only, user buffers writable.
pub const TRACE: u64 = 0x3ff0_1000_0000;
/// Where the image of linux-emu is linked and mapped: text in a large page, the rest behind it. A Linux system call from
/// at or above this address is a bug of the library and becomes a trap.
pub const EMU_IMAGE: u64 = 0x3ff1_0000_0000;
/// Private heap of the library, grows upwards.
pub const EMU_HEAP: u64 = 0x3ff1_0030_0000;
/// Limit of the library's heap.
pub const EMU_HEAP_END: u64 = EMU_WINDOWS;
/// File windows of the library, up to [`USER_TOP`].
pub const EMU_WINDOWS: u64 = 0x3ff4_0000_0000;

/// Where server images are linked.
pub const SERVER_IMAGE: u64 = 0x1000_0000;
/// Where a server's heap starts, growing upwards.
pub const SERVER_HEAP: u64 = 0x20_0000_0000;
/// The memory server's window on all of real memory that the kernel does not keep.
pub const MEMORY_WINDOW: u64 = 0x2000_0000_0000;
/// The kernel's linear window.
pub const KERNEL_WINDOW: u64 = 0xc000_0000_0000_0000;

const _: () = assert!(DISPATCHERS + crate::info::MAX_CPUS as u64 * DISPATCHER_STRIDE <= TRACE);

/// Address of dispatcher `vp`'s page.
pub const fn dispatcher_page(vp: u32) -> u64 {
    DISPATCHERS + vp as u64 * DISPATCHER_STRIDE
}
