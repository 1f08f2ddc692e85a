//! The page cache of a file, and shared anonymous memory: zero until its owner or a sharer writes it.
//!
//! All who map it see the same frames, so a page is never copied here; private mappings copy in front of it. To take
//! pages away (truncation, hole punching) the FCM must know where it is mapped: regions attach themselves when they
//! first map something.

use super::{Attachment, Fcm, Request, map_group};
use crate::machine::{Batch, Machine};
use crate::frames::{Frame, Kind, Need};
use crate::lock::{Guard, Lock};
use crate::tree::{Found, PageTree};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::{Error, ProcessId, Result};

const PAGE: u64 = PAGE_SIZE as u64;

/// The FCM of a file or of shared memory.
pub struct Object {
    core: Machine,
    name: Vec<u8>,
    kind: Kind,
    state: Lock<State>,
}

struct State {
    tree: PageTree,
    bytes: u64,
    pages: u64,
    attached: BTreeMap<(ProcessId, u64), Attachment>,
}

impl Object {
    /// `bytes` of zeroes. `kind`: a file's pages or shared memory.
    pub fn new(core: Machine, bytes: u64, kind: Kind, name: &[u8]) -> Self {
        let state =
            State { tree: PageTree::new(&core.frames), bytes, pages: bytes.div_ceil(PAGE), attached: BTreeMap::new() };
        Self { core, name: name.into(), kind, state: Lock::new(state) }
    }

    /// Another length. Pages beyond it go, for all who map them; the rest of the last page becomes zero.
    pub fn resize(&self, bytes: u64) {
        let mut state = self.state.lock();
        let pages = bytes.div_ceil(PAGE);
        if pages < state.pages {
            self.remove(&mut state, pages, u64::MAX);
        }
        if bytes < state.bytes
            && bytes % PAGE != 0
            && let Some(page) = state.tree.find(bytes / PAGE)
        {
            self.core.window.clear(page.frame.address() + bytes % PAGE, PAGE - bytes % PAGE);
        }
        state.bytes = bytes;
        state.pages = pages;
    }

    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// Frames that are there.
    pub fn frames(&self) -> u64 {
        self.state.lock().tree.count(0, u64::MAX)
    }

    /// Brings all pages of `first..end` in, and maps them wherever `process` maps them. ENOSPC when memory is short
    /// (what was brought in by then stays).
    pub fn populate(&self, first: u64, end: u64, process: ProcessId) -> Result<()> {
        let no_space = |error: Error| if error == Error::ENOMEM { Error::ENOSPC } else { error };
        let mut state = self.state.lock();
        let end = end.min(state.pages);
        for index in first..end {
            self.page(&mut state, index).map_err(no_space)?;
        }
        let State { tree, attached, .. } = &mut *state;
        for place in attached.range((process, 0)..=(process, u64::MAX)).map(|(_, place)| place).filter(|p| p.shared) {
            let mut batch = Batch::new(self.core, process);
            let mut result = Ok(());
            tree.each(first.max(place.index), end.min(place.index + place.pages), |index, frame| {
                result = batch.add(place.address + (index - place.index) * PAGE, frame, place.flags);
                result.is_ok()
            });
            result.and_then(|()| batch.flush()).map_err(no_space)?;
        }
        Ok(())
    }

    fn page(&self, state: &mut State, index: u64) -> Result<Frame> {
        if let Some(page) = state.tree.find(index) {
            return Ok(page.frame);
        }
        self.core.admit()?;
        let frame = self.core.zeroed(self.kind, Need::File)?;
        state.tree.insert(index, frame);
        Ok(frame)
    }

    fn remove(&self, state: &mut Guard<'_, State>, first: u64, end: u64) {
        for place in state.attached.values() {
            let (first, end) = (first.max(place.index), end.min(place.index + place.pages));
            if first < end {
                let address = place.address + (first - place.index) * PAGE;
                self.core.unmap(place.process, address, (end - first) * PAGE);
            }
        }
        state.tree.remove(first, end);
    }
}

impl Fcm for Object {
    fn map_page(&self, request: &Request) -> Result<u64> {
        let mut state = self.state.lock();
        if request.index >= state.pages {
            return Err(Error::ENXIO);
        }
        let (first, end) = request.around();
        let known = state.tree.find(request.index).is_some();
        let frame = self.page(&mut state, request.index)?;
        if known {
            let shown = |index, page: Found, visit: &mut dyn FnMut(u64, Found)| {
                visit(index, Found { alone: true, ..page });
            };
            map_group(self.core, request, |visit| {
                state.tree.near(request.index, first, end, |index, page| shown(index, page, visit));
            })?;
        } else {
            self.core.map_page(request.process, request.address, frame, request.flags)?;
        }
        Ok(0)
    }

    fn bring(&self, request: &Request) -> (u64, Result<()>) {
        let mut state = self.state.lock();
        if request.end > state.pages {
            return (0, Err(Error::ENXIO));
        }
        let mut batch = Batch::new(self.core, request.process);
        let result = (request.first..request.end).try_for_each(|index| {
            let frame = self.page(&mut state, index)?;
            batch.add(request.address_of(index), frame, request.flags)
        });
        (0, result.and_then(|()| batch.flush()))
    }

    fn copy_page(&self, index: u64, to: Frame) -> Result<()> {
        let state = self.state.lock();
        if index >= state.pages {
            return Err(Error::ENXIO);
        }
        match state.tree.find(index) {
            Some(page) => self.core.window.copy(page.frame, to),
            None => self.core.window.zero(to),
        }
        Ok(())
    }

    fn attach(&self, attachment: Attachment) {
        self.state.lock().attached.insert((attachment.process, attachment.address), attachment);
    }

    fn detach(&self, process: ProcessId, address: u64) {
        self.state.lock().attached.remove(&(process, address));
    }

    fn resident(&self, first: u64, out: &mut [u8]) {
        self.state.lock().tree.each(first, first + out.len() as u64, |index, _| {
            out[(index - first) as usize] |= 1;
            true
        });
    }

    fn count(&self, first: u64, end: u64) -> (u64, u64) {
        (self.state.lock().tree.count(first, end), 0)
    }

    fn punch(&self, first: u64, end: u64) {
        let mut state = self.state.lock();
        self.remove(&mut state, first, end);
    }

    fn name(&self) -> &[u8] {
        &self.name
    }
}
