//! mlock(2) and its relatives. Memory is never paged out, so what remains of locking is: all pages are there afterwards,
//! locked memory cannot be given up by madvise(2), and there is a limit.

use super::change::range_of;
use super::{ACCESS, PAGE, Space, State};
use alloc::vec::Vec;
use k42_abi::layout::LIBRARY_BASE;
use k42_abi::{Error, Result};
use k42_api::memory::{MapOptions, lock};

/// What becomes of mappings to come.
#[derive(Clone, Copy)]
pub(super) struct Future {
    /// Most bytes locked.
    pub limit: u64,
    /// Pages come when they are touched.
    pub on_fault: bool,
}

impl Space {
    /// `Memory::lock`.
    pub fn lock(&self, address: u64, bytes: u64, how: u32, limit: u64) -> Result<()> {
        let (locks, all) = (how & lock::LOCK != 0, how & lock::ALL != 0);
        let (start, end) = if all {
            (PAGE, LIBRARY_BASE)
        } else {
            range_of(address, bytes)?
        };
        let mut state = self.enter()?;
        if locks {
            let more = if all {
                state.mapped
            } else {
                state.locked() + (end - start) - state.locked_in(start, end)
            };
            if more > limit && start < end {
                return Err(Error::ENOMEM);
            }
        }
        if how & (lock::ALL | lock::FUTURE) != 0 {
            state.lock_future = (how & lock::FUTURE != 0).then_some(Future {
                limit,
                on_fault: how & lock::ON_FAULT != 0,
            });
        }
        if start == end {
            return Ok(());
        }
        if !all {
            if !state.covers(start, end) {
                return Err(Error::ENOMEM);
            }
            self.split(&mut state, start)?;
            self.split(&mut state, end)?;
        }
        for (_, region) in state.regions.range_mut(start..end) {
            region.options.set(MapOptions::LOCKED, locks);
        }
        self.join(&mut state, start, end);
        if !locks || how & lock::ON_FAULT != 0 {
            return Ok(());
        }
        let result = self.bring_all(&mut state, start, end);
        // What cannot be brought in is no error of mlockall.
        if all { Ok(()) } else { result }
    }

    /// Brings all pages of a range in; ENOMEM if one cannot be had.
    pub(super) fn bring_all(&self, state: &mut State, start: u64, end: u64) -> Result<()> {
        let regions: Vec<_> = state
            .overlapping(start, end)
            .map(|(at, region)| (at, region.end, region.options.intersects(ACCESS)))
            .collect();
        let mut result = Ok(());
        for (at, region_end, accessible) in regions {
            let brought = if accessible {
                self.bring(state, at, start.max(at), end.min(region_end))
            } else {
                Err(Error::ENOMEM)
            };
            result = result.and(brought.map_err(|_| Error::ENOMEM));
        }
        result
    }
}

impl State {
    /// Bytes locked.
    pub(super) fn locked(&self) -> u64 {
        self.locked_in(PAGE, LIBRARY_BASE)
    }

    fn locked_in(&self, start: u64, end: u64) -> u64 {
        self.overlapping(start, end)
            .filter(|(_, region)| region.options.contains(MapOptions::LOCKED))
            .map(|(at, region)| region.end.min(end) - at.max(start))
            .sum()
    }
}
