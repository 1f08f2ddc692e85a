//! mremap(2): growing, shrinking and moving a mapping.

use super::change::range_of;
use super::map::whole_pages;
use super::{Mapping, PAGE, Space, State, Use};
use alloc::sync::Arc;
use k42_abi::layout::LIBRARY_BASE;
use k42_abi::{Error, Result};
use k42_api::memory::MapOptions;

const MAYMOVE: u32 = 1;
const FIXED: u32 = 2;

impl Space {
    /// mremap(2). MREMAP_DONTUNMAP is not supported (EINVAL, as on older Linux).
    pub fn remap(
        &self,
        address: u64,
        old_bytes: u64,
        new_bytes: u64,
        flags: u32,
        new_address: u64,
    ) -> Result<u64> {
        let fixed = flags & FIXED != 0;
        if flags & !(MAYMOVE | FIXED) != 0 || fixed && flags & MAYMOVE == 0 || new_bytes == 0 {
            return Err(Error::EINVAL);
        }
        let (start, old_end) = range_of(address, old_bytes).map_err(|_| Error::EINVAL)?;
        let new_bytes = whole_pages(new_bytes)?;
        let mut state = self.enter()?;
        self.core.admit()?;
        let (first, region) = state.at(start).ok_or(Error::EFAULT)?;
        if region.purpose == Use::Pinned {
            return Err(Error::EFAULT);
        }
        if old_bytes == 0 {
            return self.duplicate(&mut state, start, new_bytes, flags, new_address);
        }
        if old_end > region.end {
            return Err(Error::EFAULT);
        }
        if fixed {
            let new_end = range_of(new_address, new_bytes)
                .map_err(|_| Error::EINVAL)?
                .1;
            if new_address < old_end && start < new_end
                || new_end > LIBRARY_BASE && first < LIBRARY_BASE
            {
                return Err(Error::EINVAL);
            }
            self.unmap_locked(&mut state, new_address, new_end)?;
        }
        let old_bytes = old_end - start;
        if new_bytes < old_bytes {
            self.unmap_locked(&mut state, start + new_bytes, old_end)?;
        }
        if !fixed {
            if new_bytes <= old_bytes {
                return Ok(start);
            }
            if self.grow(&mut state, start, old_end, new_bytes - old_bytes)? {
                return Ok(start);
            }
            if flags & MAYMOVE == 0 {
                return Err(Error::ENOMEM);
            }
        }
        let more = new_bytes.saturating_sub(old_bytes);
        self.may_have(&state, start, more)?;
        let to = if fixed {
            new_address
        } else {
            state.find_down(new_bytes)?
        };
        self.relocate(
            &mut state,
            start,
            start + old_bytes.min(new_bytes),
            to,
            new_bytes,
        )?;
        Ok(to)
    }

    /// Whether the limits allow `more` bytes like those at `start`.
    fn may_have(&self, state: &State, start: u64, more: u64) -> Result<()> {
        let (_, region) = state.at(start).ok_or(Error::EFAULT)?;
        let too_much = state.mapped + more > state.limit_space
            || region.is_data()
                && state.limit_data != super::INFINITE
                && state.data() + more > state.limit_data
            || region.is_data() && more / PAGE > self.core.frames.total();
        if too_much { Err(Error::ENOMEM) } else { Ok(()) }
    }

    /// Extends the region that ends at `end` in place, if the addresses behind it are free.
    fn grow(&self, state: &mut State, start: u64, end: u64, more: u64) -> Result<bool> {
        let Some((first, region)) = state.at(start) else {
            return Ok(false);
        };
        let top = if first < LIBRARY_BASE {
            LIBRARY_BASE
        } else {
            k42_abi::layout::USER_TOP
        };
        let fits = region.end == end && end.checked_add(more).is_some_and(|new_end| new_end <= top);
        // Private indices behind the region may be in use by another piece of the same FCM.
        let alone = !region.fcm.is_private() || Arc::strong_count(&region.fcm) == 1;
        if !fits || !alone || state.overlapping(end, end + more).next().is_some() {
            return Ok(false);
        }
        self.may_have(state, start, more)?;
        let Some(region) = state.regions.get_mut(&first) else {
            return Ok(false);
        };
        region.end += more;
        if region.attached.is_some() {
            region.attach(self.id, first, 0)?;
        }
        if first < LIBRARY_BASE {
            state.mapped += more;
        }
        Ok(true)
    }

    /// Moves `start..end`, a piece of one region, to `to`, where it gets `bytes`.
    fn relocate(&self, state: &mut State, start: u64, end: u64, to: u64, bytes: u64) -> Result<()> {
        self.split(state, start)?;
        self.split(state, end)?;
        self.core.unmap(self.id, start, end - start);
        let mut region = state.regions.remove(&start).ok_or(Error::EFAULT)?;
        region.detach(self.id, start);
        if let Some(pages) = region.fcm.as_anonymous()
            && Arc::strong_count(&region.fcm) != 1
        {
            // Other pieces of the FCM stay behind: take this piece's pages along in an FCM of its own.
            let (first, last) = region.indices(start);
            region.fcm = Arc::new(pages.split_off(first, last));
        }
        if start < LIBRARY_BASE {
            state.mapped -= end - start;
        }
        if to < LIBRARY_BASE {
            state.mapped += bytes;
        }
        region.end = to + bytes;
        if region.keeps {
            region.attach(self.id, to, 0)?;
        }
        state.regions.insert(to, region);
        Ok(())
    }

    /// The old length zero: a second mapping of shared pages.
    fn duplicate(
        &self,
        state: &mut State,
        start: u64,
        bytes: u64,
        flags: u32,
        to: u64,
    ) -> Result<u64> {
        let (first, region) = state.at(start).ok_or(Error::EFAULT)?;
        if region.is_private() || flags & MAYMOVE == 0 {
            return Err(Error::EINVAL);
        }
        let (may, fcm, index) = (
            region.may,
            region.fcm.clone(),
            region.index_of(first, start),
        );
        let mut options = region.options;
        options.set(MapOptions::FIXED, flags & FIXED != 0);
        let address = if flags & FIXED != 0 { to } else { 0 };
        let mapping = Mapping {
            address,
            bytes,
            options,
            purpose: region.purpose,
            may,
            fcm: Some(fcm),
            index,
        };
        let copy = region.clone();
        self.opened(&copy)?;
        let mapped = self.map_locked(state, mapping);
        if mapped.is_err() {
            self.closed(&copy);
        }
        mapped
    }
}
