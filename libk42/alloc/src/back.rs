//! The back end: slabs and large blocks, first fit, grown from the platform.

use core::alloc::Layout;
use core::ptr::NonNull;

use linked_list_allocator::Heap as Holes;

use crate::heap::Platform;

/// What the back end asks for at least when it grows.
const GROWTH: usize = 256 * 1024;
const PAGE: usize = 4096;

/// Holes in the memory that the platform has given so far.
pub(crate) struct Back {
    holes: Holes,
    /// The end of the memory, from which it must go on.
    end: usize,
}

impl Back {
    pub(crate) const fn new() -> Back {
        Back {
            holes: Holes::empty(),
            end: 0,
        }
    }

    /// Bytes from the platform, and bytes of these in use.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        (self.holes.size(), self.holes.used())
    }

    pub(crate) fn take(&mut self, layout: Layout, platform: &impl Platform) -> Option<NonNull<u8>> {
        if let Ok(block) = self.holes.allocate_first_fit(layout) {
            return Some(block);
        }
        // Alignment may cost as much again, and a hole in front of the block must not be too small to be one.
        let need = layout
            .size()
            .checked_add(layout.align())?
            .checked_add(PAGE)?;
        let need = need.checked_next_multiple_of(PAGE)?;
        if !(self.grow(need.max(GROWTH), platform) || self.grow(need, platform)) {
            return None;
        }
        self.holes.allocate_first_fit(layout).ok()
    }

    fn grow(&mut self, bytes: usize, platform: &impl Platform) -> bool {
        let Some(start) = platform.extend(bytes) else {
            return false;
        };
        let first = self.end == 0;
        if !first && start.addr().get() != self.end {
            return false; // a platform that breaks its promise loses the memory, and nothing else
        }
        self.end = start.addr().get() + bytes;
        // SAFETY: the platform gives the memory for good. The first piece begins the heap, each further one begins
        // where the last ended.
        unsafe {
            if first {
                self.holes.init(start.as_ptr(), bytes);
            } else {
                self.holes.extend(bytes);
            }
        }
        true
    }

    /// # Safety
    /// The block came from [`take`](Self::take) with this layout, and nobody uses it any more.
    pub(crate) unsafe fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: promised by the caller.
        unsafe { self.holes.deallocate(block, layout) };
    }
}
