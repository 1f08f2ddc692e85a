//! The heap on the host, over an arena of fixed size.

use std::alloc::Layout;
use std::cell::Cell;
use std::collections::HashSet;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

use k42_alloc::{Heap, Platform};
use proptest::prelude::*;
use std::alloc::GlobalAlloc;

const CPUS: usize = 4;
const ARENA: usize = 4 << 20;

thread_local! {
    static CPU: Cell<usize> = const { Cell::new(0) };
}

/// Memory of a fixed size, given out from bottom to top.
struct Arena {
    base: NonNull<u8>,
    given: AtomicUsize,
    limit: usize,
    /// Bytes that are left out before each piece.
    hole: usize,
}

const LAYOUT: Layout = match Layout::from_size_align(ARENA, 4096) {
    Ok(layout) => layout,
    Err(_) => panic!(),
};

impl Arena {
    fn new(limit: usize) -> Arena {
        // SAFETY: the size is not zero.
        let base = NonNull::new(unsafe { std::alloc::alloc(LAYOUT) }).unwrap();
        Arena {
            base,
            given: AtomicUsize::new(0),
            limit: limit.min(ARENA),
            hole: 0,
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: allocated so.
        unsafe { std::alloc::dealloc(self.base.as_ptr(), LAYOUT) };
    }
}

// SAFETY: the pointer is to memory that the arena owns.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

// SAFETY: the arena's memory lives as long as the arena, which lives in the heap, and is given out once, in order.
unsafe impl Platform for Arena {
    type Section = ();

    fn cpu(&self) -> usize {
        CPU.with(Cell::get)
    }

    fn extend(&self, bytes: usize) -> Option<NonNull<[u8]>> {
        let start = self
            .given
            .fetch_update(Relaxed, Relaxed, |given| {
                (given + bytes <= self.limit).then_some(given + bytes)
            })
            .ok()?;
        // SAFETY: within the arena.
        let piece = unsafe { self.base.add(start + self.hole) };
        Some(NonNull::slice_from_raw_parts(piece, bytes - self.hole))
    }

    fn section(&self) {}
}

type TestHeap = Heap<Arena, CPUS>;

fn heap(limit: usize) -> Box<TestHeap> {
    Box::new(Heap::new(Arena::new(limit)))
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// How much of a block is marked; the interpreter is slow.
fn marked(layout: Layout) -> usize {
    if cfg!(miri) {
        layout.size().min(64)
    } else {
        layout.size()
    }
}

/// A block that is full of its own mark.
struct Held {
    block: NonNull<u8>,
    layout: Layout,
    mark: u8,
}

// SAFETY: a block is memory of whoever holds it.
unsafe impl Send for Held {}

impl Held {
    fn take(heap: &TestHeap, layout: Layout, mark: u8) -> Option<Held> {
        let block = heap.take(layout)?;
        assert_eq!(block.addr().get() % layout.align(), 0);
        // SAFETY: the block is ours and has this size.
        unsafe { block.write_bytes(mark, marked(layout)) };
        Some(Held {
            block,
            layout,
            mark,
        })
    }

    fn check(&self) {
        // SAFETY: the block is ours, has this size and was written.
        let bytes = unsafe { std::slice::from_raw_parts(self.block.as_ptr(), marked(self.layout)) };
        assert!(
            bytes.iter().all(|&byte| byte == self.mark),
            "somebody else wrote into the block"
        );
    }

    fn give(self, heap: &TestHeap) {
        self.check();
        // SAFETY: taken from there with this layout, and not used from here on.
        unsafe { heap.give(self.block, self.layout) };
    }
}

#[test]
fn blocks_do_not_overlap_and_are_used_again() {
    let heap = heap(ARENA);
    let sizes = [1, 16, 17, 100, 500, 4096, 5000, 40_000];
    for _round in 0..3 {
        let held: Vec<Held> = (0..if cfg!(miri) { 24 } else { 400 })
            .map(|n| Held::take(&heap, layout(sizes[n % sizes.len()], 8), n as u8).unwrap())
            .collect();
        held.into_iter().for_each(|block| block.give(&heap));
    }
    assert_eq!(heap.stats().small_blocks, 0);
    let before = heap.stats();
    let block = Held::take(&heap, layout(100, 8), 1).unwrap();
    block.give(&heap);
    assert_eq!(heap.stats(), before);
}

#[test]
fn exhaustion_answers_null_and_passes() {
    let heap = heap(512 * 1024);
    let sizes: &[usize] = if cfg!(miri) {
        &[20_000]
    } else {
        &[64, 3000, 20_000]
    };
    for &size in sizes {
        let mut held = Vec::new();
        while let Some(block) = Held::take(&heap, layout(size, 8), 7) {
            held.push(block);
        }
        assert!(
            held.len() * size > 256 * 1024 || size != 64,
            "most of the arena is usable"
        );
        assert!(heap.take(layout(ARENA * 2, 8)).is_none());
        assert!(heap.take(layout(isize::MAX as usize - 7, 8)).is_none());
        assert!(heap.take(layout(1, 1 << 40)).is_none());
        held.into_iter().for_each(|block| block.give(&heap));
    }
    // SAFETY: the layout is sound and the answer is only compared.
    assert!(unsafe { heap.alloc(layout(ARENA, 8)) }.is_null());
}

#[test]
fn memory_may_come_in_pieces() {
    let mut arena = Arena::new(ARENA);
    arena.hole = 4096;
    let heap: TestHeap = Heap::new(arena);
    let mut spare = vec![0_u8; 100_000];
    // SAFETY: the vector outlives the heap's use of it.
    unsafe { heap.donate(NonNull::from(&mut spare[..])) };
    assert_eq!(heap.stats().total_bytes, 100_000);
    let held: Vec<Held> = (0..30)
        .map(|n| Held::take(&heap, layout(50_000, 64), n).unwrap())
        .collect();
    assert_eq!(heap.stats().used_bytes, 30 * 50_000);
    held.into_iter().for_each(|block| block.give(&heap));
    assert_eq!(heap.stats().used_bytes, 0);
}

#[test]
fn blocks_go_home() {
    let heap = heap(ARENA);
    let small = layout(64, 8);
    CPU.set(0);
    let held: Vec<Held> = (0..100)
        .map(|_| Held::take(&heap, small, 1).unwrap())
        .collect();
    let ours: HashSet<usize> = held.iter().map(|h| h.block.addr().get()).collect();
    CPU.set(3);
    held.into_iter().for_each(|block| block.give(&heap));
    let foreign = Held::take(&heap, small, 2).unwrap();
    assert!(
        !ours.contains(&foreign.block.addr().get()),
        "the other CPU does not use them"
    );
    CPU.set(0);
    let again: Vec<Held> = (0..90)
        .map(|_| Held::take(&heap, small, 3).unwrap())
        .collect();
    assert!(
        again
            .iter()
            .filter(|h| ours.contains(&h.block.addr().get()))
            .count()
            >= 80
    );
    again
        .into_iter()
        .chain([foreign])
        .for_each(|block| block.give(&heap));
    assert_eq!(heap.stats().small_blocks, 0);
}

#[test]
fn the_last_blocks_are_found_on_other_cpus() {
    let heap = heap(300 * 1024);
    let big = layout(4096, 8);
    CPU.set(1);
    let mut held = Vec::new();
    while let Some(block) = Held::take(&heap, big, 1) {
        held.push(block);
    }
    CPU.set(2);
    held.pop().unwrap().give(&heap);
    let found = Held::take(&heap, big, 2).expect("the one that was just freed, on whatever CPU");
    found.give(&heap);
    held.into_iter().for_each(|block| block.give(&heap));
    CPU.set(0);
}

#[test]
fn realloc_keeps_the_contents() {
    let heap = heap(ARENA);
    // SAFETY: each block is used with its layout, within its size, and given back once.
    unsafe {
        let mut size = 1;
        let mut block = heap.alloc(layout(size, 1));
        block.write(42);
        for next in [10, 16, 17, 300, 5000, 50_000, 200, 3] {
            block = heap.realloc(block, layout(size, 1), next);
            size = next;
            assert_eq!(block.read(), 42);
        }
        let same = heap.realloc(block, layout(size, 1), 9);
        assert_eq!(same, block, "it had the room");
        heap.dealloc(same, layout(9, 1));
    }
}

#[test]
fn threads_free_what_others_took() {
    const BLOCKS: usize = if cfg!(miri) { 60 } else { 20_000 };
    let heap = heap(ARENA);
    thread::scope(|s| {
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for _ in 0..CPUS {
            let (sender, receiver) = mpsc::sync_channel::<Held>(64);
            senders.push(sender);
            receivers.push(receiver);
        }
        senders.rotate_left(1);
        for (cpu, (sender, receiver)) in senders.into_iter().zip(receivers).enumerate() {
            let heap = &heap;
            s.spawn(move || {
                CPU.set(cpu);
                for n in 0..BLOCKS {
                    if n % 50 == 49 {
                        CPU.set((cpu + n) % CPUS); // moved in the middle of things
                    }
                    let size = 16 + n * 37 % if n % 100 == 0 { 9000 } else { 400 };
                    if let Some(block) = Held::take(heap, layout(size, 8), n as u8)
                        && let Err(mpsc::TrySendError::Full(block)) = sender.try_send(block)
                    {
                        block.give(heap);
                    }
                    receiver
                        .try_iter()
                        .take(2)
                        .for_each(|block| block.give(heap));
                }
                drop(sender);
                receiver.into_iter().for_each(|block| block.give(heap));
            });
        }
    });
    assert_eq!(heap.stats().small_blocks, 0);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 3 } else { 200 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Any history of takes and gives on any CPUs: no block is given out twice, alignment holds, nothing is lost.
    #[test]
    fn any_history(steps in prop::collection::vec(
        (0..CPUS, prop_oneof![3 => 0..300_usize, 1 => 0..20_000_usize], 0..8_u32, any::<usize>()),
        0..if cfg!(miri) { 30 } else { 300 },
    )) {
        let heap = heap(1 << 20);
        let mut held: Vec<Held> = Vec::new();
        for (cpu, size, align, which) in steps {
            CPU.set(cpu);
            if which % 3 != 0 || held.is_empty() {
                held.extend(Held::take(&heap, layout(size, 1 << align), which as u8));
            } else {
                held.swap_remove(which % held.len()).give(&heap);
            }
        }
        CPU.set(0);
        let large: usize = held.iter().filter(|h| h.layout.size() > 4096).map(|h| h.layout.size()).sum();
        prop_assert!(heap.stats().used_bytes >= large);
        held.into_iter().for_each(|block| block.give(&heap));
        prop_assert_eq!(heap.stats().small_blocks, 0);
        prop_assert_eq!(heap.stats().used_bytes % (32 * 1024), 0, "only slabs are left");
    }
}
