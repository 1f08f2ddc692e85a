//! New mappings, and the search for free addresses.

use super::region::KEPT;
use super::{ACCESS, MAP_TOP, MOST_REGIONS, PAGE, Region, Space, State, Use};
use crate::fcm::{Anonymous, Fcm};
use alloc::sync::Arc;
use core::ops::Bound;
use core::sync::atomic::Ordering::Relaxed;
use k42_abi::layout::{EMU_WINDOWS, LIBRARY_BASE, USER_TOP};
use k42_abi::{Error, Result};
use k42_api::memory::MapOptions;
use k42_sched::trace::{Class, User, events, is_on, text_words};

/// What to map.
pub struct Mapping {
    /// Hint, or with FIXED the place.
    pub address: u64,
    /// Length, rounded up to pages.
    pub bytes: u64,
    /// How.
    pub options: MapOptions,
    /// What for.
    pub purpose: Use,
    /// Access that may be given later.
    pub may: MapOptions,
    /// Whose pages; `None`: private anonymous memory.
    pub fcm: Option<Arc<dyn Fcm>>,
    /// First page of it.
    pub index: u64,
}

impl Mapping {
    /// Private anonymous memory.
    pub fn anonymous(address: u64, bytes: u64, options: MapOptions) -> Self {
        Self {
            address,
            bytes,
            options,
            purpose: Use::Anonymous,
            may: ACCESS,
            fcm: None,
            index: 0,
        }
    }
}

/// `bytes` in whole pages; ENOMEM if that is more than there are addresses.
pub(super) fn whole_pages(bytes: u64) -> Result<u64> {
    let pages = bytes.div_ceil(PAGE);
    if pages <= USER_TOP / PAGE {
        Ok(pages * PAGE)
    } else {
        Err(Error::ENOMEM)
    }
}

impl Space {
    /// Maps; returns where. See the interface for the errors.
    pub fn map(&self, mapping: Mapping) -> Result<u64> {
        let mut state = self.enter()?;
        let bytes = mapping.bytes;
        let start = self.map_locked(&mut state, mapping)?;
        if is_on(Class::Memory) {
            self.note_map(&state, start, bytes);
        }
        Ok(start)
    }

    /// The events of a new mapping.
    #[cold]
    fn note_map(&self, state: &State, start: u64, bytes: u64) {
        let Some((_, region)) = state.at(start) else {
            return;
        };
        let object = region.object();
        events::memory::map::<User>(u64::from(self.id.0), start, bytes, object);
        let mut name = alloc::vec::Vec::new();
        region.fcm.put_name(&mut name);
        if !name.is_empty() {
            let [first, second] = text_words(&name[name.len().saturating_sub(16)..]);
            events::memory::name::<User>(object, first, second);
        }
    }

    pub(super) fn map_locked(&self, state: &mut State, mut mapping: Mapping) -> Result<u64> {
        let future = state
            .lock_future
            .filter(|_| !mapping.options.contains(MapOptions::LIBRARY));
        mapping.options.set(MapOptions::LOCKED, future.is_some());
        let options = mapping.options;
        if mapping.bytes == 0 {
            return Err(Error::EINVAL);
        }
        let bytes = whole_pages(mapping.bytes)?;
        self.core.admit()?;
        if state.regions.len() + 2 > MOST_REGIONS {
            return Err(Error::ENOMEM);
        }
        let is_private = !options.contains(MapOptions::SHARED);
        let charged = is_private
            && options.contains(MapOptions::WRITE)
            && !options.contains(MapOptions::NO_RESERVE);
        if charged && bytes / PAGE > self.core.frames.total() {
            return Err(Error::ENOMEM); // more than the machine has can never be had
        }
        if future.is_some_and(|future| state.locked() + bytes > future.limit) {
            return Err(Error::EAGAIN);
        }
        let start = state.place(mapping.address, bytes, options)?;
        let replaced: u64 = state
            .overlapping(start, start + bytes)
            .map(|(first, region)| region.end.min(start + bytes) - first.max(start))
            .sum();
        let is_program = start < LIBRARY_BASE;
        if is_program && state.mapped - replaced.min(state.mapped) + bytes > state.limit_space {
            return Err(Error::ENOMEM);
        }
        let counts = is_private
            && options.contains(MapOptions::WRITE)
            && !options.contains(MapOptions::GROWS_DOWN);
        if is_program
            && counts
            && state.limit_data != super::INFINITE
            && state.data() + bytes > state.limit_data
        {
            return Err(Error::ENOMEM);
        }
        if replaced > 0 {
            self.unmap_locked(state, start, start + bytes)?;
        }
        let first = self.insert(state, start, start + bytes, &mapping);
        let mut result = Ok(());
        if let Some(region) = state.regions.get_mut(&first)
            && region.keeps
        {
            result = region.attach(self.id, first, 0);
        }
        if options.contains(MapOptions::EAGER) && result.is_ok() {
            result = self.bring(state, first, start, start + bytes);
        }
        if let Err(error) = result {
            self.unmap_locked(state, start, start + bytes)?;
            return Err(if error == Error::ENXIO {
                Error::EINVAL
            } else {
                error
            });
        }
        if future.is_some_and(|future| !future.on_fault) {
            // A page that cannot be had is missed when it is touched.
            let _ = self.bring_all(state, start, start + bytes);
        }
        Ok(start)
    }

    /// Enters a region into the map, or extends a neighbour. Returns the region's first address.
    fn insert(&self, state: &mut State, start: u64, end: u64, mapping: &Mapping) -> u64 {
        let options = mapping.options & KEPT;
        if start < LIBRARY_BASE {
            state.mapped += end - start;
        }
        let is_like = |region: &Region| {
            let plain = region.fcm.as_anonymous().is_some() && region.fcm.source().is_none();
            // Alone in its FCM, a region may use indices beyond its own.
            let same = region.options == options
                && region.may == mapping.may
                && region.purpose == mapping.purpose;
            plain && same && Arc::strong_count(&region.fcm) == 1
        };
        if mapping.fcm.is_none() && !options.contains(MapOptions::GROWS_DOWN) {
            let mut cursor = state.regions.lower_bound_mut(Bound::Included(&start));
            if let Some((&before, region)) = cursor.peek_prev()
                && region.end == start
                && is_like(region)
            {
                region.end = end;
                return before;
            }
            let index = state
                .regions
                .get(&end)
                .filter(|region| is_like(region))
                .map(|region| region.index);
            if let Some(index) = index.and_then(|index| index.checked_sub((end - start) / PAGE))
                && let Some(mut region) = state.regions.remove(&end)
            {
                region.index = index;
                state.regions.insert(start, region);
                return start;
            }
        }
        let (fcm, index) = match &mapping.fcm {
            Some(fcm) => (fcm.clone(), mapping.index),
            // Indexed by page number, so that a region can grow at either end.
            None => (
                Arc::new(Anonymous::new(self.core)) as Arc<dyn Fcm>,
                start / PAGE,
            ),
        };
        let keeps = self.is_server && options.contains(MapOptions::SHARED);
        let (may, purpose) = (mapping.may, mapping.purpose);
        state.regions.insert(
            start,
            Region {
                end,
                options,
                may,
                purpose,
                fcm,
                index,
                attached: None,
                keeps,
            },
        );
        start
    }

    /// brk(2) in the kernel's sense.
    pub fn set_break(&self, address: u64) -> Result<u64> {
        let mut state = self.enter()?;
        let (start, now) = (state.break_start, state.break_now);
        if address < start || start == 0 || address >= LIBRARY_BASE {
            return Ok(now);
        }
        let (old_end, new_end) = (whole_pages(now)?, whole_pages(address)?);
        let options = MapOptions::READ | MapOptions::WRITE;
        if new_end > old_end {
            let is_free = state
                .overlapping(old_end, new_end.saturating_add(PAGE))
                .next()
                .is_none();
            let mut mapping =
                Mapping::anonymous(old_end, new_end - old_end, options | MapOptions::FIXED);
            mapping.purpose = Use::Heap;
            if !is_free || self.map_locked(&mut state, mapping).is_err() {
                return Ok(now);
            }
        } else if new_end < old_end && self.unmap_locked(&mut state, new_end, old_end).is_err() {
            return Ok(now);
        }
        state.break_now = address;
        Ok(address)
    }

    /// Private pages gained or lost.
    pub(super) fn lose_private(&self, pages: u64) {
        self.private
            .store(self.private.load(Relaxed).saturating_sub(pages), Relaxed);
    }
}

impl State {
    /// Decides where a mapping goes.
    fn place(&mut self, address: u64, bytes: u64, options: MapOptions) -> Result<u64> {
        let is_library = options.contains(MapOptions::LIBRARY);
        let (low, high) = if is_library {
            (LIBRARY_BASE, USER_TOP)
        } else {
            (PAGE, LIBRARY_BASE)
        };
        if options.contains(MapOptions::FIXED) {
            if !address.is_multiple_of(PAGE) {
                return Err(Error::EINVAL);
            }
            let end = address.checked_add(bytes).ok_or(Error::ENOMEM)?;
            if end > USER_TOP {
                return Err(Error::ENOMEM);
            }
            if address < low || end > high {
                return Err(Error::EPERM);
            }
            if options.contains(MapOptions::NO_REPLACE)
                && self.overlapping(address, end).next().is_some()
            {
                return Err(Error::EEXIST);
            }
            return Ok(address);
        }
        let hint = address & !(PAGE - 1);
        if hint >= low
            && hint
                .checked_add(bytes)
                .is_some_and(|end| end <= high && self.is_free(hint, end))
        {
            return Ok(hint);
        }
        if is_library {
            self.find_up(bytes)
        } else {
            self.find_down(bytes)
        }
    }

    fn is_free(&self, start: u64, end: u64) -> bool {
        self.overlapping(start, end).next().is_none()
    }

    /// The highest free addresses below the cursor or, if there are none, below the top.
    pub(super) fn find_down(&mut self, bytes: u64) -> Result<u64> {
        let align = match bytes {
            0x20_0000.. => 0x20_0000, // whole translation tables, which fork and unmap drop in one piece
            0x1_0000.. => 0x1_0000,
            _ => PAGE,
        };
        let found = match self.gap_below(self.cursor, bytes, align) {
            Some(start) => start,
            None => self.gap_below(MAP_TOP, bytes, align).ok_or(Error::ENOMEM)?,
        };
        self.cursor = found;
        Ok(found)
    }

    fn gap_below(&self, top: u64, bytes: u64, align: u64) -> Option<u64> {
        let fit = |end: u64| {
            end.checked_sub(bytes)
                .map(|start| start & !(align - 1))
                .filter(|&start| start >= 0x1_0000)
        };
        let mut end = top;
        let mut cursor = self.regions.lower_bound(Bound::Included(&top));
        while let Some((&start, region)) = cursor.prev() {
            let candidate = fit(end)?;
            if candidate >= region.end {
                return Some(candidate);
            }
            end = end.min(start);
        }
        fit(end)
    }

    /// The lowest free addresses of the library's windows.
    fn find_up(&self, bytes: u64) -> Result<u64> {
        let mut at = EMU_WINDOWS;
        for (start, region) in self.overlapping(EMU_WINDOWS, USER_TOP) {
            if start >= at + bytes {
                break;
            }
            at = at.max(region.end);
        }
        if at + bytes <= USER_TOP {
            Ok(at)
        } else {
            Err(Error::ENOMEM)
        }
    }
}
