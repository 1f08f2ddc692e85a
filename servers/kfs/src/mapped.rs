//! A file's data in an object (FCM) of the memory server, of which KFS maps windows.
//!
//! Holes are pages that were never populated. As long as no client has had a handle for mapping, the object may be
//! longer than the file and pages may be taken ahead, so that a file that grows by small writes asks the memory server
//! seldom. From the first [`grant`](Contents::grant) on the object is exactly as long as the file (what lies beyond must
//! fault), and if the client may write, KFS no longer knows where holes are: it populates a page before it reads it.
//!
//! A library that transfers data by itself gets the object by [`lend`](Contents::lend). It heeds the file's length, so
//! the object may still be longer; and it stores only where the file has data. So KFS goes on knowing where holes are,
//! until there is one that such a library could store into.

use crate::contents::{Answer, Contents, Medium, Refusal, SIZE_MAX};
use crate::quota::PAGE;
use crate::window::{Span, Window};
use alloc::vec::Vec;
use core::ops::Range;
use k42_api::memory::MapOptions;
use k42_ipc::{Error, Handle, ProcessId, Result};

/// Most bytes taken ahead of an append.
const AHEAD_MAX: u64 = 256 << 10;

/// See the module's description.
#[derive(Debug)]
pub struct Mapped {
    object: Handle,
    /// Length of the object. Before the first grant it may be more than the file's (pages taken ahead) or less (a hole at
    /// the end).
    object_size: u64,
    size: u64,
    /// Sorted by place.
    windows: Vec<Window>,
    granted: bool,
    /// A client may store into it by itself.
    client_writes: bool,
    /// Libraries have it.
    lent: bool,
    /// Libraries may store into it, where it has no holes.
    lent_writes: bool,
}

/// The part of `range` that is in each window: the window's place, and range within it.
fn pieces(range: Range<u64>) -> impl Iterator<Item = (Span, Range<u64>)> {
    let mut at = range.start;
    core::iter::from_fn(move || {
        (at < range.end).then(|| {
            let span = Span::at(at);
            let piece = span.cut(&(at..range.end));
            at = span.end();
            (span, piece)
        })
    })
}

/// The pages that a byte range within a window touches.
fn touched(range: &Range<u64>) -> Range<usize> {
    (range.start / PAGE) as usize..range.end.div_ceil(PAGE) as usize
}

impl Mapped {
    /// Contents that begin with `bytes`.
    pub fn new(medium: Medium<'_>, bytes: &[u8], name: &[u8]) -> Result<Self> {
        let object = medium.store.create(0, name)?;
        let mut new = Self {
            object,
            object_size: 0,
            size: 0,
            windows: Vec::new(),
            granted: false,
            client_writes: false,
            lent: false,
            lent_writes: false,
        };
        match new.write(medium, 0, bytes) {
            Ok(count) if count == bytes.len() => Ok(new),
            Ok(_) | Err(Refusal::Outgrown | Refusal::Moved) => {
                new.destroy(medium);
                Err(Error::ENOSPC)
            }
            Err(Refusal::Error(error)) => {
                new.destroy(medium);
                Err(error)
            }
        }
    }

    fn position(&self, span: Span) -> core::result::Result<usize, usize> {
        self.windows
            .binary_search_by_key(&span.start, |window| window.span.start)
    }

    fn find(&self, span: Span) -> Option<&Window> {
        Some(&self.windows[self.position(span).ok()?])
    }

    fn window(&mut self, medium: Medium<'_>, span: Span) -> Result<&mut Window> {
        let at = match self.position(span) {
            Ok(at) => at,
            Err(at) => {
                // Most files have one window only.
                let reserved = match self.windows.len() {
                    0 => self.windows.try_reserve_exact(1),
                    _ => self.windows.try_reserve(1),
                };
                reserved.map_err(|_| Error::ENOSPC)?;
                self.windows
                    .insert(at, Window::new(medium.store, self.object, span)?);
                at
            }
        };
        Ok(&mut self.windows[at])
    }

    /// Makes the object at least so long.
    fn extend_object(&mut self, medium: Medium<'_>, bytes: u64) -> Result<()> {
        // Whole pages as long as nobody else sees the length, so that the next small write finds the object long enough.
        let bytes = if self.granted {
            bytes
        } else {
            bytes.next_multiple_of(PAGE)
        };
        if bytes > self.object_size {
            medium.store.resize(self.object, bytes)?;
            self.object_size = bytes;
        }
        Ok(())
    }

    /// Populates all pages of a range, which lies within the object. What was done before an error stays done.
    fn populate(&mut self, medium: Medium<'_>, range: Range<u64>) -> Result<()> {
        let object = self.object;
        for (span, piece) in pieces(range) {
            let window = self.window(medium, span)?;
            let pages = touched(&piece);
            let mut page = pages.start;
            while page < pages.end {
                let end = window.run_end(page, pages.end);
                if !window.has(page) {
                    let count = (end - page) as u64;
                    medium.pages.take(count)?;
                    let offset = span.start + page as u64 * PAGE;
                    if let Err(error) = medium.store.populate(object, offset, count * PAGE) {
                        medium.pages.give(count);
                        return Err(if error == Error::ENOMEM {
                            Error::ENOSPC
                        } else {
                            error
                        });
                    }
                    window.set(page..end);
                }
                page = end;
            }
        }
        Ok(())
    }

    /// Whether all pages of a range are populated.
    fn has_all(&self, range: Range<u64>) -> bool {
        pieces(range).all(|(span, piece)| {
            let window = self.find(span);
            window.is_some_and(|window| window.has_all(touched(&piece)))
        })
    }

    /// Forgets pages that the memory server has dropped: those wholly in `range`, which begins and ends at a page.
    fn forget(&mut self, medium: Medium<'_>, range: Range<u64>) {
        let mut count = 0;
        self.windows.retain_mut(|window| {
            let piece = window.span.cut(&range);
            count += window.clear(touched(&piece));
            let whole = piece == (0..window.span.bytes);
            if whole {
                window.unmap(medium.store);
            }
            !whole
        });
        medium.pages.give(count);
    }

    /// How much to have ready for a write that ends at `end`: more than asked when the file is being appended to.
    fn ahead(&self, offset: u64, end: u64) -> u64 {
        if self.granted || offset > self.size || self.size == 0 {
            return end;
        }
        let more = self.size.next_power_of_two().min(AHEAD_MAX);
        end.saturating_add(more)
            .next_multiple_of(PAGE)
            .min(SIZE_MAX)
    }

    fn zero(&self, range: Range<u64>) {
        for (span, piece) in pieces(range) {
            if let Some(window) = self.find(span) {
                window.zero(piece);
            }
        }
    }

    /// Zeroes what clients may have stored beyond the end in the last page, before the end moves past it.
    fn clean_tail(&self) {
        if self.client_writes || self.lent_writes {
            self.zero(self.size..self.size.next_multiple_of(PAGE));
        }
    }
}

impl Mapped {
    /// The file gets a hole: who stores into it by himself does so without KFS's knowledge.
    fn note_hole(&mut self) {
        self.client_writes |= self.lent_writes;
    }
}

impl Contents for Mapped {
    fn size(&self) -> u64 {
        self.size
    }

    fn needs_preparation(&self, offset: u64, length: usize) -> bool {
        self.client_writes
            && pieces(offset..offset.saturating_add(length as u64).min(self.size)).any(
                |(span, piece)| {
                    let pages = touched(&piece);
                    self.find(span)
                        .is_none_or(|window| !window.has_all(pages.clone()))
                },
            )
    }

    fn prepare(&mut self, medium: Medium<'_>, offset: u64, length: usize) -> Result<()> {
        let end = offset.saturating_add(length as u64).min(self.size);
        if offset < end {
            self.populate(medium, offset..end)
        } else {
            Ok(())
        }
    }

    fn read(&self, offset: u64, to: &mut [u8]) -> usize {
        let end = offset.saturating_add(to.len() as u64).min(self.size);
        if offset >= end {
            return 0;
        }
        let mut done = 0;
        for (span, piece) in pieces(offset..end) {
            let length = (piece.end - piece.start) as usize;
            let to = &mut to[done..done + length];
            done += length;
            let Some(window) = self.find(span) else {
                to.fill(0);
                continue;
            };
            let mut at = piece.start;
            while at < piece.end {
                let page = (at / PAGE) as usize;
                let run = window.run_end(page, touched(&piece).end) as u64 * PAGE;
                let run = run.min(piece.end);
                let to = &mut to[(at - piece.start) as usize..(run - piece.start) as usize];
                if !window.has(page) || !window.read(at, to) {
                    to.fill(0);
                }
                at = run;
            }
        }
        done
    }

    fn write(&mut self, medium: Medium<'_>, offset: u64, data: &[u8]) -> Answer<usize> {
        if offset >= SIZE_MAX && !data.is_empty() {
            return Err(Error::EFBIG.into());
        }
        let end = offset.saturating_add(data.len() as u64).min(SIZE_MAX);
        if end == offset {
            return Ok(0);
        }
        if end > self.size {
            self.clean_tail();
        }
        if offset > self.size {
            self.note_hole();
        }
        // First try with room to grow; if there is none, with what is needed; if even that fails, page by page.
        let missing = !self.has_all(offset..end);
        let wanted = if missing && end > self.size {
            self.ahead(offset, end)
        } else {
            end
        };
        let mut ready = end;
        let all = self
            .extend_object(medium, wanted)
            .and_then(|()| self.populate(medium, offset..wanted));
        if let Err(mut error) = all {
            self.extend_object(medium, end)?;
            ready = offset;
            while ready < end {
                let next = ((ready / PAGE + 1) * PAGE).min(end);
                if let Err(why) = self.populate(medium, ready..next) {
                    error = why;
                    break;
                }
                ready = next;
            }
            if ready == offset {
                if self.granted && self.object_size > self.size {
                    medium.store.resize(self.object, self.size)?;
                    self.object_size = self.size;
                }
                return Err(error.into());
            }
        }
        let mut done = 0;
        for (span, piece) in pieces(offset..ready) {
            let length = (piece.end - piece.start) as usize;
            let copied = self
                .find(span)
                .is_some_and(|w| w.write(piece.start, &data[done..done + length]));
            if !copied {
                return Err(Error::EIO.into());
            }
            done += length;
        }
        self.size = self.size.max(ready);
        if self.granted && self.object_size > self.size {
            medium.store.resize(self.object, self.size)?;
            self.object_size = self.size;
        }
        Ok(done)
    }

    fn resize(&mut self, medium: Medium<'_>, size: u64) -> Answer<()> {
        if size > SIZE_MAX {
            return Err(Error::EFBIG.into());
        }
        if size < self.size {
            medium.store.resize(self.object, size)?;
            self.object_size = size;
            self.size = size;
            self.forget(medium, size.next_multiple_of(PAGE)..u64::MAX);
        } else if size > self.size {
            self.clean_tail();
            self.note_hole();
            if self.granted {
                self.extend_object(medium, size)?;
            }
            self.size = size;
        }
        Ok(())
    }

    fn pages(&self, medium: Medium<'_>) -> u64 {
        if self.client_writes
            && let Ok(frames) = medium.store.frames(self.object)
        {
            return frames;
        }
        let end = self.size.next_multiple_of(PAGE);
        if self.object_size <= end {
            // Nothing was taken ahead.
            return self.windows.iter().map(Window::held).sum();
        }
        let in_window = |window: &Window| window.count(touched(&window.span.cut(&(0..end))));
        self.windows.iter().map(in_window).sum()
    }

    fn next(&self, from: u64, hole: bool) -> u64 {
        if self.client_writes {
            return if hole { self.size } else { from };
        }
        let mut at = from;
        while at < self.size {
            let span = Span::at(at);
            let page = ((at - span.start) / PAGE) as usize;
            let (is_hole, end) = match self.find(span) {
                Some(window) => (
                    !window.has(page),
                    span.start + window.run_end(page, window.pages()) as u64 * PAGE,
                ),
                None => {
                    let later = self
                        .windows
                        .iter()
                        .map(|window| window.span.start)
                        .find(|&start| start > at);
                    (true, later.unwrap_or(self.size))
                }
            };
            if is_hole == hole {
                return at;
            }
            at = end;
        }
        self.size
    }

    fn punch(&mut self, medium: Medium<'_>, offset: u64, length: u64) -> Answer<()> {
        let end = offset
            .saturating_add(length)
            .min(self.size.next_multiple_of(PAGE));
        if offset >= end {
            return Ok(());
        }
        self.note_hole();
        let (first, last) = (offset.next_multiple_of(PAGE), end / PAGE * PAGE);
        if first < last {
            medium.store.punch(self.object, first, last - first)?;
            self.forget(medium, first..last);
            self.zero(offset..first);
            self.zero(last..end);
        } else {
            self.zero(offset..end);
        }
        Ok(())
    }

    fn allocate(&mut self, medium: Medium<'_>, offset: u64, length: u64) -> Answer<()> {
        let end = offset
            .checked_add(length)
            .filter(|&end| end <= SIZE_MAX)
            .ok_or(Error::EFBIG)?;
        if self.granted && end > self.size {
            // Beyond the end the object must fault; the pages are taken when the file grows.
            let end = self.size.max(offset);
            return Ok(self.populate(medium, offset..end)?);
        }
        self.extend_object(medium, end)?;
        Ok(self.populate(medium, offset..end)?)
    }

    fn trim(&mut self, medium: Medium<'_>) {
        let end = self.size.next_multiple_of(PAGE);
        let extra = |window: &Window| window.count(touched(&window.span.cut(&(end..u64::MAX)))) > 0;
        if self.object_size > end
            && self.windows.iter().any(extra)
            && medium.store.resize(self.object, self.size).is_ok()
        {
            self.object_size = self.size;
            self.forget(medium, end..u64::MAX);
        }
    }

    fn grant(
        &mut self,
        medium: Medium<'_>,
        process: ProcessId,
        options: u32,
        name: &[u8],
    ) -> Answer<Handle> {
        if self.object_size != self.size {
            medium.store.resize(self.object, self.size)?;
            self.object_size = self.size;
            self.forget(medium, self.size.next_multiple_of(PAGE)..u64::MAX);
        }
        let handle = medium.store.grant(self.object, process, options, name)?;
        self.granted = true;
        self.client_writes |= MapOptions::from_bits_truncate(options).contains(MapOptions::WRITE);
        Ok(handle)
    }

    fn lend(&mut self, medium: Medium<'_>, process: ProcessId, options: u32) -> Answer<Handle> {
        let handle = medium.store.grant(self.object, process, options, b"")?;
        self.lent = true;
        if MapOptions::from_bits_truncate(options).contains(MapOptions::WRITE) {
            self.lent_writes = true;
            self.client_writes |= !self.has_all(0..self.size);
        }
        Ok(handle)
    }

    fn is_shared(&self) -> bool {
        self.granted || self.lent
    }

    fn destroy(&mut self, medium: Medium<'_>) {
        self.forget(medium, 0..u64::MAX);
        medium.store.release(self.object);
        self.size = 0;
    }
}
