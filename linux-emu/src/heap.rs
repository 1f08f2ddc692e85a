//! The library's own heap: first a part in the image, then an area at `layout::EMU_HEAP` that grows upwards.
//!
//! Private and small: what is in it is copied at each fork.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{NonNull, null_mut};
use k42_abi::layout;
use k42_api::memory::MapOptions;
use k42_sched::Mutex;
use linked_list_allocator::Heap;

/// Bytes in the image: the dispatcher's stacks and the first thread come from here.
const ARENA: usize = 320 << 10;
/// Blocks up to this size are kept by size when they are given back, in steps of [`GRAIN`]: open files, paths and lists come
/// and go all the time, and the heap proper searches.
const SMALL: usize = 512;
const GRAIN: usize = 32;
/// Least amount to grow by.
const STEP: usize = 256 << 10;

#[repr(C, align(4096))]
struct Arena(UnsafeCell<[u8; ARENA]>);
// SAFETY: only its address is used; the heap hands the bytes out.
unsafe impl Sync for Arena {}
static MEMORY: Arena = Arena(UnsafeCell::new([0; ARENA]));

struct Parts {
    arena: Heap,
    grown: Heap,
    grown_bytes: usize,
    /// The first free block of each size, by address; each begins with the address of the next.
    small: [usize; SMALL / GRAIN],
}

/// Which list a block belongs to, and what it takes of the heap proper.
fn class_of(layout: Layout) -> (Option<usize>, Layout) {
    if layout.size() > SMALL || layout.align() > GRAIN {
        return (None, layout);
    }
    let class = layout.size().saturating_sub(1) / GRAIN;
    match Layout::from_size_align((class + 1) * GRAIN, GRAIN) {
        Ok(rounded) => (Some(class), rounded),
        Err(_) => (None, layout),
    }
}

struct LibraryHeap(Mutex<Parts>);

#[global_allocator]
static HEAP: LibraryHeap = LibraryHeap(Mutex::new(Parts {
    arena: Heap::empty(),
    grown: Heap::empty(),
    grown_bytes: 0,
    small: [0; SMALL / GRAIN],
}));

/// Makes the heap usable.
///
/// # Safety
/// Once, at start.
pub unsafe fn init() {
    // SAFETY: the arena is ours, by the caller's promise.
    unsafe { HEAP.0.lock().arena.init(MEMORY.0.get().cast(), ARENA) };
}

/// A stack for the scheduler.
pub fn stack(bytes: usize) -> Option<NonNull<u8>> {
    let layout = Layout::from_size_align(bytes, 128).ok()?;
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { alloc::alloc::alloc(layout) })
}

impl Parts {
    /// A block that was given back before.
    fn reuse(&mut self, class: usize) -> Option<NonNull<u8>> {
        let block = NonNull::new(core::ptr::with_exposed_provenance_mut::<usize>(
            self.small[class],
        ))?;
        // SAFETY: a block in the list is free and begins with the address of the next, see `keep`.
        self.small[class] = unsafe { block.read() };
        Some(block.cast())
    }

    /// Keeps a block for the next that wants one of its size.
    ///
    /// # Safety
    /// The block is free, of this class, and nobody else's.
    unsafe fn keep(&mut self, class: usize, block: NonNull<u8>) {
        // SAFETY: the caller's promise; a block is at least a word long and aligned for one.
        unsafe { block.cast::<usize>().write(self.small[class]) };
        self.small[class] = block.as_ptr().expose_provenance();
    }

    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.arena
            .allocate_first_fit(layout)
            .or_else(|()| self.grown.allocate_first_fit(layout))
            .ok()
    }

    /// Asks for more memory; whether there is some now.
    fn grow(&mut self, wanted: usize) -> bool {
        let bytes = wanted.max(STEP).next_multiple_of(STEP);
        let address = layout::EMU_HEAP + self.grown_bytes as u64;
        if address + bytes as u64 > layout::EMU_HEAP_END {
            return false;
        }
        let options =
            MapOptions::READ | MapOptions::WRITE | MapOptions::FIXED | MapOptions::LIBRARY;
        if crate::process::MEMORY
            .map_anonymous(address, bytes as u64, options.bits())
            .is_err()
        {
            return false;
        }
        // SAFETY: just mapped, right behind what there was.
        unsafe {
            if self.grown_bytes == 0 {
                self.grown.init(address as *mut u8, bytes);
            } else {
                self.grown.extend(bytes);
            }
        }
        self.grown_bytes += bytes;
        true
    }
}

// SAFETY: the parts are valid heaps; what they give out does not overlap.
unsafe impl GlobalAlloc for LibraryHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (class, layout) = class_of(layout);
        let mut parts = self.0.lock();
        if let Some(memory) = class.and_then(|class| parts.reuse(class)) {
            return memory.as_ptr();
        }
        if let Some(memory) = parts.take(layout) {
            return memory.as_ptr();
        }
        // The lock is held over the call: its stub needs no memory of ours.
        if !parts.grow(layout.size() + layout.align() + 64) {
            return null_mut();
        }
        parts.take(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let Some(memory) = NonNull::new(memory) else {
            return;
        };
        let (class, layout) = class_of(layout);
        let mut parts = self.0.lock();
        if let Some(class) = class {
            // SAFETY: it was a block of this class, since the same layout gives the same class, and is given up.
            unsafe { parts.keep(class, memory) };
            return;
        }
        let grown = memory.as_ptr() as u64 >= layout::EMU_HEAP;
        let heap = if grown {
            &mut parts.grown
        } else {
            &mut parts.arena
        };
        // SAFETY: it came from this part, by the caller's promise.
        unsafe { heap.deallocate(memory, layout) };
    }
}
