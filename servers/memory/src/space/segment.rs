//! Segments of System V's shared memory in a space: which regions show one, and shmdt(2).

use super::{Mapping, PAGE, Region, Space, Use};
use crate::fcm::{Fcm, Object};
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;
use k42_abi::layout::LIBRARY_BASE;
use k42_abi::{Error, Result};
use k42_api::memory::MapOptions;

impl Space {
    /// The process is called so from now on.
    pub fn set_pid(&self, pid: u32) {
        self.pid.store(pid, Relaxed);
    }

    /// A region is about to be, if it is one of a segment.
    pub(super) fn opened(&self, region: &Region) -> Result<()> {
        if region.purpose == Use::Segment {
            region.fcm.opened(self.pid.load(Relaxed))
        } else {
            Ok(())
        }
    }

    /// A region is no more.
    pub(super) fn closed(&self, region: &Region) {
        if region.purpose == Use::Segment {
            region.fcm.closed(self.pid.load(Relaxed));
        }
    }

    /// Maps all of a segment.
    pub fn attach_segment(
        &self,
        object: Arc<Object>,
        address: u64,
        options: MapOptions,
        may: MapOptions,
    ) -> Result<u64> {
        // Counted first: a segment that is given up meanwhile stays until this is over.
        object.as_segment()?.open()?;
        let mapped = self.map(Mapping {
            address,
            bytes: object.bytes(),
            options: options | MapOptions::SHARED,
            purpose: Use::Segment,
            may,
            fcm: Some(object.clone()),
            index: 0,
        });
        match mapped {
            Ok(_) => object.noted(self.pid.load(Relaxed)),
            Err(_) => object.closed(0),
        }
        mapped
    }

    /// shmdt(2): unmaps every piece that is left of the segment that was attached at `address`.
    pub fn detach_segment(&self, address: u64) -> Result<()> {
        let mut state = self.enter()?;
        let mut segment: Option<Arc<dyn Fcm>> = None;
        let mut from = address;
        loop {
            let is_piece = |start: u64, region: &Region| {
                region.purpose == Use::Segment
                    && start.checked_sub(region.index * PAGE) == Some(address)
                    && segment
                        .as_ref()
                        .is_none_or(|known| Arc::ptr_eq(known, &region.fcm))
            };
            let piece = state
                .overlapping(from, LIBRARY_BASE)
                .find(|(start, region)| is_piece(*start, region))
                .map(|(start, region)| (start, region.end, region.fcm.clone()));
            let Some((start, end, fcm)) = piece else {
                break;
            };
            self.unmap_locked(&mut state, start, end)?;
            segment = Some(fcm);
            from = end;
        }
        segment.map(drop).ok_or(Error::EINVAL)
    }
}

#[cfg(test)]
impl Space {
    /// Regions of segments, counted in the map.
    pub fn segment_regions(&self) -> u64 {
        let state = self.state.lock();
        let regions = state.regions.values();
        regions
            .filter(|region| region.purpose == Use::Segment)
            .count() as u64
    }
}
