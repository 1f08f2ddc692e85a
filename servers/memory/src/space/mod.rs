//! Address spaces: an ordered map of regions, and what belongs to one process besides.
//!
//! One lock per space guards its map; faults of one process meet there, faults of different processes meet nowhere.
//! Private memory needs no other protection; shared FCMs have a lock of their own, taken after the space's.

mod change;
mod describe;
mod dispatcher;
mod fault;
mod fork;
mod lock;
mod map;
mod region;
mod remap;
mod segment;

pub use dispatcher::Shape;
pub use map::Mapping;
pub use region::{ACCESS, PAGE, Region, Use, flags_of};

use crate::futex::{Waiting, Word};
use crate::handles::Handles;
use crate::lock::{Guard, Lock};
use crate::machine::Machine;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use dispatcher::Area;
use k42_abi::layout::LIBRARY_BASE;
use k42_abi::{Error, ProcessId, Result};
use k42_api::event;
use k42_api::memory::limit;

/// No limit.
pub const INFINITE: u64 = u64::MAX;
/// Where the search for free addresses begins, downwards; stacks are above.
pub const MAP_TOP: u64 = LIBRARY_BASE - (64 << 30);
/// Most regions of a space, as Linux's default of `max_map_count`.
pub const MOST_REGIONS: usize = 65530;

/// An address space. Spaces of processes on different CPUs were made by the same CPU, and share no line nevertheless.
#[repr(align(128))]
pub struct Space {
    /// The process.
    pub id: ProcessId,
    core: Machine,
    /// A server: its memory is there from the start, and it may ask what others may not.
    pub is_server: bool,
    state: Lock<State>,
    /// Pages in private FCMs.
    private: AtomicU64,
    faults: AtomicU64,
    /// Linux pid, zero until it is known.
    pid: AtomicU32,
    /// Threads that wait on words shared with others.
    pub waiting: Waiting,
}

/// What the space's lock guards.
pub struct State {
    regions: BTreeMap<u64, Region>,
    /// Bytes mapped by the program.
    mapped: u64,
    break_start: u64,
    break_now: u64,
    limit_space: u64,
    limit_data: u64,
    limit_stack: u64,
    /// mlockall(MCL_FUTURE).
    lock_future: Option<lock::Future>,
    areas: Vec<Area>,
    /// Real address of the root table.
    root: u64,
    /// Addresses from here to [`MAP_TOP`] were given away.
    cursor: u64,
    ended: bool,
    handles: Arc<Handles>,
}

impl Space {
    /// An empty space for a process that the kernel has made with the table at `root`.
    pub fn new(core: Machine, id: ProcessId, root: u64, is_server: bool) -> Self {
        let state = State {
            regions: BTreeMap::new(),
            mapped: 0,
            break_start: 0,
            break_now: 0,
            limit_space: INFINITE,
            limit_data: INFINITE,
            limit_stack: 8 << 20,
            lock_future: None,
            areas: Vec::new(),
            root,
            cursor: MAP_TOP,
            ended: false,
            handles: Arc::default(),
        };
        let private = AtomicU64::new(0);
        Self {
            id,
            core,
            is_server,
            state: Lock::new(state),
            private,
            faults: AtomicU64::new(0),
            pid: AtomicU32::new(0),
            waiting: Waiting::default(),
        }
    }

    /// Whether the process is gone.
    pub fn has_ended(&self) -> bool {
        self.state.lock().ended
    }

    /// Which word of memory that processes share lies at `address`; `None`: it is the process's own. EFAULT.
    pub fn shared_word(&self, address: u64) -> Result<Option<Word>> {
        let state = self.enter()?;
        let (start, region) = state.at(address).ok_or(Error::EFAULT)?;
        if region.is_private() {
            return Ok(None);
        }
        Ok(Some(Word {
            fcm: region.fcm.clone(),
            offset: region.index_of(start, address) * PAGE + address % PAGE,
        }))
    }

    /// Tells a dispatcher that its thread that waited as `token` is woken; whether it is there.
    pub fn tell_woken(&self, vp: u32, token: u64) -> bool {
        let sent = self.core.hat.send(self.id, vp, [event::FUTEX, token]);
        !matches!(sent, Err(Error::ESRCH))
    }

    /// The state, if the space has not ended.
    fn enter(&self) -> Result<Guard<'_, State>> {
        let state = self.state.lock();
        if state.ended {
            Err(Error::ESRCH)
        } else {
            Ok(state)
        }
    }

    /// Sets a limit in bytes.
    pub fn set_limit(&self, which: u32, bytes: u64) -> Result<()> {
        let mut state = self.enter()?;
        match which {
            limit::DATA => state.limit_data = bytes,
            limit::STACK => state.limit_stack = bytes,
            limit::ADDRESS_SPACE => state.limit_space = bytes,
            _ => return Err(Error::EINVAL),
        }
        Ok(())
    }

    /// Works on the handles that the process holds.
    pub fn handles<T>(&self, work: impl FnOnce(&mut Arc<Handles>) -> T) -> Result<T> {
        Ok(work(&mut self.enter()?.handles))
    }

    /// Private pages.
    pub fn private(&self) -> u64 {
        self.private.load(Relaxed)
    }

    /// Ends the space: the kernel forgets it, then everything that it had is given back.
    pub fn destroy(&self) -> Result<()> {
        let mut state = self.enter()?;
        state.ended = true;
        // After this no translation of the process is left anywhere.
        let result = self.core.hat.space_destroy(self.id).map(|_| ());
        let regions = core::mem::take(&mut state.regions);
        for (start, mut region) in regions {
            region.detach(self.id, start);
            self.closed(&region);
        }
        state.handles = Arc::default();
        for area in state.areas.drain(..) {
            area.release(self.core);
        }
        let root = core::mem::take(&mut state.root);
        drop(state);
        self.private.store(0, Relaxed);
        self.core.reclaim(ProcessId::NONE);
        if root != 0 {
            crate::roots::release(self.core, root);
        }
        result
    }
}

impl State {
    // One descent of the map each: a range with two ends costs several times as much.

    /// The region that contains `address`.
    fn at(&self, address: u64) -> Option<(u64, &Region)> {
        let cursor = self.regions.upper_bound(Bound::Included(&address));
        let (&start, region) = cursor.peek_prev()?;
        (address < region.end).then_some((start, region))
    }

    /// The regions that overlap `start..end`, in order.
    fn overlapping(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, &Region)> {
        let mut cursor = self.regions.upper_bound(Bound::Included(&start));
        if cursor
            .peek_prev()
            .is_some_and(|(_, region)| start < region.end)
        {
            cursor.prev();
        }
        core::iter::from_fn(move || {
            let (&at, region) = cursor.peek_next().filter(|&(&at, _)| at < end)?;
            cursor.next();
            Some((at, region))
        })
    }

    /// The last region that begins below `address`.
    fn below(&self, address: u64) -> Option<(u64, &Region)> {
        let cursor = self.regions.lower_bound(Bound::Included(&address));
        cursor.peek_prev().map(|(&start, region)| (start, region))
    }

    /// Whether every address of the range is mapped.
    fn covers(&self, start: u64, end: u64) -> bool {
        let mut at = start;
        for (first, region) in self.overlapping(start, end) {
            if first > at {
                return false;
            }
            at = region.end;
        }
        at >= end
    }

    /// Bytes that count against RLIMIT_DATA.
    fn data(&self) -> u64 {
        self.regions
            .iter()
            .filter(|(_, region)| region.is_data())
            .map(|(start, region)| region.end - start)
            .sum()
    }
}
