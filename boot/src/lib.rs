//! From firmware to [`BootInfo`]: everything that happens before the kernel proper.
//!
//! A machine's firmware (Open Firmware on IBM partitions and on Apple's machines, OPAL on
//! bare POWER servers) loads the kernel image somewhere and jumps at its first byte. This
//! crate is what is there: it puts the CPU into a known state (`start.S`), learns from the
//! firmware what the machine is, lets go of the firmware, and calls `kernel_main` with one
//! `&'static BootInfo`. The kernel never speaks to firmware and never walks a device tree
//! for what it needs at start; later users (drivers) get the tree in flattened form.
//!
//! Principles:
//!
//! 1. **One way out.** However the machine was entered, the result is a flattened device
//!    tree ([`of::flatten`]) and a [`BootInfo`] read from it ([`tree`]). A new firmware is
//!    a new way to get the tree, nothing else.
//! 2. **Nothing is allocated.** Fixed tables, one claimed range for the tree. What does not
//!    fit is an error with a name, printed, not a wrong machine.
//! 3. **Logic runs on the host.** Only `start.S`, the firmware call and the hypervisor call
//!    need the machine; flattening and reading are tested with trees dumped from QEMU.
//!
//! The path on QEMU pseries: `_start` → `start` → Open Firmware: negotiate
//! (`ibm,client-architecture-support`: [`of::cas`]), then flatten the tree, then `quiesce`
//! → read the tree → `kernel_main`. On a bare POWER server OPAL hands over a flattened tree
//! and stays for calls ([`opal`]).
//!
//! | machine | way in | state |
//! |---|---|---|
//! | QEMU pseries (POWER8 to 10, 970MP), SLOF or VOF | Open Firmware | works, all CPUs |
//! | QEMU powernv9 | OPAL | works, all CPUs; no wall clock |
//! | PowerVM | Open Firmware | not tried; services need H_RTAS, which it lacks |
//! | QEMU mac99, Apple G5 | OpenBIOS | not yet: entered with translation on, and has no console here |
//!
//! What the kernel supplies:
//!
//! * `#[unsafe(no_mangle)] extern "C" fn kernel_main(info: &'static BootInfo) -> !`: the boot
//!   CPU, real mode, interrupts off, on a stack of 64 KiB within the image;
//! * `#[unsafe(no_mangle)] extern "C" fn kernel_secondary(cpu_index: u64) -> !`: each CPU that
//!   `secondary::start_secondary` started, in the same state, on the stack of its record;
//! * in its build script, for targets with `os = "none"`, the link arguments
//!   `-T<this folder>/kernel.ld` and `-zmax-page-size=65536`;
//! * a panic handler. [`early_println!`] works from the first instruction on.
//!
//! All code runs in the linear map: an address is [`LINEAR_BASE`] plus the physical
//! address, with translation off as well as on, because real mode ignores the top bits.

#![cfg_attr(not(test), no_std)]

pub mod early;
pub mod info;
pub mod of;
pub mod opal;
pub mod papr;
pub mod tree;

#[cfg(target_os = "none")]
pub mod secondary;
#[cfg(target_os = "none")]
pub mod start;

pub use info::BootInfo;

/// Where the kernel sees physical address 0.
pub const LINEAR_BASE: u64 = 0xc000_0000_0000_0000;

/// The physical address behind an address in the linear map, to be given to firmware,
/// hypervisor or device (hence the provenance is exposed).
pub fn physical<T: ?Sized>(place: *const T) -> u64 {
    place.expose_provenance() as u64 & !LINEAR_BASE
}

/// The place in the linear map of a physical address.
pub fn linear<T>(physical: u64) -> *mut T {
    core::ptr::with_exposed_provenance_mut((LINEAR_BASE | physical) as usize)
}
