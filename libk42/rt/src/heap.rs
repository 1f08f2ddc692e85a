//! The heap: `k42-alloc` over first the memory in the image, then an area at `layout::SERVER_HEAP` that grows upwards.

use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use k42_abi::{ProcessId, layout};
use k42_alloc::{Heap, Platform};
use k42_api::memory::{MapOptions, MemoryClient};
use k42_sched::{Mutex, Unpreempted};

/// Makes memory usable from the address given, for that many bytes (both page-aligned); whether it could. It must not
/// take a lock under which the heap is used.
pub type HeapGrower = fn(address: u64, bytes: usize) -> bool;

#[global_allocator]
static HEAP: Heap<Runtime> = Heap::new(Runtime);

struct Runtime;

/// What has not been given to the heap yet.
struct Sources {
    /// Next byte of the arena in the image, and its end.
    arena: (usize, usize),
    /// Bytes given at SERVER_HEAP.
    grown: usize,
}

static SOURCES: Mutex<Sources> = Mutex::new(Sources {
    arena: (0, 0),
    grown: 0,
});

// SAFETY: each piece is given once, from memory that is the program's own; giving it needs no heap.
unsafe impl Platform for Runtime {
    type Section = Unpreempted;

    fn cpu(&self) -> usize {
        k42_sched::processor()
    }

    fn extend(&self, bytes: usize) -> Option<NonNull<[u8]>> {
        let piece = |address: u64| {
            NonNull::new(core::ptr::slice_from_raw_parts_mut(
                address as *mut u8,
                bytes,
            ))
        };
        let mut sources = SOURCES.lock();
        let (next, end) = sources.arena;
        if end - next >= bytes {
            sources.arena.0 = next + bytes;
            return piece(next as u64);
        }
        let address = layout::SERVER_HEAP + sources.grown as u64;
        if !grow(address, bytes) {
            return None;
        }
        sources.grown += bytes;
        piece(address)
    }

    fn section(&self) -> Unpreempted {
        Unpreempted::begin()
    }
}

/// The grower as a number; zero: the memory server.
static GROWER: AtomicUsize = AtomicUsize::new(0);

/// Sets where more heap comes from. The default asks the memory server.
pub fn set_heap_grower(grower: HeapGrower) {
    GROWER.store(grower as usize, Ordering::Release);
}

/// # Safety
/// Once, at start, with memory that nobody else uses, in whole pages.
pub(crate) unsafe fn init(start: *mut u8, bytes: usize) {
    SOURCES.lock().arena = (
        start as usize,
        start as usize + bytes / layout::PAGE_SIZE * layout::PAGE_SIZE,
    );
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
