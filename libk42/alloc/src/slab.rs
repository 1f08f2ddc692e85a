//! A slab: 32 KiB, aligned, of blocks of one size that belong to one CPU.
//!
//! The home CPU stands at the slab's start, found from a block by clearing low bits of its address. Block `n` lies at
//! `n` sizes from the start, which gives each block the alignment of its size; those that would overlap the header are
//! left out.

use core::ptr::{self, NonNull};

use crate::class::Class;

/// Bytes of a slab, and its alignment.
pub(crate) const SLAB: usize = 32 * 1024;

/// What a slab begins with; written once, so reading it from any CPU disturbs nobody.
#[repr(C)]
struct Header {
    home: usize,
}

/// The rest of a slab that has not been carved yet.
#[derive(Clone, Copy)]
pub(crate) struct Rest {
    base: *mut u8,
    next: usize,
}

impl Rest {
    pub(crate) const NONE: Rest = Rest {
        base: ptr::null_mut(),
        next: SLAB,
    };

    /// Makes a slab of new memory.
    ///
    /// # Safety
    /// The memory has a slab's size and alignment, and is the caller's.
    pub(crate) unsafe fn new(memory: NonNull<u8>, home: usize, class: Class) -> Rest {
        // SAFETY: the memory is ours and larger than a header.
        unsafe { memory.cast::<Header>().write(Header { home }) };
        memory.expose_provenance();
        let size = class.size();
        Rest {
            base: memory.as_ptr(),
            next: size_of::<Header>().div_ceil(size) * size,
        }
    }

    /// Carves the next block.
    #[inline]
    pub(crate) fn carve(&mut self, class: Class) -> Option<NonNull<u8>> {
        let start = self.next;
        if start + class.size() > SLAB {
            return None;
        }
        self.next += class.size();
        // SAFETY: the block lies within the slab (a rest without slab has no room).
        NonNull::new(unsafe { self.base.add(start) })
    }
}

/// The CPU that a block belongs to.
///
/// # Safety
/// The block was carved from a slab.
#[inline]
pub(crate) unsafe fn home_of(block: NonNull<u8>) -> usize {
    let header = ptr::with_exposed_provenance::<Header>(block.addr().get() & !(SLAB - 1));
    // SAFETY: a slab begins with its header, which is never written again.
    unsafe { (*header).home }
}

/// The block as it was carved. What comes back from a user may be good for fewer bytes (those of the user's type).
///
/// # Safety
/// The block was carved from a slab.
#[inline]
pub(crate) unsafe fn whole(block: NonNull<u8>) -> NonNull<u8> {
    NonNull::with_exposed_provenance(block.addr())
}
