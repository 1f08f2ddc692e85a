//! Fork: a copy of a space, at a cost by regions and not by pages.
//!
//! Private FCMs are cloned (the root of a tree each). What the parent could store to is taken out of its translation
//! in whole tables, so that both sides fault again and find each page either their own or to be copied. The few pages
//! that both will touch at once (top of the stack, data of the library) are copied here, which is far cheaper than
//! two faults; they stay mapped in the parent and are mapped in the child.

use super::dispatcher::{Content, Shape};
use super::{PAGE, Region, Space};
use crate::machine::Batch;
use crate::fcm::{Anonymous, Fcm};
use crate::frames::{Frame, Kind, Need};
use crate::tree::PageTree;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;
use k42_abi::layout::LIBRARY_BASE;
use k42_abi::{Error, Result};
use k42_api::memory::MapOptions;

/// A library region with at most so many pages is copied outright.
const SMALL: usize = 16;
/// Pages at the top of a stack that are copied.
const HOT: usize = 2;

/// Copies under way for one fork.
struct Copier<'a> {
    parent: &'a Space,
    batch: Batch<'a>,
    /// FCMs that several regions share, with their clones.
    clones: Vec<(Arc<dyn Fcm>, Arc<dyn Fcm>)>,
    /// Private pages that the child does not get.
    left: u64,
}

impl Space {
    /// Makes `child`, which is empty, a copy of this space, with a copy of dispatcher `vp` as its dispatcher 0.
    pub fn fork_into(&self, child: &Self, vp: u32, shape: Shape) -> Result<()> {
        let mut state = self.enter()?;
        let mut copy = child.enter()?;
        self.core.admit()?;
        let area = state.areas.iter().find(|area| area.vp == vp).ok_or(Error::EINVAL)?;
        let batch = Batch::new(self.core, child.id);
        let mut copier = Copier { parent: self, batch, clones: Vec::new(), left: 0 };
        child.add_dispatcher(&mut copy, shape, &Content::Copy(area), &mut copier.batch)?;

        let mut regions = Vec::with_capacity(state.regions.len() + 1);
        for (&start, region) in &mut state.regions {
            if let Some(clone) = copier.region(start, region)? {
                regions.push((start, clone));
            }
        }
        copier.batch.flush()?;
        let mut regions: BTreeMap<u64, Region> = regions.into_iter().collect();
        regions.append(&mut copy.regions);
        copy.mapped = regions.range(..LIBRARY_BASE).map(|(start, region)| region.end - start).sum();
        copy.regions = regions;
        copy.break_start = state.break_start;
        copy.break_now = state.break_now;
        copy.limit_space = state.limit_space;
        copy.limit_data = state.limit_data;
        copy.limit_stack = state.limit_stack;
        copy.cursor = state.cursor;
        copy.handles = state.handles.clone();
        child.private.store(self.private().saturating_sub(copier.left), Relaxed);
        Ok(())
    }
}

impl Copier<'_> {
    /// The child's region for one of the parent's.
    fn region(&mut self, start: u64, region: &Region) -> Result<Option<Region>> {
        let (first, end) = region.indices(start);
        let Some(pages) = region.fcm.as_anonymous() else {
            let keeps = !region.options.contains(MapOptions::NO_FORK);
            return Ok(keeps.then(|| Region { attached: None, ..region.clone() }));
        };
        if region.options.contains(MapOptions::NO_FORK) {
            self.left += region.fcm.count(first, end).1;
            return Ok(None);
        }
        // Several regions may be pieces of one FCM. Counted before the clone takes a share too.
        let is_sole = Arc::strong_count(&region.fcm) == 1;
        let mut clone = Region { attached: None, ..region.clone() };
        if pages.is_untouched() {
            clone.fcm = self.clone_of(&region.fcm, is_sole)?;
            return Ok(Some(clone));
        }
        if region.options.contains(MapOptions::LIBRARY)
            && is_sole
            && let Some(list) = pages.pages(first, end, SMALL)
        {
            let own = pages.with(PageTree::new(&self.parent.core.frames));
            for (index, frame) in list {
                self.copy_page(start, region, index, frame, &own)?;
            }
            clone.fcm = Arc::new(own);
            return Ok(Some(clone));
        }
        clone.fcm = self.clone_of(&region.fcm, is_sole)?;
        let mut keep = end;
        if region.options.contains(MapOptions::GROWS_DOWN)
            && let Some(own) = clone.fcm.as_anonymous()
        {
            for _ in 0..HOT {
                let Some((index, frame)) = pages.last(first, keep) else { break };
                self.copy_page(start, region, index, frame, own)?;
                keep = index;
            }
        }
        let (low, high) = pages.fork_range(first, end, keep);
        if low < high {
            let address = start + (low - first) * PAGE;
            self.parent.core.unmap(self.parent.id, address, (high - low) * PAGE);
        }
        Ok(Some(clone))
    }

    /// The clone of a private FCM; pieces of one FCM stay pieces of one.
    fn clone_of(&mut self, fcm: &Arc<dyn Fcm>, is_sole: bool) -> Result<Arc<dyn Fcm>> {
        if is_sole {
            return fcm.fork().ok_or(Error::EIO);
        }
        if let Some((_, clone)) = self.clones.iter().find(|(known, _)| Arc::ptr_eq(known, fcm)) {
            return Ok(clone.clone());
        }
        let clone = fcm.fork().ok_or(Error::EIO)?;
        self.clones.push((fcm.clone(), clone.clone()));
        Ok(clone)
    }

    /// Gives the child's FCM `own` a copy of a page of its own, mapped at once.
    fn copy_page(&mut self, start: u64, region: &Region, index: u64, frame: Frame, own: &Anonymous) -> Result<()> {
        let need = Need::Private(self.parent.private());
        let copy = self.parent.core.copied(frame, Kind::Anonymous, need)?;
        own.own(index, copy);
        let address = start + (index - region.index) * PAGE;
        let flags = region.flags();
        if flags.is_empty() { Ok(()) } else { self.batch.add(address, copy, flags) }
    }
}
