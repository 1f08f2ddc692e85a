//! What everything in the server stands on: the kernel, the window, the frames. One per machine (and one per test).

use crate::frames::{Frame, Frames, Kind, Need};
use crate::hat::{DONATION, Hat, Refused};
use crate::lock::Lock;
use crate::window::Window;
use alloc::boxed::Box;
use alloc::vec::Vec;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::map::{LARGE_PAGE, MAX_RUN, MapFlags, MapOperation};
use k42_abi::{Error, ProcessId, Result};
use k42_sched::trace::{User, events};

/// Operations that fit in one MAP_BATCH.
pub const BATCH: usize = k42_abi::message::SLOT_SIZE / size_of::<MapOperation>();

/// The machine below the server.
pub struct Core {
    /// The kernel.
    pub hat: Box<dyn Hat>,
    /// Access to frames.
    pub window: Window,
    /// Who has which frame.
    pub frames: Frames,
    /// Clean root tables ([`crate::roots`]).
    pub roots: Lock<Vec<u64>>,
}

/// The machine lives as long as the server.
pub type Machine = &'static Core;

impl Core {
    /// Puts the parts together.
    pub fn new(hat: Box<dyn Hat>, window: Window, frames: Frames) -> Self {
        Self {
            hat,
            window,
            frames,
            roots: Lock::new(Vec::new()),
        }
    }

    /// A frame full of zeroes.
    pub fn zeroed(&self, kind: Kind, need: Need) -> Result<Frame> {
        let frame = self.frames.allocate(kind, need).ok_or(Error::ENOMEM)?;
        self.window.zero(frame);
        Ok(frame)
    }

    /// The first of the frames of a zeroed large page; each is owned by the caller. `None` if there is none.
    pub fn zeroed_large(&self, kind: Kind, need: Need) -> Option<Frame> {
        const ORDER: u32 = (LARGE_PAGE / PAGE_SIZE as u64).ilog2();
        let first = self.frames.allocate_block(kind, need, ORDER)?;
        self.window.zero_row(first, 1 << ORDER);
        Some(first)
    }

    /// A copy of `from`.
    pub fn copied(&self, from: Frame, kind: Kind, need: Need) -> Result<Frame> {
        let frame = self.frames.allocate(kind, need).ok_or(Error::ENOMEM)?;
        self.window.copy(from, frame);
        Ok(frame)
    }

    /// Refuses what would make the server's own structures grow when memory is short.
    pub fn admit(&self) -> Result<()> {
        if self.frames.admits(Need::System, 16) {
            Ok(())
        } else {
            events::memory::refused::<User>(self.frames.free());
            Err(Error::ENOMEM)
        }
    }

    /// Enters translations, giving the kernel frames for its tables as it asks.
    pub fn map(&self, process: ProcessId, operations: &[MapOperation]) -> Result<()> {
        if operations.iter().any(|operation| operation.pages > MAX_RUN) {
            return operations
                .iter()
                .try_for_each(|operation| self.map_long(process, operation));
        }
        let mut rest = operations;
        let mut stalled = 0;
        while !rest.is_empty() {
            let (done, why) = self.hat.map(process, &rest[..rest.len().min(BATCH)]);
            rest = &rest[done.min(rest.len())..];
            stalled = if done == 0 { stalled + 1 } else { 0 };
            match why {
                Some(Refused::Frames(count)) => self.donate(process, count.clamp(1, 64))?,
                Some(Refused::Error(error)) => return Err(error),
                None => {}
            }
            if stalled > 16 {
                return Err(Error::EIO); // the kernel asks and asks: give up rather than feed it everything
            }
        }
        Ok(())
    }

    /// Enters a run of any length in pieces that the kernel takes.
    fn map_long(&self, process: ProcessId, whole: &MapOperation) -> Result<()> {
        let large = MapFlags::from_bits_truncate(whole.flags).contains(MapFlags::LARGE);
        let page = if large { LARGE_PAGE } else { PAGE_SIZE as u64 };
        for first in (0..whole.pages).step_by(MAX_RUN as usize) {
            let offset = first * page;
            let pages = (whole.pages - first).min(MAX_RUN);
            let piece = MapOperation {
                address: whole.address + offset,
                frame: whole.frame + offset,
                pages,
                ..*whole
            };
            self.map(process, &[piece])?;
        }
        Ok(())
    }

    /// Enters one page.
    pub fn map_page(
        &self,
        process: ProcessId,
        address: u64,
        frame: Frame,
        flags: MapFlags,
    ) -> Result<()> {
        self.map(
            process,
            &[MapOperation {
                address,
                frame: frame.address(),
                flags: flags.bits(),
                pages: 1,
            }],
        )
    }

    /// Gives `count` frames to the kernel for the tables of `process`. The kernel clears them.
    pub fn donate(&self, process: ProcessId, mut count: u64) -> Result<()> {
        while count > 0 {
            let mut list = [0u64; DONATION];
            let mut n = 0;
            while n < DONATION && (n as u64) < count {
                let Some(frame) = self.frames.allocate(Kind::Table, Need::System) else {
                    break;
                };
                list[n] = frame.address();
                n += 1;
            }
            let given = if n == 0 {
                Err(Error::ENOMEM)
            } else {
                self.hat.donate(process, &list[..n])
            };
            if let Err(error) = given {
                list[..n]
                    .iter()
                    .for_each(|&real| self.frames.release(Frame::at(real)));
                return Err(error);
            }
            count -= n as u64;
        }
        Ok(())
    }

    /// Takes back what the kernel no longer needs for tables: of `process`, or of all processes that ended.
    pub fn reclaim(&self, process: ProcessId) {
        let mut list = [0u64; 32];
        while let Ok(n) = self.hat.reclaim(process, &mut list) {
            let n = n.min(list.len());
            list[..n]
                .iter()
                .for_each(|&real| self.frames.release(Frame::at(real)));
            if n < list.len() {
                break;
            }
        }
    }

    /// Removes translations. Only a process that has ended refuses, and then there are none.
    pub fn unmap(&self, process: ProcessId, address: u64, bytes: u64) {
        let _ = self.hat.unmap(process, address, bytes);
    }
}

/// Collects pages to be mapped, joining neighbours, and maps them in batches of `N` pieces.
pub struct Batch<'a, const N: usize = 16> {
    core: &'a Core,
    process: ProcessId,
    operations: [MapOperation; N],
    length: usize,
}

impl<'a, const N: usize> Batch<'a, N> {
    /// An empty batch for `process`.
    pub fn new(core: &'a Core, process: ProcessId) -> Self {
        let none = MapOperation {
            address: 0,
            frame: 0,
            flags: 0,
            pages: 0,
        };
        Self {
            core,
            process,
            operations: [none; N],
            length: 0,
        }
    }

    /// For whom.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// Adds a page.
    pub fn add(&mut self, address: u64, frame: Frame, flags: MapFlags) -> Result<()> {
        self.add_run(address, frame, 1, flags)
    }

    /// Adds pages in a row. What is a large page by size and place is mapped as one.
    pub fn add_run(
        &mut self,
        address: u64,
        first: Frame,
        pages: u64,
        flags: MapFlags,
    ) -> Result<()> {
        if pages == 0 {
            return Ok(());
        }
        if let Some(last) = self.operations[..self.length].last_mut() {
            let bytes = last.pages * PAGE_SIZE as u64;
            let follows = last.address + bytes == address && last.frame + bytes == first.address();
            if follows && last.flags == flags.bits() {
                last.pages += pages;
                return Ok(());
            }
        }
        if self.length == self.operations.len() {
            self.flush()?;
        }
        let is_large = pages * PAGE_SIZE as u64 == LARGE_PAGE
            && (address | first.address()).is_multiple_of(LARGE_PAGE);
        let (flags, pages) = if is_large {
            (flags | MapFlags::LARGE, 1)
        } else {
            (flags, pages)
        };
        self.operations[self.length] = MapOperation {
            address,
            frame: first.address(),
            flags: flags.bits(),
            pages,
        };
        self.length += 1;
        Ok(())
    }

    /// Maps what was added.
    pub fn flush(&mut self) -> Result<()> {
        let length = core::mem::take(&mut self.length);
        self.core.map(self.process, &self.operations[..length])
    }
}
