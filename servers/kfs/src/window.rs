//! A piece of a page cache mapped into KFS: the one module that touches mapped memory.
//!
//! A window covers a [`Span`] of an object. It keeps a bit for each page that is known to be
//! populated; only such pages are ever touched, so KFS never takes a page fault that could fail.

use crate::ports::PageStore;
use crate::quota::PAGE;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_ipc::{Handle, Result};

/// A place where a window lies in an object. The first is short, so that a small file takes few addresses (and a share of
/// a translation table); the others are large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// First byte.
    pub start: u64,
    /// Length.
    pub bytes: u64,
}

/// Length of the first window, and of the others (the second is shorter by the first).
const FIRST: u64 = 64 << 10;
const LARGE: u64 = 4 << 20;
/// Pages of the largest window.
const PAGES: usize = (LARGE / PAGE) as usize;

impl Span {
    /// The place of the window that holds `offset`.
    pub const fn at(offset: u64) -> Self {
        match offset {
            0..FIRST => Self {
                start: 0,
                bytes: FIRST,
            },
            FIRST..LARGE => Self {
                start: FIRST,
                bytes: LARGE - FIRST,
            },
            _ => Self {
                start: offset / LARGE * LARGE,
                bytes: LARGE,
            },
        }
    }

    /// The byte after the last.
    pub const fn end(&self) -> u64 {
        self.start + self.bytes
    }

    /// What of a range of the object is here, counted from the start of the window.
    pub fn cut(&self, range: &Range<u64>) -> Range<u64> {
        let within = |offset: u64| offset.clamp(self.start, self.end()) - self.start;
        within(range.start)..within(range.end)
    }
}

/// The words of a bit map that hold a range of bits, each with a mask of those that are in it.
fn words(bits: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    let mut at = bits.start;
    core::iter::from_fn(move || {
        (at < bits.end).then(|| {
            let (word, first) = (at / 64, at % 64);
            let length = (64 - first).min(bits.end - at);
            at += length;
            (word, u64::MAX >> (64 - length) << first)
        })
    })
}

/// See the module's description.
#[derive(Debug)]
pub struct Window {
    /// Where it lies.
    pub span: Span,
    address: usize,
    held: u64,
    present: [u64; PAGES / 64],
}

impl Window {
    /// Maps the window at a place.
    pub fn new(store: &dyn PageStore, object: Handle, span: Span) -> Result<Self> {
        let address = store.map(object, span.start, span.bytes)?;
        Ok(Self {
            span,
            address,
            held: 0,
            present: [0; PAGES / 64],
        })
    }

    /// Unmaps it.
    pub fn unmap(&self, store: &dyn PageStore) {
        store.unmap(self.address, self.span.bytes);
    }

    /// Pages that it has.
    pub fn pages(&self) -> usize {
        (self.span.bytes / PAGE) as usize
    }

    /// Whether page `page` of the window is populated.
    pub fn has(&self, page: usize) -> bool {
        self.present[page / 64] >> (page % 64) & 1 != 0
    }

    /// Notes that pages are populated. The caller has had `PageStore::populate` succeed on them.
    pub fn set(&mut self, pages: Range<usize>) {
        self.held += pages.len() as u64 - self.count(pages.clone());
        words(pages).for_each(|(word, mask)| self.present[word] |= mask);
    }

    /// Notes that pages have gone; how many there were.
    pub fn clear(&mut self, pages: Range<usize>) -> u64 {
        let mut count = 0;
        for (word, mask) in words(pages) {
            count += (self.present[word] & mask).count_ones() as u64;
            self.present[word] &= !mask;
        }
        self.held -= count;
        count
    }

    /// All populated pages.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Populated pages among those in the range.
    pub fn count(&self, pages: Range<usize>) -> u64 {
        words(pages)
            .map(|(word, mask)| (self.present[word] & mask).count_ones() as u64)
            .sum()
    }

    /// From `from`, the end of the run of pages that are all populated, or all not; at most `limit`.
    pub fn run_end(&self, from: usize, limit: usize) -> usize {
        let flip = if self.has(from) { 0 } else { u64::MAX };
        let mut page = from;
        while page < limit {
            let run = ((self.present[page / 64] ^ flip) >> (page % 64)).trailing_ones() as usize;
            page += run;
            // A run that goes on reaches the end of its word.
            if run == 0 || !page.is_multiple_of(64) {
                break;
            }
        }
        page.min(limit)
    }

    /// Whether all pages of a range are populated.
    pub fn has_all(&self, pages: Range<usize>) -> bool {
        pages.is_empty()
            || self.has(pages.start) && self.run_end(pages.start, pages.end) == pages.end
    }

    /// The address of byte `offset` if all pages that `length` bytes from there touch are populated.
    fn pointer(&self, offset: u64, length: usize) -> Option<*mut u8> {
        if length == 0 || offset.checked_add(length as u64)? > self.span.bytes {
            return None;
        }
        let first = (offset / PAGE) as usize;
        let end = (offset + length as u64).div_ceil(PAGE) as usize;
        self.has_all(first..end)
            .then_some((self.address + offset as usize) as *mut u8)
    }

    /// Copies out of populated pages; false (and nothing copied) if one is not.
    #[must_use]
    pub fn read(&self, offset: u64, to: &mut [u8]) -> bool {
        let Some(from) = self.pointer(offset, to.len()) else {
            return to.is_empty();
        };
        // SAFETY:
        // * `pointer` has checked that the range lies in this window, which is mapped until the `Window` is unmapped,
        //   and that its pages are populated, so the load cannot fault.
        // * A client that has the file mapped may store at the same time; it then reads a mix of its own making, and
        //   no Rust reference to these bytes exists anywhere.
        unsafe { core::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), to.len()) };
        true
    }

    /// Copies into populated pages; false (and nothing copied) if one is not. The file's lock is held for writing.
    #[must_use]
    pub fn write(&self, offset: u64, from: &[u8]) -> bool {
        let Some(to) = self.pointer(offset, from.len()) else {
            return from.is_empty();
        };
        // SAFETY: as in `read`; the window is mapped for writing, and `from` is not part of it.
        unsafe { core::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
        true
    }

    /// Stores a word of the first page, in one piece, for clients that have it mapped.
    pub fn store_word(&self, index: usize, word: u64) {
        let Some(at) = self.pointer(index as u64 * 8, 8) else {
            return;
        };
        // SAFETY: as in `write`; a window begins at a page, so the word is aligned, and all who share it use it whole.
        unsafe { AtomicU64::from_ptr(at.cast()) }.store(word, Ordering::Release);
    }

    /// Zeroes what is populated of a range.
    pub fn zero(&self, range: Range<u64>) {
        let mut at = range.start;
        while at < range.end {
            let end = ((at / PAGE + 1) * PAGE).min(range.end);
            if let Some(to) = self.pointer(at, (end - at) as usize) {
                // SAFETY: as in `write`.
                unsafe { core::ptr::write_bytes(to, 0, (end - at) as usize) };
            }
            at = end;
        }
    }
}
