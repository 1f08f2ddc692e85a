//! Radix translation trees (Power ISA 3.0B book III, "Radix Tree Translation"), in the one shape that
//! QEMU and POWER9 share: 52-bit addresses, levels of 13, 9, 9 and 9 bits, pages of 4 KiB, leaves of 2 MiB and
//! 1 GiB at the upper levels.
//!
//! Table words are big-endian in memory. Every leaf is installed with R set, and C if writable: then the
//! hardware (and QEMU, which does it without atomicity) never has a reason to write a table.

use core::sync::atomic::{AtomicU64, Ordering};

use k42_abi::map::MapFlags;
use k42_boot::linear;

const VALID: u64 = 1 << 63;
const LEAF: u64 = 1 << 62;
const REFERENCED: u64 = 0x100;
const CHANGED: u64 = 0x80;
const PRIVILEGED: u64 = 0x8;
const READ: u64 = 0x4;
const WRITE: u64 = 0x2;
const EXECUTE: u64 = 0x1;
const ADDRESS: u64 = 0x01ff_ffff_ffff_f000;
const NEXT_TABLE: u64 = 0x01ff_ffff_ffff_ff00;

/// Bytes of a root table.
pub const ROOT_BYTES: u64 = 64 << 10;
/// Lowest level: tables of 4 KiB pages.
pub const LAST_LEVEL: u32 = 3;

/// Entries that are looked at together by who looks for any: most tables are nearly empty.
pub const GROUP: u64 = 8;

/// log2 of the bytes that an entry at `level` (0 = root) covers.
pub const fn span_shift(level: u32) -> u32 {
    39 - 9 * level
}

/// Number of entries of a table at `level`.
pub const fn entries(level: u32) -> u64 {
    if level == 0 { 1 << 13 } else { 1 << 9 }
}

/// One table word, native order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry(u64);

impl Entry {
    /// Nothing there.
    pub const EMPTY: Self = Self(0);

    /// Points to the next table.
    pub const fn table(address: u64) -> Self {
        Self(VALID | address | 9)
    }
    /// A page of a program.
    pub fn page(address: u64, flags: MapFlags) -> Self {
        let mut word = VALID | LEAF | REFERENCED | address;
        if flags.contains(MapFlags::READ) {
            word |= READ;
        }
        if flags.contains(MapFlags::WRITE) {
            word |= READ | WRITE | CHANGED;
        }
        if flags.contains(MapFlags::EXECUTE) {
            word |= EXECUTE;
        }
        Self(word)
    }
    /// The same for the page at `address`, of an entry made for address 0.
    #[inline]
    pub const fn at(self, address: u64) -> Self {
        Self(self.0 | address)
    }
    /// A page of the kernel: everything allowed, to the kernel only.
    pub const fn kernel(address: u64) -> Self {
        Self(VALID | LEAF | REFERENCED | CHANGED | PRIVILEGED | READ | WRITE | EXECUTE | address)
    }
    /// Whether there is anything.
    pub const fn is_valid(self) -> bool {
        self.0 & VALID != 0
    }
    /// Whether it is a page.
    pub const fn is_leaf(self) -> bool {
        self.0 & LEAF != 0
    }
    /// Real address of the page.
    pub const fn address(self) -> u64 {
        self.0 & ADDRESS
    }
    /// Real address of the table that it points to.
    pub const fn next(self) -> u64 {
        self.0 & NEXT_TABLE
    }
}

/// A table at a real address.
#[derive(Clone, Copy)]
pub struct Table(u64);

impl Table {
    /// The table at real address `address`.
    ///
    /// # Safety
    /// The frame is a table and stays one while the value is used; the tree's lock is held, or the
    /// tree is not yet in use.
    pub const unsafe fn new(address: u64) -> Self {
        Self(address)
    }
    fn word(self, index: u64) -> &'static AtomicU64 {
        // SAFETY: by the promise of `new` the frame is a table; the hardware reads it, only the kernel writes.
        unsafe { &*linear::<AtomicU64>(self.0 + index * 8) }
    }
    /// Entry `index`.
    #[inline]
    pub fn get(self, index: u64) -> Entry {
        let word = self.word(index);
        #[cfg(target_endian = "little")]
        {
            let value;
            // SAFETY: loads the word that the reference names, whole and in one piece, with its bytes reversed. (The
            // compiler does not join an atomic load and a swap: it makes fifteen instructions of them.)
            unsafe {
                core::arch::asm!("ldbrx {}, 0, {}", out(reg) value, in(reg) word.as_ptr(),
                    options(nostack, readonly, preserves_flags));
            }
            Entry(value)
        }
        #[cfg(target_endian = "big")]
        Entry(word.load(Ordering::Relaxed))
    }
    /// Whether the [`GROUP`] entries from `index` on, a multiple of that, are all empty.
    #[inline]
    pub fn is_group_empty(self, index: u64) -> bool {
        let words = (index..index + GROUP).map(|index| self.word(index).load(Ordering::Relaxed));
        words.fold(0, |all, word| all | word) == 0
    }
    /// Sets entry `index`.
    #[inline]
    pub fn set(self, index: u64, entry: Entry) {
        let word = self.word(index);
        #[cfg(target_endian = "little")]
        // SAFETY: as in `get`, a store; what was written before is seen before it.
        unsafe {
            core::arch::asm!("lwsync", "stdbrx {}, 0, {}", in(reg) entry.0, in(reg) word.as_ptr(),
                options(nostack, preserves_flags));
        }
        #[cfg(target_endian = "big")]
        word.store(entry.0, Ordering::Release);
    }
}

/// First doubleword of a process table entry for a tree with its root at `root`.
pub const fn process_table_entry(root: u64) -> u64 {
    // RTS = 21 (52-bit), split 2 + 3 bits; RPDS = 13.
    const RTS: u64 = 2 << 61 | 5 << 5;
    RTS | root | 13
}
