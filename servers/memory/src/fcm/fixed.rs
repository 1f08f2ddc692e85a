//! FCMs whose pages never change place: no lock, so any number of CPUs map them without meeting.

use super::{Fcm, Request, map_group};
use crate::frames::Frame;
use crate::machine::{Batch, Machine};
use crate::tree::Found;
use alloc::boxed::Box;
use alloc::vec::Vec;
use k42_abi::{Error, Result};

/// Pages made once and then only read: a program image. Writers get copies, by an [`Anonymous`](super::Anonymous) FCM
/// over this one.
pub struct Image {
    core: Machine,
    frames: Box<[Frame]>,
    /// The frames lie in a row.
    is_row: bool,
    name: Vec<u8>,
}

impl Image {
    /// An image of frames whose shares it takes over.
    pub fn new(core: Machine, frames: Vec<Frame>, name: &[u8]) -> Self {
        Self {
            core,
            is_row: frames.is_sorted_by(|a, b| a.0 + 1 == b.0),
            frames: frames.into(),
            name: name.into(),
        }
    }

    /// How many pages there are.
    pub fn pages(&self) -> u64 {
        self.frames.len() as u64
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        self.frames
            .iter()
            .for_each(|&frame| self.core.frames.release(frame));
    }
}

impl Fcm for Image {
    fn map_page(&self, request: &Request) -> Result<u64> {
        if request.write || request.index >= self.pages() {
            return Err(if request.write {
                Error::EACCES
            } else {
                Error::ENXIO
            });
        }
        let (first, end) = request.around();
        map_group(self.core, request, |visit| {
            for index in first..end.min(self.pages()) {
                visit(
                    index,
                    Found {
                        frame: self.frames[index as usize],
                        alone: false,
                    },
                );
            }
        })?;
        Ok(0)
    }

    fn bring(&self, request: &Request) -> (u64, Result<()>) {
        let mut batch: Batch<'_> = Batch::new(self.core, request.process);
        let wanted = usize::try_from(request.first)
            .ok()
            .zip(usize::try_from(request.end).ok());
        let Some(frames) = wanted.and_then(|(first, end)| self.frames.get(first..end)) else {
            return (0, Err(Error::ENXIO));
        };
        let mut index = request.first;
        let mut add = |run: &[Frame]| {
            let (address, pages) = (request.address_of(index), run.len() as u64);
            index += pages;
            batch.add_run(address, run[0], pages, request.flags_for(false))
        };
        let result = if self.is_row && !frames.is_empty() {
            add(frames)
        } else {
            frames.chunk_by(|a, b| a.0 + 1 == b.0).try_for_each(add)
        };
        (0, result.and_then(|()| batch.flush()))
    }

    fn is_fixed(&self) -> bool {
        true
    }

    fn copy_page(&self, index: u64, to: Frame) -> Result<()> {
        let from = usize::try_from(index)
            .ok()
            .and_then(|i| self.frames.get(i))
            .ok_or(Error::ENXIO)?;
        self.core.window.copy(*from, to);
        Ok(())
    }

    fn resident(&self, first: u64, out: &mut [u8]) {
        let pages = self.pages().saturating_sub(first).min(out.len() as u64);
        out[..pages as usize].iter_mut().for_each(|byte| *byte |= 1);
    }

    fn count(&self, first: u64, end: u64) -> (u64, u64) {
        (end.min(self.pages()).saturating_sub(first), 0)
    }

    fn put_name(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.name);
    }
}

/// A stretch of real memory that is somebody else's to keep: pages of the kernel, members of the boot archive.
pub struct Physical {
    core: Machine,
    first: Frame,
    pages: u64,
    writable: bool,
}

impl Physical {
    /// `pages` frames from `first`.
    pub const fn new(core: Machine, first: Frame, pages: u64, writable: bool) -> Self {
        Self {
            core,
            first,
            pages,
            writable,
        }
    }
}

impl Fcm for Physical {
    fn map_page(&self, request: &Request) -> Result<u64> {
        if request.index >= self.pages {
            return Err(Error::ENXIO);
        }
        if request.write && !self.writable {
            return Err(Error::EACCES);
        }
        let (first, end) = request.around();
        self.bring(&Request {
            first,
            end: end.min(self.pages),
            ..*request
        })
        .1
        .map(|()| 0)
    }

    fn bring(&self, request: &Request) -> (u64, Result<()>) {
        if request.end > self.pages {
            return (0, Err(Error::ENXIO));
        }
        let flags = request.flags_for(self.writable);
        let mut batch: Batch<'_> = Batch::new(self.core, request.process);
        let (address, first) = (
            request.address_of(request.first),
            self.first.plus(request.first as u32),
        );
        let result = batch.add_run(
            address,
            first,
            request.end.saturating_sub(request.first),
            flags,
        );
        (0, result.and_then(|()| batch.flush()))
    }

    fn is_fixed(&self) -> bool {
        // The kernel information page; trace buffers are large, and few processes write them.
        self.pages == 1
    }

    fn copy_page(&self, index: u64, to: Frame) -> Result<()> {
        if index >= self.pages {
            return Err(Error::ENXIO);
        }
        self.core.window.copy(self.first.plus(index as u32), to);
        Ok(())
    }

    fn resident(&self, first: u64, out: &mut [u8]) {
        let pages = self.pages.saturating_sub(first).min(out.len() as u64);
        out[..pages as usize].iter_mut().for_each(|byte| *byte |= 1);
    }

    fn count(&self, first: u64, end: u64) -> (u64, u64) {
        (end.min(self.pages).saturating_sub(first), 0)
    }
}
