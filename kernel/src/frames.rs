//! What each frame of memory is, one entry a frame.
//!
//! The memory server decides about frames, but it cannot map one that the kernel keeps or that is part
//! of a translation tree. Table frames of one address space are linked into a list here, so that all of them are
//! found at once when the space ends.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

use k42_abi::layout::PAGE_SHIFT;
use k42_abi::map::LARGE_PAGE;
use k42_abi::{Error, Result};

/// What a frame is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The kernel's, or no memory at all.
    Kernel = 0,
    /// The memory server's to map and give.
    Server = 1,
    /// A table of a translation tree, or kept for one.
    Table = 2,
}

/// One frame.
pub struct Frame {
    kind: AtomicU8,
    next: AtomicU32,
    previous: AtomicU32,
}

/// End of a list.
pub const NONE: u32 = 0;

static TABLE: AtomicUsize = AtomicUsize::new(0);
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// For each large page of frames, how many of them are not the memory server's.
static FOREIGN: AtomicUsize = AtomicUsize::new(0);

/// Frames of a large page.
const IN_LARGE: u64 = LARGE_PAGE >> PAGE_SHIFT;

/// Makes the table for memory up to real address `top`; all frames are the kernel's.
pub fn initialise(top: u64) -> Result<()> {
    let count = (top >> PAGE_SHIFT) as usize;
    let frames = crate::pool::slice(count, || Frame {
        kind: AtomicU8::new(Kind::Kernel as u8),
        next: AtomicU32::new(NONE),
        previous: AtomicU32::new(NONE),
    })?;
    let large = count.div_ceil(IN_LARGE as usize);
    let foreign = crate::pool::slice(large, || AtomicU32::new(IN_LARGE as u32))?;
    TABLE.store(frames.as_ptr().expose_provenance(), Ordering::Release);
    FOREIGN.store(foreign.as_ptr().expose_provenance(), Ordering::Release);
    COUNT.store(count, Ordering::Release);
    Ok(())
}

fn entry(index: u32) -> Option<&'static Frame> {
    let base = core::ptr::with_exposed_provenance::<Frame>(TABLE.load(Ordering::Relaxed));
    // SAFETY: the table has COUNT entries and lives for ever.
    ((index as usize) < COUNT.load(Ordering::Relaxed))
        .then(|| unsafe { &*base.add(index as usize) })
}

fn known(address: u64) -> Result<&'static Frame> {
    let index = u32::try_from(address >> PAGE_SHIFT).map_err(|_| Error::EINVAL)?;
    entry(index).ok_or(Error::EINVAL)
}

/// The counter of the large page that holds frame `index`, which is in the table.
fn foreign(index: u64) -> &'static AtomicU32 {
    let base = core::ptr::with_exposed_provenance::<AtomicU32>(FOREIGN.load(Ordering::Relaxed));
    // SAFETY: the table has a counter for every frame that there is, and lives for ever.
    unsafe { &*base.add((index / IN_LARGE) as usize) }
}

/// Declares `bytes` from real address `start` to be of `kind`.
pub fn declare(start: u64, bytes: u64, kind: Kind) {
    for index in (start >> PAGE_SHIFT)..((start + bytes) >> PAGE_SHIFT) {
        let Some(frame) = entry(index as u32) else {
            return;
        };
        let old = frame.kind.swap(kind as u8, Ordering::Relaxed);
        let was_server = old == Kind::Server as u8;
        match (was_server, kind == Kind::Server) {
            (false, true) => foreign(index).fetch_sub(1, Ordering::Relaxed),
            (true, false) => foreign(index).fetch_add(1, Ordering::Relaxed),
            _ => continue,
        };
    }
}

/// Whether all of the range is the memory server's.
#[inline]
pub fn is_server(start: u64, pages: u64) -> bool {
    let first = start >> PAGE_SHIFT;
    let count = COUNT.load(Ordering::Relaxed) as u64;
    if first.checked_add(pages).is_none_or(|end| end > count) {
        return false;
    }
    if pages == IN_LARGE && first.is_multiple_of(IN_LARGE) {
        return foreign(first).load(Ordering::Relaxed) == 0;
    }
    let base = core::ptr::with_exposed_provenance::<Frame>(TABLE.load(Ordering::Relaxed));
    // SAFETY: the table has COUNT entries and lives for ever; the range was checked against that.
    let range = unsafe { core::slice::from_raw_parts(base.add(first as usize), pages as usize) };
    range
        .iter()
        .all(|frame| frame.kind.load(Ordering::Relaxed) == Kind::Server as u8)
}

/// Changes a frame from one kind to another, if it is of that kind.
pub fn convert(address: u64, from: Kind, to: Kind) -> Result<()> {
    if address & 0xfff != 0 {
        return Err(Error::EINVAL);
    }
    let frame = known(address)?;
    let foreign = foreign(address >> PAGE_SHIFT);
    // Counted while it is perhaps not the server's, never the other way round.
    foreign.fetch_add(1, Ordering::Relaxed);
    let changed =
        frame
            .kind
            .compare_exchange(from as u8, to as u8, Ordering::Relaxed, Ordering::Relaxed);
    let less = match changed {
        Err(_) => 1,
        Ok(_) => u32::from(from != Kind::Server) + u32::from(to == Kind::Server),
    };
    foreign.fetch_sub(less, Ordering::Relaxed);
    changed.map(|_| ()).map_err(|_| Error::EPERM)
}

/// A list of table frames. The owner's lock protects it.
pub struct List {
    first: u32,
    count: u32,
}

impl List {
    /// No frames.
    pub const EMPTY: Self = Self {
        first: NONE,
        count: 0,
    };

    /// Number of frames.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Adds the frame at real address `address`.
    pub fn push(&mut self, address: u64) {
        let index = (address >> PAGE_SHIFT) as u32;
        let Some(frame) = entry(index) else { return };
        frame.next.store(self.first, Ordering::Relaxed);
        frame.previous.store(NONE, Ordering::Relaxed);
        if let Some(next) = entry(self.first).filter(|_| self.first != NONE) {
            next.previous.store(index, Ordering::Relaxed);
        }
        self.first = index;
        self.count += 1;
    }

    /// Takes some frame out.
    pub fn pop(&mut self) -> Option<u64> {
        let address = u64::from(self.first) << PAGE_SHIFT;
        (self.first != NONE).then(|| {
            self.remove(address);
            address
        })
    }

    /// Takes the frame at `address`, which is in this list, out.
    pub fn remove(&mut self, address: u64) {
        let index = (address >> PAGE_SHIFT) as u32;
        let Some(frame) = entry(index) else { return };
        let next = frame.next.load(Ordering::Relaxed);
        let previous = frame.previous.load(Ordering::Relaxed);
        match entry(previous).filter(|_| previous != NONE) {
            Some(before) => before.next.store(next, Ordering::Relaxed),
            None => self.first = next,
        }
        if let Some(after) = entry(next).filter(|_| next != NONE) {
            after.previous.store(previous, Ordering::Relaxed);
        }
        self.count -= 1;
    }

    /// Moves all frames of `other` here.
    pub fn append(&mut self, other: &mut Self) {
        while let Some(address) = other.pop() {
            self.push(address);
        }
    }
}
