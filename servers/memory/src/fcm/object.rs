//! The page cache of a file, and shared anonymous memory: zero until its owner or a sharer writes it.
//!
//! All who map it see the same frames, so a page is never copied here; private mappings copy in front of it. To take
//! pages away (truncation, hole punching) the FCM must know where it is mapped: regions attach themselves when they
//! first map something.

use super::{Attachment, Fcm, Request, map_group};
use crate::machine::{Batch, Machine};
use crate::frames::{Frame, Kind, Need};
use crate::lock::Lock;
use crate::tree::{Found, PageTree};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::{Error, ProcessId, Result};

const PAGE: u64 = PAGE_SIZE as u64;
/// Pages that `populate` brings in before it maps them.
const RUN: u64 = 256;

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

    /// Brings all pages of `first..end` in, which maps them for who keeps the object mapped. ENOSPC when memory is
    /// short (what was brought in by then stays).
    pub fn populate(&self, first: u64, end: u64) -> Result<()> {
        let mut state = self.state.lock();
        let end = end.min(state.pages);
        let mut index = first;
        while index < end {
            // A run of pages that are not there yet.
            let known = state.tree.find(index).is_some();
            let from = index;
            let mut result = Ok(());
            while !known && index < end && index < from + RUN && state.tree.find(index).is_none() && result.is_ok() {
                result = self.make(&mut state, index).map(|_| index += 1);
            }
            result = self.show_to_keepers(&mut state, from, index).and(result);
            if let Err(error) = result {
                return Err(if error == Error::ENOMEM { Error::ENOSPC } else { error });
            }
            index += u64::from(known);
        }
        Ok(())
    }

    /// The page at `index`, and whether it was made now.
    fn page(&self, state: &mut State, index: u64) -> Result<(Frame, bool)> {
        if let Some(page) = state.tree.find(index) {
            return Ok((page.frame, false));
        }
        let frame = self.make(state, index)?;
        self.show_to_keepers(state, index, index + 1)?;
        Ok((frame, true))
    }

    fn make(&self, state: &mut State, index: u64) -> Result<Frame> {
        self.core.admit()?;
        let frame = self.core.zeroed(self.kind, Need::File)?;
        state.tree.insert(index, frame);
        Ok(frame)
    }

    /// Maps new pages for those attached who must never fault; takes the pages back if that fails.
    fn show_to_keepers(&self, state: &mut State, first: u64, end: u64) -> Result<()> {
        let mut result = Ok(());
        if first < end {
            for place in state.attached.values().filter(|place| place.keeps) {
                result = result.and_then(|()| self.show_at(&state.tree, place, first, end));
            }
        }
        if result.is_err() {
            self.remove(state, first, end);
        }
        result
    }

    fn show_at(&self, tree: &PageTree, place: &Attachment, first: u64, end: u64) -> Result<()> {
        let mut batch = Batch::new(self.core, place.process);
        let mut result = Ok(());
        tree.each(first.max(place.index), end.min(place.index + place.pages), |index, frame| {
            result = batch.add(place.address + (index - place.index) * PAGE, frame, place.flags);
            result.is_ok()
        });
        result.and_then(|()| batch.flush())
    }

    fn remove(&self, state: &mut State, first: u64, end: u64) {
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
        let (frame, is_new) = self.page(&mut state, request.index)?;
        if !is_new {
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
        // A window may be larger than the object, for what `populate` will bring later.
        let end = request.end.min(state.pages);
        let mut batch = Batch::new(self.core, request.process);
        let result = (request.first..end).try_for_each(|index| {
            let (frame, _) = self.page(&mut state, index)?;
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

    fn attach(&self, attachment: Attachment) -> Result<()> {
        let mut state = self.state.lock();
        let key = (attachment.process, attachment.address);
        let is_new = state.attached.insert(key, attachment).is_none();
        if is_new && attachment.keeps { self.show_at(&state.tree, &attachment, 0, u64::MAX) } else { Ok(()) }
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
