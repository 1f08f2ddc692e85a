//! The back end: slabs and large blocks, from whatever memory the platform has given.
//!
//! This is the `talc` crate, which keeps gaps in lists by size and takes memory in any number of pieces. The lock is
//! not held while the platform is asked for more: in a server that is a protected call.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use k42_sync::SpinMutex;
use talc::DefaultBinning;
use talc::base::Talc;
use talc::source::Manual;

use crate::heap::Platform;
use crate::slab::SLAB;

/// What the back end asks for at least.
const GROWTH: usize = 256 * 1024;
const PAGE: usize = 4096;
/// What a piece of memory may cost beyond its blocks: the lists, which are in the first piece, and tags.
const OVERHEAD: usize = 8192;
/// How often memory is asked for in one request: others may take what was given before it can be used.
const TRIES: u32 = 3;

/// Slabs are aligned, and `talc` keeps a word beside each block; so slabs are taken many at a time and cut here.
const SPAN: usize = 8;

/// The layout of a number of slabs.
fn span(slabs: usize) -> Option<Layout> {
    Layout::from_size_align(SLAB * slabs, SLAB).ok()
}

impl Pieces {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: large blocks and slabs have a size.
        let block = unsafe { self.talc.try_allocate(layout) }?;
        self.used += layout.size();
        Some(block)
    }

    fn allocate_slab(&mut self) -> Option<NonNull<u8>> {
        if self.slabs.1 == 0 {
            let whole = span(SPAN).and_then(|layout| Some((self.allocate(layout)?, SPAN)));
            let (first, count) = whole.or_else(|| Some((self.allocate(span(1)?)?, 1)))?;
            self.slabs = (first.as_ptr(), count);
        }
        let slab = self.slabs.0;
        self.slabs = (slab.wrapping_add(SLAB), self.slabs.1 - 1);
        NonNull::new(slab)
    }
}

/// The locked back end.
pub(crate) struct Back(SpinMutex<Pieces>);

struct Pieces {
    talc: Talc<Manual, DefaultBinning>,
    /// Where the latest piece ends: as the platform gave it, and as talc uses it.
    end: Option<(usize, NonNull<u8>)>,
    total: usize,
    used: usize,
    /// Slabs that are cut from a span but not given out yet: the next one, and how many.
    slabs: (*mut u8, usize),
}

// SAFETY: the pointers are to memory that the heap owns.
unsafe impl Send for Pieces {}

impl Back {
    pub(crate) const fn new() -> Back {
        Back(SpinMutex::new(Pieces {
            talc: Talc::new(Manual),
            end: None,
            total: 0,
            used: 0,
            slabs: (ptr::null_mut(), 0),
        }))
    }

    /// Bytes from the platform, and bytes of these in use.
    pub(crate) fn bytes(&self, platform: &impl Platform) -> (usize, usize) {
        let _section = platform.section();
        let pieces = self.0.lock();
        (pieces.total, pieces.used)
    }

    /// A block; `layout` is of at least one byte.
    pub(crate) fn take(&self, layout: Layout, platform: &impl Platform) -> Option<NonNull<u8>> {
        self.take_by(layout, platform, |pieces| pieces.allocate(layout))
    }

    /// A slab.
    pub(crate) fn take_slab(&self, platform: &impl Platform) -> Option<NonNull<u8>> {
        self.take_by(span(SPAN)?, platform, Pieces::allocate_slab)
            .or_else(|| self.take_by(span(1)?, platform, Pieces::allocate_slab))
    }

    /// Tries, and asks the platform for as much as `layout` needs between tries.
    fn take_by(
        &self,
        layout: Layout,
        platform: &impl Platform,
        take: impl Fn(&mut Pieces) -> Option<NonNull<u8>>,
    ) -> Option<NonNull<u8>> {
        let try_take = || {
            let _section = platform.section();
            take(&mut self.0.lock())
        };
        let need = layout
            .size()
            .checked_add(layout.align())?
            .checked_add(OVERHEAD)?;
        let need = need.checked_next_multiple_of(PAGE)?;
        for _ in 0..TRIES {
            if let Some(block) = try_take() {
                return Some(block);
            }
            let more = platform
                .extend(need.max(GROWTH))
                .or_else(|| platform.extend(need))?;
            // SAFETY: the platform gives the memory for good.
            unsafe { self.add(more, platform) };
        }
        try_take()
    }

    /// Takes memory in.
    ///
    /// # Safety
    /// The memory is the heap's for ever.
    pub(crate) unsafe fn add(&self, memory: NonNull<[u8]>, platform: &impl Platform) {
        let start = memory.cast::<u8>();
        let _section = platform.section();
        let mut pieces = self.0.lock();
        // SAFETY: the address after a piece of memory.
        let end = unsafe { start.add(memory.len()) };
        let used_end = match pieces.end {
            // SAFETY: the piece continues the latest, whose end this is; both are ours.
            Some((at, used)) if at == start.addr().get() => unsafe {
                Some(pieces.talc.extend(used, end.as_ptr()))
            },
            // SAFETY: the piece is ours.
            _ => unsafe { pieces.talc.claim(start.as_ptr(), memory.len()) },
        };
        // A piece that is too small to be of use is not counted.
        if let Some(used_end) = used_end {
            pieces.end = Some((end.addr().get(), used_end));
            pieces.total += memory.len();
        }
    }

    /// # Safety
    /// The block came from [`take`](Self::take) with this layout, and nobody uses it any more.
    pub(crate) unsafe fn give(&self, block: NonNull<u8>, layout: Layout, platform: &impl Platform) {
        let _section = platform.section();
        let mut pieces = self.0.lock();
        pieces.used -= layout.size();
        // SAFETY: promised by the caller.
        unsafe { pieces.talc.deallocate(block.as_ptr(), layout) };
    }
}
