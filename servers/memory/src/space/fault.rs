//! Page faults.

use super::{PAGE, Space, State};
use crate::fcm::{Anonymous, Request};
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;
use k42_abi::message::fault_access;
use k42_abi::{Error, Result};
use k42_api::memory::MapOptions;
use k42_sched::trace::{Class, User, events, is_on};

/// Pages that stay free below a stack that grows (1 MiB, as Linux has it).
const GUARD: u64 = 256 * PAGE;

impl Space {
    /// Maps the page at `address` for an access of [`fault_access`]. EFAULT: nothing is there; EACCES: it may not be
    /// accessed so; ENXIO: beyond the end of the object; ENOMEM.
    pub fn fault(&self, address: u64, access: u64) -> Result<()> {
        self.faults.store(self.faults.load(Relaxed) + 1, Relaxed);
        let mut state = self.state.lock();
        if state.ended {
            return Err(Error::EFAULT);
        }
        let start = match state.at(address) {
            Some((start, _)) => start,
            None => state.grow_stack(address)?,
        };
        let private = self.private.load(Relaxed);
        let region = state.regions.get_mut(&start).ok_or(Error::EFAULT)?;
        if is_on(Class::Memory) {
            let process = u64::from(self.id.0);
            events::memory::fault_on::<User>(process, address, start, region.object());
        }
        let write = access & 3 == fault_access::WRITE;
        let allowed = match access & 3 {
            fault_access::WRITE => region.options.contains(MapOptions::WRITE),
            fault_access::EXECUTE => region.options.contains(MapOptions::EXECUTE),
            _ => region
                .options
                .intersects(MapOptions::READ | MapOptions::WRITE),
        };
        if !allowed {
            return Err(Error::EACCES);
        }
        if write && region.is_private() && !region.fcm.is_private() {
            // The first store to a private mapping of an object: from now on it has pages of its own. A page of the
            // object that is mapped for loads stays right until it is stored to.
            self.core.admit()?;
            region.fcm = Arc::new(Anonymous::over(self.core, Some(region.fcm.clone())));
        }
        let added = region.map_page(
            self.id,
            start,
            address,
            write,
            private,
            self.core.frames.this_cpu(),
        )?;
        self.private.store(private + added, Relaxed);
        Ok(())
    }

    /// Brings the pages `from..end` of the region at `start` in and maps them; for servers, which must not fault.
    pub(super) fn bring(&self, state: &mut State, start: u64, from: u64, end: u64) -> Result<()> {
        let private = self.private.load(Relaxed);
        let region = state.regions.get_mut(&start).ok_or(Error::EFAULT)?;
        if region.is_private()
            && !region.fcm.is_private()
            && region.options.contains(MapOptions::WRITE)
        {
            region.fcm = Arc::new(Anonymous::over(self.core, Some(region.fcm.clone())));
        }
        region.attach(self.id, start, self.core.frames.this_cpu())?;
        let (first, last) = (region.index_of(start, from), region.index_of(start, end));
        let request = Request {
            process: self.id,
            index: first,
            address: from,
            write: region.options.contains(MapOptions::WRITE),
            flags: region.flags(),
            first,
            end: last,
            private,
        };
        let (added, result) = region.fcm.bring(&request);
        self.private.store(private + added, Relaxed);
        result
    }
}

impl State {
    /// Extends the stack above `address` down to it, if there is one and its limits allow.
    fn grow_stack(&mut self, address: u64) -> Result<u64> {
        let page = address & !(PAGE - 1);
        let (&start, region) = self.regions.range(page..).next().ok_or(Error::EFAULT)?;
        let grows = region.options.contains(MapOptions::GROWS_DOWN);
        if !grows || region.end - page > self.limit_stack.max(PAGE) {
            return Err(Error::EFAULT);
        }
        let below = self.below(page).map_or(0, |(_, region)| region.end);
        let pages = (start - page) / PAGE;
        let index = region.index.checked_sub(pages).ok_or(Error::EFAULT)?;
        let is_free = page >= below.saturating_add(GUARD) && page >= GUARD;
        if !is_free
            || self.mapped + (start - page) > self.limit_space
            || Arc::strong_count(&region.fcm) != 1
        {
            return Err(Error::EFAULT);
        }
        let mut region = self.regions.remove(&start).ok_or(Error::EFAULT)?;
        region.index = index;
        self.mapped += start - page;
        self.regions.insert(page, region);
        Ok(page)
    }
}
