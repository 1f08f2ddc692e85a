//! The heap: fronts over the back end, as Rust's global allocator.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use k42_sync::{SpinMutex, SpinMutexGuard};

use crate::back::Back;
use crate::class::{CLASSES, Class};
use crate::front::{Front, Inbox};
use crate::slab::{self, Rest};
use crate::stack::Returned;

/// What the heap needs from the program that it serves.
///
/// # Safety
/// * `extend` gives memory that is readable, writable, used by nobody else and never taken back.
/// * No method allocates from the heap.
pub unsafe trait Platform: Sync {
    /// Held while a lock of the heap is held; dropped after.
    type Section;

    /// The CPU that the caller runs on; a hint.
    fn cpu(&self) -> usize;

    /// Gives `bytes` (whole pages) or more, anywhere; or nothing. No lock is held and no section is open, so this may
    /// block; several threads may ask at once.
    fn extend(&self, bytes: usize) -> Option<NonNull<[u8]>>;

    /// Keeps the caller from being preempted within the program, if the program can do that: a thread that loses the
    /// CPU while it holds a lock makes others spin. A program without preemption has nothing to do.
    fn section(&self) -> Self::Section;
}

/// Counts, for people and leak tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Small blocks in use.
    pub small_blocks: u64,
    /// Bytes that the back end has handed out: large blocks, and slabs.
    pub used_bytes: usize,
    /// Bytes that the platform has given.
    pub total_bytes: usize,
}

/// A CPU's front, on cache lines of its own, and the place where others return its blocks, on others.
#[repr(align(128))]
struct Cpu {
    front: SpinMutex<Front>,
    inbox: Padded,
}

#[repr(align(128))]
struct Padded(Inbox);

/// A heap for programs on at most `CPUS` CPUs.
pub struct Heap<P, const CPUS: usize = 64> {
    platform: P,
    cpus: [Cpu; CPUS],
    back: Back,
}

impl<P: Platform, const CPUS: usize> Heap<P, CPUS> {
    /// An empty heap; takes no memory before the first block.
    pub const fn new(platform: P) -> Self {
        const { assert!(CPUS > 0) };
        Heap {
            platform,
            cpus: [const {
                Cpu {
                    front: SpinMutex::new(Front::EMPTY),
                    inbox: Padded([const { Returned::new() }; CLASSES]),
                }
            }; CPUS],
            back: Back::new(),
        }
    }

    /// The platform.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// Gives the heap memory that it did not ask for, such as what a program finds at its start.
    ///
    /// # Safety
    /// The memory is readable, writable, used by nobody else and never taken back.
    pub unsafe fn donate(&self, memory: NonNull<[u8]>) {
        // SAFETY: promised by the caller.
        unsafe { self.back.add(memory, &self.platform) };
    }

    /// Takes a block; `None` if there is no memory.
    #[inline]
    pub fn take(&self, layout: Layout) -> Option<NonNull<u8>> {
        match Class::of(layout) {
            Some(class) => self.take_small(class),
            None => self.back.take(layout, &self.platform),
        }
    }

    /// Gives a block back.
    ///
    /// # Safety
    /// The block was taken from this heap with this layout, and nobody uses it any more.
    #[inline]
    pub unsafe fn give(&self, block: NonNull<u8>, layout: Layout) {
        match Class::of(layout) {
            Some(class) => {
                // SAFETY: a small block was carved from a slab.
                let (home, block) = unsafe { (slab::home_of(block), slab::whole(block)) };
                // SAFETY: promised by the caller.
                self.with_front(|cpu, front| unsafe {
                    if cpu == home {
                        front.give(class, block);
                    } else {
                        front.give_away(class, block, home, |home| self.inbox(home));
                    }
                });
            }
            // SAFETY: promised by the caller.
            None => unsafe { self.back.give(block, layout, &self.platform) },
        }
    }

    #[inline]
    fn take_small(&self, class: Class) -> Option<NonNull<u8>> {
        let (home, block) =
            self.with_front(|cpu, front| (cpu, front.take(class, &self.cpus[cpu].inbox.0)));
        block.or_else(|| self.restock(class, home))
    }

    /// The front is empty: makes it a slab, or, if there is no memory, looks whether other CPUs keep blocks that
    /// belong to somebody.
    #[cold]
    #[inline(never)]
    fn restock(&self, class: Class, home: usize) -> Option<NonNull<u8>> {
        // Not under the front's lock: growing may take long.
        let slab = self.back.take_slab(&self.platform);
        let Some(slab) = slab else {
            return self.scrape(class);
        };
        // SAFETY: it has a slab's layout and is ours.
        let rest = unsafe { Rest::new(slab, home, class) };
        let _section = self.platform.section();
        let mut front = self.cpus[home].front.lock();
        front.stock(class, rest);
        front.take(class, &self.cpus[home].inbox.0)
    }

    /// Takes a block from any CPU.
    #[cold]
    fn scrape(&self, class: Class) -> Option<NonNull<u8>> {
        let _section = self.platform.section();
        for cpu in &self.cpus {
            cpu.front.lock().flush(|home| self.inbox(home));
        }
        self.cpus
            .iter()
            .find_map(|cpu| cpu.front.lock().take(class, &cpu.inbox.0))
    }

    fn inbox(&self, cpu: usize) -> Option<&Inbox> {
        self.cpus.get(cpu).map(|cpu| &cpu.inbox.0)
    }

    /// Runs `work` on this CPU's front, or on a neighbour's if this one is in use.
    #[inline]
    fn with_front<R>(&self, work: impl FnOnce(usize, &mut Front) -> R) -> R {
        let _section = self.platform.section();
        let here = self.platform.cpu() % CPUS;
        let (cpu, mut front) = match self.cpus[here].front.try_lock() {
            Some(front) => (here, front),
            None => self.neighbour(here),
        };
        work(cpu, &mut front)
    }

    /// The next front that is not in use; if all are, this CPU's own when it is free again.
    #[cold]
    #[inline(never)]
    fn neighbour(&self, here: usize) -> (usize, SpinMutexGuard<'_, Front>) {
        let mut others = (here + 1..CPUS).chain(0..here);
        let free = others.find_map(|cpu| Some((cpu, self.cpus[cpu].front.try_lock()?)));
        free.unwrap_or_else(|| (here, self.cpus[here].front.lock()))
    }

    /// Counts over all CPUs; exact when nobody is using the heap.
    pub fn stats(&self) -> Stats {
        let small = self.cpus.iter().fold(0_u64, |sum, cpu| {
            let _section = self.platform.section();
            let front = cpu.front.lock();
            sum.wrapping_add(front.taken).wrapping_sub(front.given)
        });
        let (total_bytes, used_bytes) = self.back.bytes(&self.platform);
        Stats {
            small_blocks: small,
            used_bytes,
            total_bytes,
        }
    }
}

// SAFETY: blocks are disjoint, have at least the layout's size and alignment, and stay where they are until given back.
unsafe impl<P: Platform, const CPUS: usize> GlobalAlloc for Heap<P, CPUS> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.take(layout).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: promised by the caller.
            unsafe { self.give(block, layout) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(size, layout.align()) else {
            return ptr::null_mut();
        };
        if let (Some(old), Some(same)) = (Class::of(layout), Class::of(new))
            && old == same
        {
            return block; // it has the room already
        }
        // SAFETY: the old block is the caller's until it is given back here; the new one is another.
        unsafe {
            let moved = self.alloc(new);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
