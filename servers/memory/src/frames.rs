//! Frames: who has which 4 KiB of real memory.
//!
//! A buddy allocator holds the free blocks; in front of it each CPU has a small stack of single frames, so that the
//! fault path takes the buddy's lock once in [`BATCH`] times. Nothing in here allocates memory: free blocks are linked
//! through the [`FrameInfo`] array, which the boot code carves out of the first free range.
//!
//! A frame that is in use has a count of owners. Page trees ([`crate::tree`]) share frames after a fork; whoever gives
//! up the last share frees the frame.
//!
//! Memory is never handed out to the last frame. Every request says what it is for ([`Need`]), and each need has a
//! floor below which it is refused. A process meets the floor the earlier the more it has, so one that asks for
//! everything is refused while the others go on.

use crate::lock::{Guard, Lock};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering::Relaxed};
use core::sync::atomic::{Ordering, fence};
use k42_abi::layout::PAGE_SHIFT;
use k42_sched::trace::{User, events};

/// Number of a frame: its real address divided by the page size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Frame(pub u32);

impl Frame {
    /// The frame at a real address.
    pub const fn at(real: u64) -> Self {
        Self((real >> PAGE_SHIFT) as u32)
    }
    /// Its real address.
    pub const fn address(self) -> u64 {
        (self.0 as u64) << PAGE_SHIFT
    }
    /// The `n`th frame after this one.
    pub const fn plus(self, n: u32) -> Self {
        Self(self.0 + n)
    }
}

/// What a frame in use holds; for the totals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Kind {
    /// Private memory of a process.
    Anonymous = 0,
    /// A page of a file.
    Cached = 1,
    /// Translation tables.
    Table = 2,
    /// Dispatchers, and what servers hold for ever.
    Pinned = 3,
    /// Shared anonymous memory.
    Shared = 4,
    /// The memory server's own heap.
    Heap = 5,
}
const KINDS: usize = 6;

/// What a frame is wanted for; decides how much must stay free.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// Private memory of a process that has so many frames already.
    Private(u64),
    /// A page of a file or of shared memory.
    File,
    /// Tables and dispatchers, so that what was promised can be used.
    System,
    /// The server's own structures.
    Heap,
}

/// One entry of the frame table.
#[derive(Default)]
#[repr(C)]
pub struct FrameInfo {
    /// Owners of a frame in use.
    count: AtomicU32,
    /// Neighbours in a free list (frame numbers, [`NONE`] at the ends).
    next: AtomicU32,
    prev: AtomicU32,
    /// [`FREE`] with the order for the first frame of a free block, else the [`Kind`].
    state: AtomicU32,
}

const NONE: u32 = u32::MAX;
const FREE: u32 = 1 << 8;
/// Largest block: 2^10 frames, 4 MiB.
pub const MAX_ORDER: u32 = 10;
const CACHE: usize = 256;
/// Frames that move between buddy and cache at once.
const BATCH: usize = 64;
/// 2^3 entries of the frame table are a cache line.
const LINE_ORDER: u32 = 3;
const _: () = assert!(size_of::<FrameInfo>() << LINE_ORDER == 128 && BATCH.is_multiple_of(8));
/// Frames in a row that go back to the buddy at once, without a stay in a cache.
const LONG: u32 = 32;

struct Buddy {
    heads: [u32; MAX_ORDER as usize + 1],
}

#[repr(align(128))]
struct PerCpu {
    cache: Lock<Cache>,
    used: [AtomicI64; KINDS],
}

struct Cache {
    frames: [u32; CACHE],
    length: usize,
}

/// All frames of the machine.
pub struct Frames {
    info: &'static [FrameInfo],
    buddy: Lock<Buddy>,
    free: AtomicUsize,
    total: AtomicUsize,
    reserve: AtomicUsize,
    cpus: Vec<PerCpu>,
    this_cpu: fn() -> usize,
}

impl Frames {
    /// An allocator without memory. `info` has an entry for every frame below the top of memory; `this_cpu` tells
    /// on which CPU the caller runs (a hint: any answer is correct).
    pub fn new(info: &'static [FrameInfo], cpus: usize, this_cpu: fn() -> usize) -> Self {
        let cpu = || PerCpu {
            cache: Lock::new(Cache {
                frames: [0; CACHE],
                length: 0,
            }),
            used: Default::default(),
        };
        Self {
            info,
            buddy: Lock::new(Buddy {
                heads: [NONE; MAX_ORDER as usize + 1],
            }),
            free: AtomicUsize::new(0),
            total: AtomicUsize::new(0),
            reserve: AtomicUsize::new(0),
            cpus: (0..cpus.max(1)).map(|_| cpu()).collect(),
            this_cpu,
        }
    }

    /// Gives the allocator the frames `first..end`.
    pub fn add(&self, first: Frame, end: Frame) {
        let end = end.0.min(self.info.len() as u32);
        if first.0 >= end {
            return;
        }
        self.put_range(first.0, end - first.0);
        let total =
            self.total.fetch_add((end - first.0) as usize, Relaxed) + (end - first.0) as usize;
        self.reserve.store((total / 64).clamp(32, 4096), Relaxed);
    }

    /// Frames that the allocator was given.
    pub fn total(&self) -> u64 {
        self.total.load(Relaxed) as u64
    }

    /// Free frames.
    pub fn free(&self) -> u64 {
        let cached: usize = self.cpus.iter().map(|cpu| cpu.cache.lock().length).sum();
        (self.free.load(Relaxed) + cached) as u64
    }

    /// Frames in use for `kind`.
    pub fn used(&self, kind: Kind) -> u64 {
        self.cpus
            .iter()
            .map(|cpu| cpu.used[kind as usize].load(Relaxed))
            .sum::<i64>()
            .max(0) as u64
    }

    /// Whether `pages` more frames may be had for `need` as things are now.
    pub fn admits(&self, need: Need, pages: u64) -> bool {
        let (reserve, total) = (self.reserve.load(Relaxed) as u64, self.total());
        let floor = match need {
            Need::Private(has) => reserve + has / 16,
            Need::File => reserve + total / 16,
            Need::System => reserve / 2,
            Need::Heap => 0,
        };
        // The caches are left out: they are at most a few frames per CPU, and reading them would move cache lines.
        self.free.load(Relaxed) as u64 >= floor + pages
    }

    /// One frame, its content undefined, owned once.
    pub fn allocate(&self, kind: Kind, need: Need) -> Option<Frame> {
        if !self.admits(need, 1) {
            return None;
        }
        let cpu = self.cpu();
        let mut cache = cpu.cache.lock();
        if cache.length == 0 {
            self.refill(&mut cache);
        }
        if cache.length == 0 {
            drop(cache);
            self.drain();
            return self.allocate_block(kind, need, 0);
        }
        cache.length -= 1;
        let frame = cache.frames[cache.length];
        drop(cache);
        self.begin(frame, kind, cpu);
        Some(Frame(frame))
    }

    /// A block of 2^`order` frames, aligned to its size; each frame owned once.
    pub fn allocate_block(&self, kind: Kind, need: Need, order: u32) -> Option<Frame> {
        if order > MAX_ORDER || !self.admits(need, 1 << order) {
            return None;
        }
        let first = self.take(order).or_else(|| {
            self.drain();
            self.take(order)
        })?;
        self.begin_row(first, 1 << order, kind, self.cpu());
        Some(Frame(first))
    }

    /// As `allocate_block`, for who can do with less: only if there is such a block at hand.
    pub fn allocate_ready(&self, kind: Kind, need: Need, order: u32) -> Option<Frame> {
        if order > MAX_ORDER || !self.admits(need, 1 << order) {
            return None;
        }
        let first = self.take(order)?;
        self.begin_row(first, 1 << order, kind, self.cpu());
        Some(Frame(first))
    }

    /// Single frames into `into`, as far as this CPU has them at hand: how many.
    pub fn allocate_some(&self, kind: Kind, need: Need, into: &mut [Frame]) -> usize {
        if !self.admits(need, into.len() as u64) {
            return 0;
        }
        let cpu = self.cpu();
        let mut cache = cpu.cache.lock();
        if cache.length == 0 {
            self.refill(&mut cache);
        }
        let count = into.len().min(cache.length);
        for frame in &mut into[..count] {
            cache.length -= 1;
            *frame = Frame(cache.frames[cache.length]);
        }
        drop(cache);
        for frame in &into[..count] {
            self.own(frame.0, kind);
        }
        cpu.used[kind as usize].fetch_add(count as i64, Relaxed);
        count
    }

    /// `pages` frames in a row, at most 2^[`MAX_ORDER`]; each owned once, to be released one by one.
    pub fn allocate_row(&self, kind: Kind, need: Need, pages: u32) -> Option<Frame> {
        let order = pages.max(1).next_power_of_two().trailing_zeros();
        if order > MAX_ORDER || !self.admits(need, u64::from(pages)) {
            return None;
        }
        let first = self.take(order).or_else(|| {
            self.drain();
            self.take(order)
        })?;
        self.put_range(first + pages, (1 << order) - pages);
        self.begin_row(first, pages, kind, self.cpu());
        Some(Frame(first))
    }

    /// Frames that were in use from before the allocator was made (the boot archive) begin a life as `kind`.
    pub fn adopt(&self, frame: Frame, kind: Kind) {
        self.total.fetch_add(1, Relaxed);
        self.begin(frame.0, kind, self.cpu());
    }

    /// One more owner.
    pub fn share(&self, frame: Frame) {
        if let Some(info) = self.info.get(frame.0 as usize) {
            info.count.fetch_add(1, Relaxed);
        }
    }

    /// Owners of a frame. If the answer is one, and it is the caller, nobody else can become an owner.
    pub fn owners(&self, frame: Frame) -> u32 {
        let count = self
            .info
            .get(frame.0 as usize)
            .map_or(0, |info| info.count.load(Relaxed));
        fence(Ordering::Acquire);
        count
    }

    /// One owner less; the last frees the frame. No translation to it may be left.
    pub fn release(&self, frame: Frame) {
        self.release_all(core::iter::once(frame));
    }

    /// One owner less for each frame. Long rows of frames go back in one piece.
    pub fn release_all(&self, frames: impl DoubleEndedIterator<Item = Frame>) {
        let mut ended = Ended::new(self);
        let mut stock = None;
        let mut row = Row::default();
        // Backwards, so that frames in a row are later taken from the stock in order.
        for frame in frames.rev() {
            if !ended.disown(frame) {
                continue;
            }
            if row.pages > 0 && frame.0 + 1 == row.first {
                row.first = frame.0;
                row.pages += 1;
            } else {
                self.put_row(ended.cpu, &mut stock, row);
                row = Row {
                    first: frame.0,
                    pages: 1,
                };
            }
        }
        self.put_row(ended.cpu, &mut stock, row);
    }

    /// Releases `pages` frames in a row; what nobody else owns goes back in one piece.
    pub fn release_row(&self, first: Frame, pages: u32) {
        let mut ended = Ended::new(self);
        let mut from = first.0;
        for frame in first.0..first.0 + pages {
            if !ended.disown(Frame(frame)) {
                self.put_range(from, frame - from);
                from = frame + 1;
            }
        }
        self.put_range(from, first.0 + pages - from);
    }

    /// Puts free frames into the stock of this CPU or, if they are many, back into the buddy.
    fn put_row<'a>(&self, cpu: &'a PerCpu, stock: &mut Option<Guard<'a, Cache>>, row: Row) {
        if row.pages >= LONG {
            self.put_range(row.first, row.pages);
            return;
        }
        if row.pages == 0 {
            return;
        }
        let cache = stock.get_or_insert_with(|| cpu.cache.lock());
        for frame in (row.first..row.first + row.pages).rev() {
            if cache.length == CACHE {
                let mut buddy = self.buddy.lock();
                while cache.length > CACHE - BATCH {
                    cache.length -= 1;
                    self.put_block(&mut buddy, cache.frames[cache.length], 0);
                }
            }
            let at = cache.length;
            cache.frames[at] = frame;
            cache.length += 1;
        }
    }

    /// CPUs that have a stock of frames.
    pub fn cpus(&self) -> usize {
        self.cpus.len()
    }

    /// The CPU on which the caller runs; a hint.
    pub fn this_cpu(&self) -> usize {
        (self.this_cpu)()
    }

    fn cpu(&self) -> &PerCpu {
        &self.cpus[(self.this_cpu)() % self.cpus.len()]
    }

    fn begin(&self, frame: u32, kind: Kind, cpu: &PerCpu) {
        self.begin_row(frame, 1, kind, cpu);
    }

    fn begin_row(&self, first: u32, pages: u32, kind: Kind, cpu: &PerCpu) {
        (first..first + pages).for_each(|frame| self.own(frame, kind));
        cpu.used[kind as usize].fetch_add(i64::from(pages), Relaxed);
    }

    fn own(&self, frame: u32, kind: Kind) {
        let info = &self.info[frame as usize];
        debug_assert_eq!(info.count.load(Relaxed), 0);
        info.count.store(1, Relaxed);
        info.state.store(kind as u32, Relaxed);
    }

    fn refill(&self, cache: &mut Cache) {
        let mut buddy = self.buddy.lock();
        while cache.length < BATCH {
            // Whole lines of the frame table, if there are any: CPUs that use frames of one line would contend for it.
            let (first, order) = match self.take_block(&mut buddy, LINE_ORDER) {
                Some(first) => (first, LINE_ORDER),
                None => match self.take_block(&mut buddy, 0) {
                    Some(frame) => (frame, 0),
                    None => break,
                },
            };
            for frame in first..first + (1 << order) {
                cache.frames[cache.length] = frame;
                cache.length += 1;
            }
        }
        events::memory::frames_taken::<User>(cache.length as u64, self.free.load(Relaxed) as u64);
        // Frames in a row are given out in order: what is mapped in a row can then be mapped in one piece.
        let length = cache.length;
        cache.frames[..length].reverse();
    }

    /// Puts the frames of all caches back into the buddy, where they can join.
    fn drain(&self) {
        for cpu in &self.cpus {
            let mut cache = cpu.cache.lock();
            let mut buddy = self.buddy.lock();
            while cache.length > 0 {
                cache.length -= 1;
                self.put_block(&mut buddy, cache.frames[cache.length], 0);
            }
        }
    }

    fn take(&self, order: u32) -> Option<u32> {
        self.take_block(&mut self.buddy.lock(), order)
    }

    fn take_block(&self, buddy: &mut Buddy, order: u32) -> Option<u32> {
        let from = (order..=MAX_ORDER).find(|&o| buddy.heads[o as usize] != NONE)?;
        let first = buddy.heads[from as usize];
        self.unlink(buddy, first, from);
        // The upper halves stay free.
        for o in (order..from).rev() {
            self.link(buddy, first + (1 << o), o);
        }
        self.free.fetch_sub(1 << order, Relaxed);
        Some(first)
    }

    fn put_range(&self, mut first: u32, mut pages: u32) {
        if pages == 0 {
            return;
        }
        events::memory::frames_back::<User>(u64::from(pages), self.free.load(Relaxed) as u64);
        let mut buddy = self.buddy.lock();
        while pages > 0 {
            let order = first.trailing_zeros().min(pages.ilog2()).min(MAX_ORDER);
            self.put_block(&mut buddy, first, order);
            first += 1 << order;
            pages -= 1 << order;
        }
    }

    fn put_block(&self, buddy: &mut Buddy, mut first: u32, mut order: u32) {
        self.free.fetch_add(1 << order, Relaxed);
        while order < MAX_ORDER {
            let other = first ^ (1 << order);
            let joins = self
                .info
                .get(other as usize)
                .is_some_and(|info| info.state.load(Relaxed) == FREE | order);
            if !joins {
                break;
            }
            self.unlink(buddy, other, order);
            first &= !(1 << order);
            order += 1;
        }
        self.link(buddy, first, order);
    }

    fn link(&self, buddy: &mut Buddy, first: u32, order: u32) {
        let head = buddy.heads[order as usize];
        let info = &self.info[first as usize];
        info.next.store(head, Relaxed);
        info.prev.store(NONE, Relaxed);
        info.state.store(FREE | order, Relaxed);
        if head != NONE {
            self.info[head as usize].prev.store(first, Relaxed);
        }
        buddy.heads[order as usize] = first;
    }

    fn unlink(&self, buddy: &mut Buddy, first: u32, order: u32) {
        let info = &self.info[first as usize];
        let (next, prev) = (info.next.load(Relaxed), info.prev.load(Relaxed));
        info.state.store(0, Relaxed);
        if next != NONE {
            self.info[next as usize].prev.store(prev, Relaxed);
        }
        match prev {
            NONE => buddy.heads[order as usize] = next,
            prev => self.info[prev as usize].next.store(next, Relaxed),
        }
    }
}

/// Free frames in a row.
#[derive(Clone, Copy, Default)]
struct Row {
    first: u32,
    pages: u32,
}

/// Takes owners away, and counts the frames that have none left by their kinds: the count of a kind is brought up to date
/// when another kind comes, and at the end.
struct Ended<'a> {
    frames: &'a Frames,
    cpu: &'a PerCpu,
    kind: usize,
    count: i64,
}

impl<'a> Ended<'a> {
    fn new(frames: &'a Frames) -> Self {
        Self {
            frames,
            cpu: frames.cpu(),
            kind: 0,
            count: 0,
        }
    }

    /// Takes one owner away; whether it was the last.
    fn disown(&mut self, frame: Frame) -> bool {
        let Some(info) = self.frames.info.get(frame.0 as usize) else {
            return false;
        };
        if info.count.load(Ordering::Acquire) == 1 {
            // The caller is the only owner, so nobody can become another one.
            info.count.store(0, Relaxed);
        } else {
            match info.count.fetch_sub(1, Ordering::Release) {
                1 => fence(Ordering::Acquire),
                0 => {
                    // Released once too often: keep the frame out of circulation rather than give it away twice.
                    info.count.store(0, Relaxed);
                    debug_assert!(false, "frame {frame:?} released without an owner");
                    return false;
                }
                _ => return false,
            }
        }
        let kind = (info.state.load(Relaxed) as usize).min(KINDS - 1);
        if kind != self.kind {
            self.note();
            self.kind = kind;
        }
        self.count += 1;
        true
    }

    fn note(&mut self) {
        if self.count > 0 {
            self.cpu.used[self.kind].fetch_sub(core::mem::take(&mut self.count), Relaxed);
        }
    }
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.note();
    }
}

#[cfg(test)]
impl Frames {
    /// What a frame in use holds.
    pub fn kind(&self, frame: Frame) -> Option<Kind> {
        let kinds = [
            Kind::Anonymous,
            Kind::Cached,
            Kind::Table,
            Kind::Pinned,
            Kind::Shared,
            Kind::Heap,
        ];
        let info = self.info.get(frame.0 as usize)?;
        (info.count.load(Relaxed) > 0).then(|| kinds[info.state.load(Relaxed) as usize])
    }
}
