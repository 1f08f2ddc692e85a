//! Dispatcher areas: the page that kernel and process share, and the message slots behind it.

use super::region::ACCESS;
use super::{PAGE, Region, Space, State, Use};
use crate::fcm::Physical;
use crate::frames::{Frame, Kind, Need};
use crate::hat::NewDispatcher;
use crate::machine::{Batch, Core};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::offset_of;
use k42_abi::dispatcher::{DispatcherPage, ENTRIES};
use k42_abi::layout::{PAGE_SIZE, dispatcher_page};
use k42_abi::map::MapFlags;
use k42_abi::message::{MAX_SLOTS, SLOT_SIZE};
use k42_abi::{Error, Result};
use k42_api::memory::MapOptions;

/// Frames of one dispatcher, in a row, pinned until the space ends.
pub struct Area {
    /// Its number.
    pub vp: u32,
    first: Frame,
    pages: u32,
}

impl Area {
    /// Gives the frames back; the kernel no longer knows the dispatcher.
    pub fn release(self, core: &Core) {
        core.frames.release_row(self.first, self.pages);
    }
}

/// How a dispatcher is made.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Number in the process.
    pub vp: u32,
    /// CPU.
    pub cpu: u32,
    /// Slots for its calls.
    pub client_slots: u32,
    /// Slots for calls to it.
    pub server_slots: u32,
    /// Priority class.
    pub class: u64,
}

/// What the page holds at first.
pub enum Content<'a> {
    /// Zeroes, with all entries set to this address.
    Entry(u64),
    /// A copy of that dispatcher's page.
    Copy(&'a Area),
}

/// Pages of an area with so many slots.
const fn area_pages(slots: u32) -> u32 {
    1 + slots * (SLOT_SIZE / PAGE_SIZE) as u32
}

impl Space {
    /// Makes a dispatcher; `batch` collects the mapping of its area, which must be flushed before it is started.
    pub(super) fn add_dispatcher<const N: usize>(
        &self,
        state: &mut State,
        shape: Shape,
        content: &Content<'_>,
        batch: &mut Batch<'_, N>,
    ) -> Result<()> {
        let slots = shape.client_slots.saturating_add(shape.server_slots);
        if slots as usize > MAX_SLOTS {
            return Err(Error::EINVAL);
        }
        let pages = area_pages(slots);
        let core = self.core;
        let first = core
            .frames
            .allocate_row(Kind::Pinned, Need::System, pages)
            .ok_or(Error::ENOMEM)?;
        let area = Area {
            vp: shape.vp,
            first,
            pages,
        };
        match content {
            Content::Entry(entry) => {
                core.window.zero(first);
                for i in 0..ENTRIES {
                    let at = offset_of!(DispatcherPage, entry) + i * 8;
                    core.window.set_word(first.address() + at as u64, *entry);
                }
            }
            Content::Copy(parent) => {
                core.window.copy(parent.first, first);
                // What the kernel counted for the other dispatcher.
                for at in [
                    offset_of!(DispatcherPage, disabled),
                    offset_of!(DispatcherPage, soft_interrupts),
                    offset_of!(DispatcherPage, has_work),
                    offset_of!(DispatcherPage, async_taken),
                    offset_of!(DispatcherPage, async_put),
                    offset_of!(DispatcherPage, faults_done),
                    offset_of!(DispatcherPage, run_ticks),
                    offset_of!(DispatcherPage, preemptions),
                ] {
                    core.window.set_word(first.address() + at as u64, 0);
                }
            }
        }
        // Slots must not show what others left in the frames.
        (1..pages).for_each(|i| core.window.zero(first.plus(i)));
        let address = dispatcher_page(shape.vp);
        let new = NewDispatcher {
            process: self.id,
            vp: shape.vp,
            cpu: shape.cpu,
            area: first.address(),
            address,
            client_slots: shape.client_slots,
            server_slots: shape.server_slots,
            class: shape.class,
        };
        if let Err(error) = batch.add_run(
            address,
            first,
            u64::from(pages),
            MapFlags::READ | MapFlags::WRITE,
        ) {
            area.release(core);
            return Err(error);
        }
        if let Err(error) = batch
            .flush()
            .and_then(|()| core.hat.dispatcher_create(&new))
        {
            core.unmap(self.id, address, u64::from(pages) * PAGE);
            area.release(core);
            return Err(error);
        }
        let region = Region {
            end: address + u64::from(pages) * PAGE,
            options: MapOptions::READ
                | MapOptions::WRITE
                | MapOptions::SHARED
                | MapOptions::LIBRARY
                | MapOptions::NO_FORK,
            may: ACCESS,
            purpose: Use::Pinned,
            fcm: Arc::new(Physical::new(core, first, u64::from(pages), true)),
            index: 0,
            attached: None,
            keeps: false,
        };
        state.regions.insert(address, region);
        state.areas.push(area);
        Ok(())
    }

    /// Another dispatcher with the next number, started at once. It begins as a copy of dispatcher 0's page, so that
    /// its entries are the library's.
    pub fn create_dispatcher(&self, mut shape: Shape) -> Result<u32> {
        let mut state = self.enter()?;
        shape.vp = state.areas.len() as u32;
        if state.areas.len() >= k42_abi::info::MAX_CPUS {
            return Err(Error::EAGAIN);
        }
        let entry = state.areas.first().ok_or(Error::EINVAL)?.first.address()
            + offset_of!(DispatcherPage, entry) as u64;
        let mut batch: Batch<'_> = Batch::new(self.core, self.id);
        // The process may have filled dispatcher 0's entries with anything: they only ever run in that process.
        let content = Content::Entry(self.core.window.word(entry));
        self.add_dispatcher(&mut state, shape, &content, &mut batch)?;
        let first = state.areas[0].first.address();
        let last = state.areas[state.areas.len() - 1].first.address();
        for i in 0..ENTRIES as u64 {
            let at = offset_of!(DispatcherPage, entry) as u64 + i * 8;
            self.core
                .window
                .set_word(last + at, self.core.window.word(first + at));
        }
        self.core.hat.dispatcher_start(self.id, shape.vp)?;
        Ok(shape.vp)
    }

    /// Fills an empty space: `regions`, and dispatchers that begin at `entry`. With `eager` all is mapped at once.
    pub fn furnish(
        &self,
        regions: Vec<(u64, Region)>,
        shapes: &[Shape],
        entry: u64,
        eager: bool,
    ) -> Result<()> {
        let mut state = self.enter()?;
        let mut batch: Batch<'_> = Batch::new(self.core, self.id);
        for &shape in shapes {
            self.add_dispatcher(&mut state, shape, &Content::Entry(entry), &mut batch)?;
        }
        let mut added = Vec::new();
        for (start, region) in regions {
            added.push((start, region.end));
            let mut region = region;
            if region.fcm.is_private() {
                // Each process gets memory of its own.
                region.fcm = if eager {
                    region.fcm
                } else {
                    region.fcm.fork().ok_or(Error::EIO)?
                };
            }
            if !eager {
                region.map_fixed(self.id, start)?;
            }
            if region.is_program(start) {
                state.mapped += region.end - start;
            }
            state.regions.insert(start, region);
        }
        if eager {
            for (start, end) in added {
                self.bring(&mut state, start, start, end)?;
            }
        }
        Ok(())
    }

    /// Starts a dispatcher.
    pub fn start_dispatcher(&self, vp: u32) -> Result<()> {
        let _state = self.enter()?;
        self.core.hat.dispatcher_start(self.id, vp)
    }

    /// Starts dispatcher 0 with `words` at the beginning of its page's library area.
    pub fn start(&self, words: &[u64]) -> Result<()> {
        let state = self.enter()?;
        let first = state.areas.first().ok_or(Error::EINVAL)?.first.address();
        for (i, &word) in words.iter().enumerate() {
            self.core.window.set_word(
                first + (offset_of!(DispatcherPage, library) + i * 8) as u64,
                word,
            );
        }
        self.core.hat.dispatcher_start(self.id, 0)
    }
}
