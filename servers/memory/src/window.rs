//! The window on real memory, through which the server zeroes, copies and fills frames without mapping them.
//!
//! On K42 the window is at `layout::MEMORY_WINDOW`; under test it is an array. This is the one module with `unsafe`
//! code besides the program's entry: it turns frame numbers into memory, and checks each against the window's bounds.
//!
//! Frames are shared with processes that may write them at any time, so nothing here makes references into a frame;
//! all access is by copy of words or bytes through raw pointers.

use crate::frames::{Frame, FrameInfo};
use k42_abi::layout::PAGE_SIZE;

/// A linear window on real memory.
pub struct Window {
    base: *mut u8,
    bytes: u64,
    block: usize,
}

// SAFETY: the window is plain memory that outlives the server; every access is a raw copy, and who may touch which
// frame is decided by the frame table.
unsafe impl Sync for Window {}
// SAFETY: as above; the pointer is not tied to a thread.
unsafe impl Send for Window {}

impl Window {
    /// The window at `base`, which shows real addresses `0..bytes`. `block` is the size of a data cache block, or
    /// zero if frames are to be cleared word by word.
    ///
    /// # Safety
    ///
    /// * Real memory that is given to the frame allocator, and that is named to the methods below, is readable and
    ///   writable at `base + real address` for ever.
    /// * Nothing but this window reaches it by Rust references.
    pub const unsafe fn new(base: *mut u8, bytes: u64, block: usize) -> Self {
        Self { base, bytes, block }
    }

    /// Real memory shown: 0 to this, exclusive.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Address in this server's space of a real address.
    pub fn address(&self, real: u64) -> u64 {
        self.base as u64 + real
    }

    fn page(&self, frame: Frame) -> Option<*mut u8> {
        let real = frame.address();
        // SAFETY: the frame lies within the window.
        (real + PAGE_SIZE as u64 <= self.bytes).then(|| unsafe { self.base.add(real as usize) })
    }

    /// Fills a frame with zeroes.
    pub fn zero(&self, frame: Frame) {
        self.zero_row(frame, 1);
    }

    /// Fills `pages` frames in a row with zeroes.
    pub fn zero_row(&self, first: Frame, pages: u32) {
        let real = first.address();
        let bytes = pages as usize * PAGE_SIZE;
        if bytes == 0 || real + bytes as u64 > self.bytes {
            return;
        }
        // SAFETY: the frames lie within the window.
        let start = unsafe { self.base.add(real as usize) };
        #[cfg(all(target_arch = "powerpc64", not(test)))]
        if self.block >= 16 && PAGE_SIZE.is_multiple_of(self.block * 8) {
            let block = self.block;
            // Eight blocks a turn.
            // SAFETY: the turns cover exactly the frames, which the caller owns; they are ordinary cached memory.
            unsafe {
                core::arch::asm!(
                    "mtctr {turns}",
                    "2: dcbz 0, {at}",
                    "dcbz {one}, {at}",
                    "dcbz {two}, {at}",
                    "dcbz {three}, {at}",
                    "dcbz {four}, {at}",
                    "dcbz {five}, {at}",
                    "dcbz {six}, {at}",
                    "dcbz {seven}, {at}",
                    "add {at}, {at}, {step}",
                    "bdnz 2b",
                    turns = in(reg) bytes / (block * 8),
                    at = inout(reg_nonzero) start => _,
                    one = in(reg_nonzero) block,
                    two = in(reg_nonzero) block * 2,
                    three = in(reg_nonzero) block * 3,
                    four = in(reg_nonzero) block * 4,
                    five = in(reg_nonzero) block * 5,
                    six = in(reg_nonzero) block * 6,
                    seven = in(reg_nonzero) block * 7,
                    step = in(reg) block * 8,
                    out("ctr") _,
                    options(nostack)
                )
            };
            return;
        }
        let _ = self.block;
        // SAFETY: the frames lie within the window and belong to the caller.
        unsafe { core::ptr::write_bytes(start, 0, bytes) };
    }

    /// Copies a frame.
    pub fn copy(&self, from: Frame, to: Frame) {
        let (Some(from), Some(to)) = (self.page(from), self.page(to)) else {
            return;
        };
        if from == to {
            return;
        }
        let (from, to) = (from.cast::<[u64; 8]>(), to.cast::<[u64; 8]>());
        for i in 0..PAGE_SIZE / 64 {
            // SAFETY: both pages lie within the window and are page-aligned; the source may change meanwhile (its
            // process runs), which gives the copy either value of a word, as the program would see it too.
            unsafe { to.add(i).write(from.add(i).read_volatile()) };
        }
    }

    /// Copies bytes out of real memory; bytes outside the window read as zero.
    pub fn read(&self, real: u64, into: &mut [u8]) {
        into.fill(0);
        let room = self.bytes.saturating_sub(real).min(into.len() as u64) as usize;
        // SAFETY: `room` bytes from `real` lie within the window; `into` is the caller's own.
        unsafe {
            core::ptr::copy_nonoverlapping(
                self.base.wrapping_add(real as usize),
                into.as_mut_ptr(),
                room,
            )
        };
    }

    /// Copies bytes into real memory; bytes outside the window are dropped.
    pub fn write(&self, real: u64, from: &[u8]) {
        let room = self.bytes.saturating_sub(real).min(from.len() as u64) as usize;
        // SAFETY: as in `read`.
        unsafe {
            core::ptr::copy_nonoverlapping(
                from.as_ptr(),
                self.base.wrapping_add(real as usize),
                room,
            )
        };
    }

    /// Zeroes bytes of real memory.
    pub fn clear(&self, real: u64, bytes: u64) {
        let room = self.bytes.saturating_sub(real).min(bytes) as usize;
        // SAFETY: as in `read`.
        unsafe { core::ptr::write_bytes(self.base.wrapping_add(real as usize), 0, room) };
    }

    /// A word, in the machine's own order.
    pub fn word(&self, real: u64) -> u64 {
        let mut bytes = [0; 8];
        self.read(real, &mut bytes);
        u64::from_ne_bytes(bytes)
    }

    /// Stores a word in the machine's own order.
    pub fn set_word(&self, real: u64, value: u64) {
        self.write(real, &value.to_ne_bytes());
    }

    /// The frame table, made of zeroes at `real`.
    ///
    /// # Safety
    ///
    /// The memory belongs to the caller for ever, and is used for nothing else.
    pub unsafe fn frame_table(&self, real: u64, count: usize) -> Option<&'static [FrameInfo]> {
        let bytes = (count * size_of::<FrameInfo>()) as u64;
        if !real.is_multiple_of(align_of::<FrameInfo>() as u64)
            || real.checked_add(bytes)? > self.bytes
        {
            return None;
        }
        self.clear(real, bytes);
        // SAFETY: within the window, aligned, the caller's alone; entries are atomics, for which zero is a value.
        Some(unsafe { core::slice::from_raw_parts(self.base.add(real as usize).cast(), count) })
    }

    /// A part of real memory that nothing writes any more (the boot archive), as a slice.
    ///
    /// # Safety
    ///
    /// Nobody writes the bytes or frees their frames while the slice lives.
    pub unsafe fn slice(&self, real: u64, bytes: u64) -> Option<&'static [u8]> {
        let end = real.checked_add(bytes)?;
        // SAFETY: within the window; the rest is the caller's promise.
        (end <= self.bytes).then(|| unsafe {
            core::slice::from_raw_parts(self.base.add(real as usize), bytes as usize)
        })
    }
}
