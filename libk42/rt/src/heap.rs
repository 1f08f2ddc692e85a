//! The heap: first the part in the image, then an area at `layout::SERVER_HEAP` that grows upwards.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use k42_abi::{ProcessId, layout};
use k42_api::memory::{MapOptions, MemoryClient};
use k42_sched::Mutex;
use linked_list_allocator::Heap;

/// Makes memory usable from the address given, for that many bytes (both page-aligned); whether it could.
pub type HeapGrower = fn(address: u64, bytes: usize) -> bool;

/// Least amount to grow by.
const STEP: usize = 1 << 20;

struct Parts {
    /// In the image.
    arena: Heap,
    /// At SERVER_HEAP.
    grown: Heap,
    grown_bytes: usize,
}

struct ServerHeap(Mutex<Parts>);

#[global_allocator]
static HEAP: ServerHeap = ServerHeap(Mutex::new(Parts {
    arena: Heap::empty(),
    grown: Heap::empty(),
    grown_bytes: 0,
}));

/// The grower as a number; zero: the memory server.
static GROWER: AtomicUsize = AtomicUsize::new(0);

/// Sets where more heap comes from. The default asks the memory server.
pub fn set_heap_grower(grower: HeapGrower) {
    GROWER.store(grower as usize, Ordering::Release);
}

/// # Safety
/// Once, at start, with memory that nobody else uses.
pub(crate) unsafe fn init(start: *mut u8, bytes: usize) {
    // SAFETY: the caller's promise.
    unsafe { HEAP.0.lock().arena.init(start, bytes) };
}

/// A stack from the heap.
pub(crate) fn stack(bytes: usize) -> Option<NonNull<u8>> {
    let layout = Layout::from_size_align(bytes, 128).ok()?;
    // SAFETY: the size is not zero.
    NonNull::new(unsafe { alloc::alloc::alloc(layout) })
}

fn ask_memory_server(address: u64, bytes: usize) -> bool {
    if crate::own_process() == ProcessId::MEMORY {
        return false;
    }
    let options = MapOptions::READ | MapOptions::WRITE | MapOptions::FIXED;
    MemoryClient::root(ProcessId::MEMORY)
        .map_anonymous(address, bytes as u64, options.bits())
        .is_ok()
}

/// Whether calls to other servers work yet.
static CALLS_WORK: AtomicBool = AtomicBool::new(false);

/// From now on the heap may grow: there are threads, and the entry points are set.
pub(crate) fn allow_growth() {
    CALLS_WORK.store(true, Ordering::Release);
}

fn grow(address: u64, bytes: usize) -> bool {
    if !CALLS_WORK.load(Ordering::Acquire) {
        return false;
    }
    match GROWER.load(Ordering::Acquire) {
        0 => ask_memory_server(address, bytes),
        grower => {
            // SAFETY: `set_heap_grower` stored a function of this type.
            let grower = unsafe { core::mem::transmute::<usize, HeapGrower>(grower) };
            grower(address, bytes)
        }
    }
}

impl Parts {
    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        if let Ok(memory) = self.arena.allocate_first_fit(layout) {
            return Some(memory);
        }
        self.grown.allocate_first_fit(layout).ok()
    }
    /// Takes in `bytes` more at the end of the grown part.
    ///
    /// # Safety
    /// They are usable.
    unsafe fn extend(&mut self, bytes: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if self.grown_bytes == 0 {
                self.grown.init(layout::SERVER_HEAP as *mut u8, bytes);
            } else {
                self.grown.extend(bytes);
            }
        }
        self.grown_bytes += bytes;
    }
}

// SAFETY: the parts are valid heaps; what they give out does not overlap.
unsafe impl GlobalAlloc for ServerHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut parts = self.0.lock();
        if let Some(memory) = parts.take(layout) {
            return memory.as_ptr();
        }
        // The lock is held while the memory server maps more: its reply needs no memory of ours.
        let bytes = (layout.size() + layout.align() + 64)
            .max(STEP)
            .next_multiple_of(STEP);
        if !grow(layout::SERVER_HEAP + parts.grown_bytes as u64, bytes) {
            return null_mut();
        }
        // SAFETY: just made usable.
        unsafe { parts.extend(bytes) };
        parts.take(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let mut parts = self.0.lock();
        let Some(memory) = NonNull::new(memory) else {
            return;
        };
        let heap = if memory.as_ptr() as u64 >= layout::SERVER_HEAP {
            &mut parts.grown
        } else {
            &mut parts.arena
        };
        // SAFETY: it came from this part, by the caller's promise.
        unsafe { heap.deallocate(memory, layout) };
    }
}
