//! Unmapping, protection and advice: what changes existing mappings.

use super::map::whole_pages;
use super::{ACCESS, MAP_TOP, MOST_REGIONS, PAGE, Region, Space, State, Use, flags_of};
use crate::fcm::AROUND;
use core::ops::Bound;
use k42_abi::layout::{LIBRARY_BASE, USER_TOP};
use k42_abi::map::MapFlags;
use k42_abi::{Error, Result};
use k42_api::memory::MapOptions;
use k42_sched::trace::{User, events};

/// The page range `address..address + bytes`, checked as Linux does.
pub(super) fn range_of(address: u64, bytes: u64) -> Result<(u64, u64)> {
    if !address.is_multiple_of(PAGE) {
        return Err(Error::EINVAL);
    }
    let end = address
        .checked_add(whole_pages(bytes)?)
        .ok_or(Error::ENOMEM)?;
    if end > USER_TOP {
        Err(Error::ENOMEM)
    } else {
        Ok((address, end))
    }
}

/// Numbers of Linux's `madvise` (generic architectures).
mod advice {
    pub const NORMAL: u32 = 0;
    pub const DONTNEED: u32 = 4;
    pub const FREE: u32 = 8;
    pub const REMOVE: u32 = 9;
    pub const DONTFORK: u32 = 10;
    pub const DOFORK: u32 = 11;
    pub const MERGEABLE: u32 = 12;
    pub const DODUMP: u32 = 17;
    pub const COLD: u32 = 20;
    pub const PAGEOUT: u32 = 21;
}

impl Space {
    /// munmap(2).
    pub fn unmap(&self, address: u64, bytes: u64) -> Result<()> {
        let (start, end) = range_of(address, bytes).map_err(|_| Error::EINVAL)?;
        if start == end {
            return Err(Error::EINVAL);
        }
        let mut state = self.enter()?;
        events::memory::unmap::<User>(u64::from(self.id.0), start, end - start);
        self.unmap_locked(&mut state, start, end)
    }

    /// Takes the range out of the map, with all translations and private pages.
    pub(super) fn unmap_locked(&self, state: &mut State, start: u64, end: u64) -> Result<()> {
        let (mut first, mut last) = (end, start);
        for (at, region) in state.overlapping(start, end) {
            if region.purpose == Use::Pinned {
                return Err(Error::EPERM);
            }
            (first, last) = (first.min(at), region.end);
        }
        if first >= last {
            return Ok(());
        }
        if first < start {
            self.split(state, start)?;
        }
        if last > end {
            self.split(state, end)?;
        }
        let (first, last) = (first.max(start), last.min(end));
        self.core.unmap(self.id, first, last - first);
        let mut next = first;
        while next < last {
            let Some((at, _)) = state.overlapping(next, last).next() else {
                break;
            };
            let Some(mut region) = state.regions.remove(&at) else {
                break;
            };
            next = region.end;
            region.detach(self.id, at);
            self.closed(&region);
            let (first, next) = region.indices(at);
            if region.fcm.is_private() {
                self.lose_private(region.fcm.drop_pages(first, next));
            }
            if region.is_program(at) {
                state.mapped -= region.end - at;
            }
        }
        if end > state.cursor && end <= MAP_TOP {
            state.cursor = end;
        }
        Ok(())
    }

    /// Makes `address` a border between regions, if it is inside one.
    pub(super) fn split(&self, state: &mut State, address: u64) -> Result<()> {
        let Some((start, region)) = state.at(address) else {
            return Ok(());
        };
        if start == address {
            return Ok(());
        }
        let mut upper = region.clone();
        if state.regions.len() >= MOST_REGIONS {
            return Err(Error::ENOMEM);
        }
        upper.index = upper.index_of(start, address);
        if let Some(lower) = state.regions.get_mut(&start) {
            lower.end = address;
            if lower.attached.is_some() {
                // The upper piece first, so that the FCM knows at any time of all that is mapped. Nothing can fail but
                // the mapping of pages that are mapped.
                let _ = upper.attach(self.id, address, 0);
                let _ = lower.attach(self.id, start, 0);
            }
        }
        // The lower piece keeps a segment open, so that this cannot fail.
        let _ = self.opened(&upper);
        // Only the lowest piece of a stack can grow.
        upper.options.remove(MapOptions::GROWS_DOWN);
        state.regions.insert(address, upper);
        Ok(())
    }

    /// Joins what continues across the borders at `start`, at `end` and between.
    pub(super) fn join(&self, state: &mut State, start: u64, end: u64) {
        let mut at = state.below(start).map_or(start, |(at, _)| at);
        loop {
            let Some(region) = state.regions.get(&at) else {
                return;
            };
            let next_at = region.end;
            if next_at > end {
                return;
            }
            match state.regions.get(&next_at) {
                Some(next) if region.continues(at, next) => {
                    let Some(mut next) = state.regions.remove(&next_at) else {
                        return;
                    };
                    if let Some(region) = state.regions.get_mut(&at) {
                        region.end = next.end;
                        if region.attached.is_some() || next.attached.is_some() {
                            let _ = region.attach(self.id, at, 0);
                        }
                    }
                    next.detach(self.id, next_at);
                }
                Some(_) => at = next_at,
                None => match state.regions.range(next_at..end).next() {
                    Some((&next, _)) => at = next,
                    None => return,
                },
            }
        }
    }

    /// mprotect(2).
    pub fn protect(&self, address: u64, bytes: u64, options: MapOptions) -> Result<()> {
        let (start, end) = range_of(address, bytes)?;
        let access = options & ACCESS;
        let mut state = self.enter()?;
        if start == end {
            return Ok(());
        }
        // Mostly it is exactly one region.
        let is_one = state
            .regions
            .get(&start)
            .is_some_and(|region| region.end == end);
        if !is_one && !state.covers(start, end) {
            return Err(Error::ENOMEM);
        }
        if state
            .overlapping(start, end)
            .any(|(_, region)| region.purpose == Use::Pinned || !region.may.contains(access))
        {
            return Err(Error::EACCES);
        }
        self.core.admit()?;
        let rights = u64::from(access.bits());
        events::memory::protect::<User>(u64::from(self.id.0), start, end - start, rights);
        if !is_one {
            self.split(&mut state, start)?;
            self.split(&mut state, end)?;
        }
        let mut lost = false;
        let mut cannot_narrow = false;
        let few = end - start <= AROUND * PAGE;
        let mut cursor = state.regions.lower_bound_mut(Bound::Included(&start));
        while let Some((&at, region)) = cursor.next().filter(|&(&at, _)| at < end) {
            let (old, new) = (flags_of(region.options), flags_of(access));
            region.options = region.options.difference(ACCESS) | access;
            lost |= !new.contains(old);
            // A page of private memory may be mapped for loads only, to be copied when stored to: narrowing must not
            // bring stores back. Such ranges are unmapped and come back by faults.
            cannot_narrow |= new.contains(MapFlags::WRITE) || new.is_empty();
            if region.keeps {
                let _ = region.attach(self.id, at, 0);
            }
            if few && new != old && new.contains(old) {
                // What is there can be used at once: a fault would cost far more. If it fails, the fault comes.
                region.show(self.id, at);
            }
        }
        if lost {
            if cannot_narrow {
                self.core.unmap(self.id, start, end - start);
            } else {
                // Only a process that has ended refuses.
                let _ = self
                    .core
                    .hat
                    .protect(self.id, start, end - start, flags_of(access).bits());
            }
        }
        if !is_one || state.may_join(start, end) {
            self.join(&mut state, start, end);
        }
        Ok(())
    }

    /// madvise(2).
    pub fn advise(&self, address: u64, bytes: u64, what: u32) -> Result<()> {
        let (start, end) = range_of(address, bytes).map_err(|_| Error::EINVAL)?;
        let known = matches!(what, advice::NORMAL..=advice::DONTNEED | advice::FREE..=advice::DOFORK
            | advice::MERGEABLE..=advice::DODUMP | advice::COLD | advice::PAGEOUT);
        if !known {
            return Err(Error::EINVAL);
        }
        let mut state = self.enter()?;
        let complete = state.covers(start, end);
        match what {
            advice::DONTNEED | advice::FREE => {
                let stays = |region: &Region| {
                    region.purpose == Use::Pinned || region.options.contains(MapOptions::LOCKED)
                };
                if state
                    .overlapping(start, end)
                    .any(|(_, region)| stays(region))
                {
                    return Err(Error::EINVAL);
                }
                self.drop_range(&mut state, start, end);
            }
            advice::REMOVE => self.punch_range(&mut state, start, end)?,
            advice::DONTFORK | advice::DOFORK => {
                self.split(&mut state, start)?;
                self.split(&mut state, end)?;
                for (_, region) in state.regions.range_mut(start..end) {
                    if region.purpose != Use::Pinned {
                        region
                            .options
                            .set(MapOptions::NO_FORK, what == advice::DONTFORK);
                    }
                }
                self.join(&mut state, start, end);
            }
            _ => {}
        }
        if complete { Ok(()) } else { Err(Error::ENOMEM) }
    }

    fn drop_range(&self, state: &mut State, start: u64, end: u64) {
        if start == end {
            return;
        }
        self.core.unmap(self.id, start, end - start);
        let mut lost = 0;
        for (at, region) in state.overlapping(start, end) {
            if region.fcm.is_private() {
                let (from, to) = (start.max(at), end.min(region.end));
                lost += region
                    .fcm
                    .drop_pages(region.index_of(at, from), region.index_of(at, to));
            }
        }
        self.lose_private(lost);
    }

    fn punch_range(&self, state: &mut State, start: u64, end: u64) -> Result<()> {
        let can = |options: MapOptions| options.contains(MapOptions::SHARED | MapOptions::WRITE);
        if !state
            .overlapping(start, end)
            .all(|(_, region)| can(region.options))
        {
            return Err(Error::EINVAL);
        }
        for (at, region) in state.overlapping(start, end) {
            let (from, to) = (start.max(at), end.min(region.end));
            region
                .fcm
                .punch(region.index_of(at, from), region.index_of(at, to));
        }
        Ok(())
    }

    /// ENOMEM unless the whole range is mapped; if `unlocked`, EBUSY if something in it is locked.
    pub fn check_range(&self, address: u64, bytes: u64, unlocked: bool) -> Result<()> {
        let (start, end) = range_of(address, bytes)?;
        let state = self.enter()?;
        let is_locked = |region: &Region| region.options.contains(MapOptions::LOCKED);
        if unlocked
            && state
                .overlapping(start, end)
                .any(|(_, region)| is_locked(region))
        {
            return Err(Error::EBUSY);
        }
        if state.covers(start, end) {
            Ok(())
        } else {
            Err(Error::ENOMEM)
        }
    }

    /// Removes every mapping of the program; what the library has stays. The break area will start at `break_start`.
    pub fn clear_program(&self, break_start: u64) -> Result<()> {
        let mut state = self.enter()?;
        self.core.unmap(self.id, 0, LIBRARY_BASE);
        let library = state.regions.split_off(&LIBRARY_BASE);
        let program = core::mem::replace(&mut state.regions, library);
        for (at, mut region) in program {
            region.detach(self.id, at);
            self.closed(&region);
            if region.fcm.is_private() {
                let (first, end) = region.indices(at);
                self.lose_private(region.fcm.drop_pages(first, end));
            }
        }
        state.mapped = 0;
        state.lock_future = None;
        state.cursor = MAP_TOP;
        state.break_start = break_start;
        state.break_now = break_start;
        drop(state);
        // The tables of the old program are spare now, and the new one will want most of them: they stay.
        Ok(())
    }
}

impl State {
    /// Whether the region at exactly `start..end` could be joined with a neighbour.
    fn may_join(&self, start: u64, end: u64) -> bool {
        let Some(region) = self.regions.get(&start) else {
            return false;
        };
        self.below(start)
            .is_some_and(|(at, below)| below.end == start && below.continues(at, region))
            || self
                .regions
                .get(&end)
                .is_some_and(|next| region.continues(start, next))
    }
}
