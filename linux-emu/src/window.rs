//! Windows: the data of a regular file mapped into the library, so that a transfer is a copy and not a call.
//!
//! A file gets one when it has been used a few times. The pages are the same that the server and all others use, so
//! data needs no protocol; what must be known beside it (how long the file is, and when the server wants to be asked
//! all the same) is in the file's view, see `k42_api::files::view`. If the file is cut short meanwhile the copy meets a
//! fault, ends early, and the server is asked for the rest. A child has its parent's windows.

use crate::file::OpenFile;
use crate::port;
use crate::process::MEMORY;
use crate::ring;
use crate::user::{self, User};
use alloc::boxed::Box;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use k42_abi::layout::PAGE_SIZE;
use k42_abi::{Handle, Result};
use k42_api::files::{FileKind, view};
use k42_api::memory::MapOptions;

/// Transfers by messages before a file gets a window; for a pipe, pages moved by large ones.
const USES: u32 = 16;
/// A window is asked for, is there, or cannot be had.
const DECIDED: u32 = u32::MAX;
/// Least and largest room: a window reaches beyond the end of the file, which may grow.
const ROOM: (u64, u64) = (64 << 10, 256 << 20);

/// A mapped file, or the ring of a pipe (see [`crate::ring`]), which has no view.
struct Window {
    data: u64,
    bytes: u64,
    view: u64,
    writable: bool,
    /// When the server last knew of a write (timebase).
    told: AtomicU64,
}

/// A file's window, if it has one.
pub struct Slot {
    uses: AtomicU32,
    /// How far writes have come: one that goes beyond may make the file longer, which is not for windows.
    end: AtomicU64,
    window: AtomicPtr<Window>,
}

impl Slot {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            uses: AtomicU32::new(0),
            end: AtomicU64::new(0),
            window: AtomicPtr::new(null_mut()),
        }
    }

    /// The window; opens it if the file has been used often enough, with `now` more uses.
    #[inline]
    fn get(&self, file: &OpenFile, now: u32) -> Option<&Window> {
        // SAFETY: what is stored here is a box of ours, freed only by `close`, which has the slot for itself.
        if let Some(window) = unsafe { self.window.load(Ordering::Acquire).as_ref() } {
            return Some(window);
        }
        let uses = self.uses.load(Ordering::Relaxed);
        let next = match uses {
            DECIDED => return None,
            USES => DECIDED,
            uses => (uses + now).min(USES),
        };
        let counted = self
            .uses
            .compare_exchange(uses, next, Ordering::Relaxed, Ordering::Relaxed);
        if next == DECIDED
            && counted.is_ok()
            && let Ok(window) = Window::open(file)
            && let Ok(window) = Box::try_new(window)
        {
            self.window.store(Box::into_raw(window), Ordering::Release);
        }
        None
    }

    /// Where a pipe's ring is mapped, if it is.
    pub fn ring(&self, file: &OpenFile) -> Option<u64> {
        self.get(file, 0).map(|window| window.data)
    }

    /// So many bytes of a pipe have gone by message; a small transfer is no reason for a ring.
    pub fn note_moved(&self, bytes: usize) {
        let pages = (bytes / PAGE_SIZE).min(USES as usize) as u32;
        let add = |uses: u32| (pages > 0 && uses < USES).then(|| (uses + pages).min(USES));
        let _ = self
            .uses
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Unmaps the window; the file is not used any more.
    pub fn close(&mut self) {
        let window = core::mem::replace(self.window.get_mut(), null_mut());
        if !window.is_null() {
            // SAFETY: made by `Box::into_raw` in `get`, and with the slot borrowed alone nobody else has it.
            let window = unsafe { Box::from_raw(window) };
            window.unmap();
        }
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

/// Maps what a handle on the memory server stands for, and gives the handle up.
fn map(handle: u64, bytes: u64, options: MapOptions) -> Result<u64> {
    let options = options | MapOptions::READ | MapOptions::SHARED | MapOptions::LIBRARY;
    let mapped = MEMORY.map_object(Handle(handle), 0, 0, bytes, options.bits());
    let released = MEMORY.release(Handle(handle));
    let address = mapped?;
    released.map(|()| address)
}

impl Window {
    fn open(file: &OpenFile) -> Result<Self> {
        if file.kind == FileKind::Pipe {
            return Ok(Self {
                data: map(file.client().ring()?.0, ring::BYTES, MapOptions::WRITE)?,
                bytes: ring::BYTES,
                view: 0,
                writable: true,
                told: AtomicU64::new(0),
            });
        }
        let writable = file.check_writable().is_ok();
        let [data, seen] = file.client().view(writable)?;
        let page = PAGE_SIZE as u64;
        let mut new = Self {
            data: 0,
            bytes: 0,
            view: 0,
            writable,
            told: AtomicU64::new(0),
        };
        match map(seen, page, MapOptions::EAGER) {
            Ok(address) => new.view = address,
            Err(error) => {
                let _ = MEMORY.release(Handle(data));
                return Err(error);
            }
        }
        let room = (new.size().saturating_mul(2)).clamp(ROOM.0, ROOM.1);
        new.bytes = room.next_multiple_of(ROOM.0);
        let mut options = MapOptions::empty();
        options.set(MapOptions::WRITE, writable);
        match map(data, new.bytes, options) {
            Ok(address) => new.data = address,
            Err(error) => {
                new.unmap();
                return Err(error);
            }
        }
        Ok(new)
    }

    fn unmap(&self) {
        // Mapped by `open`, and whole: this cannot fail but for lack of memory, and then the addresses are lost.
        if self.view != 0 {
            let _ = MEMORY.unmap(self.view, PAGE_SIZE as u64);
        }
        if self.data != 0 {
            let _ = MEMORY.unmap(self.data, self.bytes);
        }
    }

    fn word(&self, index: usize) -> u64 {
        let at = self.view + index as u64 * 8;
        // SAFETY: the view is mapped as long as the window exists, and its words are used whole by everybody.
        unsafe { AtomicU64::from_ptr(at as *mut u64) }.load(Ordering::Acquire)
    }
    fn size(&self) -> u64 {
        self.word(view::SIZE)
    }
    fn asks(&self, flag: u64) -> bool {
        self.word(view::FLAGS) & flag != 0
    }
    /// Whether `count` bytes from `offset` are in the window.
    fn holds(&self, offset: u64, count: usize) -> bool {
        offset
            .checked_add(count as u64)
            .is_some_and(|end| end <= self.bytes)
    }
}

/// Reads from the window of a regular file: how much, or `None` if the server must be asked.
pub fn read(file: &OpenFile, to: User, count: usize, offset: u64) -> Option<usize> {
    let window = file.window.get(file, 1)?;
    if window.asks(view::READ_ASKS) {
        return None;
    }
    let left = window.size().saturating_sub(offset);
    let count = count.min(usize::try_from(left).unwrap_or(usize::MAX));
    if !window.holds(offset, count) {
        return None;
    }
    match user::copy_from_window(to, window.data + offset, count) {
        0 if count > 0 => None,
        done => Some(done),
    }
}

/// Writes to the window of a regular file, within its length: how much, or `None` if the server must be asked.
pub fn write(file: &OpenFile, from: User, count: usize, offset: u64) -> Option<usize> {
    let end = offset + count as u64;
    if end > file.window.end.load(Ordering::Relaxed) {
        file.window.end.store(end, Ordering::Relaxed);
        return None;
    }
    let window = file.window.get(file, 1)?;
    // A file that another process has too may have got O_APPEND there.
    if !window.writable || !file.offset.is_local() || window.asks(view::WRITE_ASKS) {
        return None;
    }
    if !window.holds(offset, count) || end > window.size() {
        return None;
    }
    if port::now() >= window.told.load(Ordering::Relaxed) {
        return None;
    }
    match user::copy_to_window(window.data + offset, from, count) {
        0 => None,
        done => Some(done),
    }
}

/// The server has been asked for a write, and knows its time.
pub fn note_write(file: &OpenFile) {
    // SAFETY: as in `Slot::get`.
    if let Some(window) = unsafe { file.window.window.load(Ordering::Acquire).as_ref() } {
        let next = port::after_ns(view::TIME_STEP);
        window.told.store(next, Ordering::Relaxed);
    }
}
