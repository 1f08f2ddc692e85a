//! Fork: a copy of a space, at a cost by regions and not by pages.
//!
//! Private FCMs are cloned (the root of a tree each). What the parent could store to is made read-only, or, if that is
//! much, taken out of its translation in whole tables; both sides then fault and find each page either their own or to
//! be copied. Pages that proved hot after earlier forks, and the top of the stack, are copied here, which is far
//! cheaper than two faults; they stay mapped in the parent and are mapped in the child. So are, for loads, the
//! other pages of small FCMs, and the library's text.

use super::dispatcher::{Content, Shape};
use super::{PAGE, Region, Space, State, Use};
use crate::fcm::{Anonymous, Fcm};
use crate::frames::{Frame, Kind, Need};
use crate::machine::Batch;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;
use k42_abi::layout::LIBRARY_BASE;
use k42_abi::map::MapFlags;
use k42_abi::{Error, Result};
use k42_api::memory::MapOptions;
use k42_sched::trace::{User, events};

/// Of an FCM with at most so many pages here, all are mapped in the child, for loads.
const SMALL: usize = 64;
/// Hot pages that are copied, of a small FCM and of a large one.
const HOT: (usize, usize) = (16, 4);
/// Pages at the top of a stack that count as hot.
const HOT_STACK: usize = 2;
/// Up to so many pages are made read-only in the parent; of more the translation is dropped, by whole tables.
const NARROW: u64 = 512;

/// Pieces that a fork maps at a time: the pages of a program do not lie in rows.
const MANY: usize = 64;

/// Copies under way for one fork.
struct Copier<'a> {
    parent: &'a Space,
    batch: Batch<'a, MANY>,
    /// FCMs that several regions share, with their clones.
    clones: Vec<(Arc<dyn Fcm>, Arc<dyn Fcm>)>,
    /// Private pages that the child does not get.
    left: u64,
    /// Some region is one of a segment.
    segments: bool,
}

/// Private pages of a region. An FCM that has no other region holds nothing beside it, and knows how much that is.
fn private_pages(start: u64, region: &Region) -> u64 {
    let (first, end) = if Arc::strong_count(&region.fcm) == 1 {
        (0, u64::MAX)
    } else {
        region.indices(start)
    };
    let own = region.fcm.as_anonymous();
    own.map_or(0, |own| own.own_pages(first, end))
}

impl Space {
    /// Makes `child`, which is empty, a copy of this space, with a copy of dispatcher `vp` as its dispatcher 0. With
    /// `without_program` it is a copy of the library's part.
    pub fn fork_into(
        &self,
        child: &Self,
        vp: u32,
        shape: Shape,
        without_program: bool,
    ) -> Result<()> {
        let mut state = self.enter()?;
        let mut copy = child.enter()?;
        self.core.admit()?;
        let area = state
            .areas
            .iter()
            .find(|area| area.vp == vp)
            .ok_or(Error::EINVAL)?;
        let batch = Batch::new(self.core, child.id);
        let mut copier = Copier {
            parent: self,
            batch,
            clones: Vec::new(),
            left: 0,
            segments: false,
        };
        child.add_dispatcher(&mut copy, shape, &Content::Copy(area), &mut copier.batch)?;

        let mut regions = Vec::with_capacity(state.regions.len() + 1);
        for (&start, region) in &mut state.regions {
            if without_program && region.is_program(start) {
                copier.left += private_pages(start, region);
                continue;
            }
            if let Some(clone) = copier.region(start, region)? {
                regions.push((start, clone));
            }
        }
        let left = copier.finish(&regions)?;
        events::memory::clone::<User>(
            u64::from(self.id.0),
            u64::from(child.id.0),
            regions.len() as u64,
        );
        self.hand_down(&state, child, &mut copy, regions, left);
        Ok(())
    }

    /// Gives `child`, which has a library and a dispatcher of its own, a copy of this space's program.
    pub fn copy_program_into(&self, child: &Self) -> Result<()> {
        let mut state = self.enter()?;
        let mut copy = child.enter()?;
        self.core.admit()?;
        let mut copier = Copier {
            parent: self,
            batch: Batch::new(self.core, child.id),
            clones: Vec::new(),
            left: 0,
            segments: false,
        };
        let mut regions = Vec::with_capacity(state.regions.len());
        for (&start, region) in &mut state.regions {
            if start >= LIBRARY_BASE {
                copier.left += private_pages(start, region);
            } else if let Some(clone) = copier.region(start, region)? {
                regions.push((start, clone));
            }
        }
        let left = copier.finish(&regions)?;
        self.hand_down(&state, child, &mut copy, regions, left);
        Ok(())
    }

    /// What a copy of this space has beside the regions that it has already: `regions`, limits, handles. `left` private pages
    /// stay behind.
    fn hand_down(
        &self,
        state: &State,
        child: &Self,
        copy: &mut State,
        regions: Vec<(u64, Region)>,
        left: u64,
    ) {
        let mut regions: BTreeMap<u64, Region> = regions.into_iter().collect();
        regions.append(&mut copy.regions);
        copy.mapped = regions
            .range(..LIBRARY_BASE)
            .map(|(start, region)| region.end - start)
            .sum();
        copy.regions = regions;
        copy.break_start = state.break_start;
        copy.break_now = state.break_now;
        copy.limit_space = state.limit_space;
        copy.limit_data = state.limit_data;
        copy.limit_stack = state.limit_stack;
        copy.cursor = state.cursor;
        copy.handles = state.handles.clone();
        child
            .private
            .store(self.private().saturating_sub(left), Relaxed);
    }
}

impl Copier<'_> {
    /// All is copied: `regions` will be the child's. Private pages that it does not get.
    fn finish(&mut self, regions: &[(u64, Region)]) -> Result<u64> {
        self.batch.flush()?;
        if self.segments {
            for (_, region) in regions {
                // It is the parent's doing; whose own region keeps the segment open, so that this cannot fail.
                let _ = self.parent.opened(region);
            }
        }
        Ok(self.left)
    }

    /// The child's region for one of the parent's.
    fn region(&mut self, start: u64, region: &Region) -> Result<Option<Region>> {
        let (first, end) = region.indices(start);
        let Some(pages) = region.fcm.as_anonymous() else {
            if region.options.contains(MapOptions::NO_FORK) {
                return Ok(None);
            }
            let mut clone = Region {
                attached: None,
                options: region.options.difference(MapOptions::LOCKED),
                ..region.clone()
            };
            clone.map_fixed(self.batch.process(), start)?;
            self.segments |= clone.purpose == Use::Segment;
            return Ok(Some(clone));
        };
        if region.options.contains(MapOptions::NO_FORK) {
            self.left += private_pages(start, region);
            return Ok(None);
        }
        // Several regions may be pieces of one FCM. Counted before the clone takes a share too.
        let is_sole = Arc::strong_count(&region.fcm) == 1;
        let mut clone = Region {
            attached: None,
            // Locks are not inherited.
            options: region.options.difference(MapOptions::LOCKED),
            ..region.clone()
        };
        clone.fcm = self.clone_of(&region.fcm, is_sole)?;
        let Some(own) = clone.fcm.as_anonymous().filter(|_| !pages.is_untouched()) else {
            return Ok(Some(clone));
        };

        let list = pages.pages(first, end, SMALL);
        let mut hot = pages.hot(first, end, if list.is_some() { HOT.0 } else { HOT.1 });
        if region.options.contains(MapOptions::GROWS_DOWN) {
            let mut below = end;
            for _ in 0..HOT_STACK {
                let Some((index, frame)) = pages.last(first, below) else {
                    break;
                };
                if !hot.iter().any(|page| page.0 == index) {
                    hot.push((index, frame));
                }
                below = index;
            }
        }
        for &(index, frame) in &hot {
            self.copy_page(start, region, index, frame, own)?;
        }
        let loads = region.flags().difference(MapFlags::WRITE);
        if !loads.is_empty() {
            for (index, frame) in list
                .into_iter()
                .flatten()
                .filter(|page| !hot.iter().any(|hot| hot.0 == page.0))
            {
                self.batch
                    .add(start + (index - first) * PAGE, frame, loads)?;
            }
        }
        self.end_stores(start, region, pages, loads, &hot)?;
        Ok(Some(clone))
    }

    /// Takes the parent's stores away, but for the hot pages, which it has alone again.
    fn end_stores(
        &self,
        start: u64,
        region: &Region,
        pages: &Anonymous,
        loads: MapFlags,
        hot: &[(u64, Frame)],
    ) -> Result<()> {
        let (first, end) = region.indices(start);
        let (low, high) = pages.take_stored(first, end);
        if low >= high {
            return Ok(());
        }
        let parent = self.parent;
        let (address, bytes) = (start + (low - first) * PAGE, (high - low) * PAGE);
        let narrowed = high - low <= NARROW
            && !loads.is_empty()
            && parent
                .core
                .hat
                .protect(parent.id, address, bytes, loads.bits())
                .is_ok();
        if !narrowed {
            parent.core.unmap(parent.id, address, bytes);
        }
        let flags = region.flags();
        if flags.contains(MapFlags::WRITE) {
            let mut batch: Batch<'_> = Batch::new(parent.core, parent.id);
            for index in hot
                .iter()
                .map(|page| page.0)
                .filter(|index| (low..high).contains(index))
            {
                if let Some(frame) = pages.take_alone(index) {
                    batch.add(start + (index - first) * PAGE, frame, flags)?;
                }
            }
            batch.flush()?;
        }
        Ok(())
    }

    /// The clone of a private FCM; pieces of one FCM stay pieces of one.
    fn clone_of(&mut self, fcm: &Arc<dyn Fcm>, is_sole: bool) -> Result<Arc<dyn Fcm>> {
        if is_sole {
            return fcm.fork().ok_or(Error::EIO);
        }
        if let Some((_, clone)) = self
            .clones
            .iter()
            .find(|(known, _)| Arc::ptr_eq(known, fcm))
        {
            return Ok(clone.clone());
        }
        let clone = fcm.fork().ok_or(Error::EIO)?;
        self.clones.push((fcm.clone(), clone.clone()));
        Ok(clone)
    }

    /// Gives the child's FCM `own` a copy of a page of its own, mapped at once.
    fn copy_page(
        &mut self,
        start: u64,
        region: &Region,
        index: u64,
        frame: Frame,
        own: &Anonymous,
    ) -> Result<()> {
        let need = Need::Private(self.parent.private());
        let copy = self.parent.core.copied(frame, Kind::Anonymous, need)?;
        own.own(index, copy);
        let address = start + (index - region.index) * PAGE;
        let flags = region.flags();
        if flags.is_empty() {
            Ok(())
        } else {
            self.batch.add(address, copy, flags)
        }
    }
}
