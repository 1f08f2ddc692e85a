//! The page cache of a file, and shared anonymous memory: zero until its owner or a sharer writes it.
//!
//! All who map it see the same frames, so a page is never copied here; private mappings copy in front of it. To take
//! pages away (truncation, hole punching) the FCM must know where it is mapped: regions attach themselves when they
//! first map something.
//!
//! A file such as the C library is mapped by every process on every CPU, so the FCM is clustered: once others than its
//! owner map it, it has a *representative* per CPU ([`reps`](super::reps)), which knows the pages as they were when it
//! last asked, and where processes of that CPU have it mapped. A fault that its representative can answer takes that
//! representative's lock and touches nothing of other CPUs. What changes the object takes the master's lock; what
//! removes pages then also makes all representatives forget.

use super::reps::{Rep, Reps};
use super::segment::Segment;
use super::{Attachment, Fcm, Request, map_group};
use crate::frames::{Frame, Kind, Need};
use crate::lock::Lock;
use crate::machine::{Batch, Machine};
use crate::tree::{Found, PageTree};
use alloc::boxed::Box;
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
    name: Lock<Vec<u8>>,
    kind: Kind,
    master: Lock<Master>,
    reps: Reps,
    /// It is a segment of System V, and knows who has it.
    segment: Option<Box<Segment>>,
}

/// What the object is. Lock order: master, then a representative.
struct Master {
    tree: PageTree,
    bytes: u64,
    pages: u64,
    /// Mappings whose pages are mapped as soon as they come.
    keepers: BTreeMap<(ProcessId, u64), Attachment>,
}

impl Object {
    /// `bytes` of zeroes. `kind`: a file's pages or shared memory.
    pub fn new(core: Machine, bytes: u64, kind: Kind, name: &[u8]) -> Self {
        let tree = PageTree::new(&core.frames);
        let master = Master {
            tree,
            bytes,
            pages: bytes.div_ceil(PAGE),
            keepers: BTreeMap::new(),
        };
        Self {
            core,
            name: Lock::new(name.into()),
            kind,
            master: Lock::new(master),
            reps: Reps::default(),
            segment: None,
        }
    }

    /// A segment of System V's shared memory.
    pub fn segment(core: Machine, bytes: u64, name: &[u8]) -> Self {
        let segment = Some(Box::default());
        Self {
            segment,
            ..Self::new(core, bytes, Kind::Shared, name)
        }
    }

    /// What it knows as a segment. EINVAL if it is none.
    pub fn as_segment(&self) -> Result<&Segment> {
        self.segment.as_deref().ok_or(Error::EINVAL)
    }

    /// The process with this Linux pid has attached it now.
    pub fn noted(&self, pid: u32) {
        if let Some(segment) = &self.segment {
            segment.note_open(pid, self.core.hat.ticks());
        }
    }

    /// Its pages go as soon as no region shows it.
    pub fn discard(&self) -> Result<()> {
        if self.as_segment()?.discard() {
            self.resize(0);
        }
        Ok(())
    }

    /// Another length. Pages beyond it go, for all who map them; the rest of the last page becomes zero.
    pub fn resize(&self, bytes: u64) {
        let mut master = self.master.lock();
        let pages = bytes.div_ceil(PAGE);
        if pages < master.pages {
            self.remove(&mut master, pages, u64::MAX);
        }
        if bytes < master.bytes
            && !bytes.is_multiple_of(PAGE)
            && let Some(page) = master.tree.find(bytes / PAGE)
        {
            self.core
                .window
                .clear(page.frame.address() + bytes % PAGE, PAGE - bytes % PAGE);
        }
        master.bytes = bytes;
        master.pages = pages;
    }

    /// Another name. Files move, so their server says the name each time that somebody is to map one.
    pub fn rename(&self, name: &[u8]) -> Result<()> {
        if *self.name.lock() == name {
            return Ok(());
        }
        self.core.admit()?;
        let mut new = Vec::new();
        new.try_reserve_exact(name.len())
            .map_err(|_| Error::ENOMEM)?;
        new.extend_from_slice(name);
        // The old one is dropped after the lock is released.
        let old = core::mem::replace(&mut *self.name.lock(), new);
        drop(old);
        Ok(())
    }

    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        self.master.lock().bytes
    }

    /// Frames that are there.
    pub fn frames(&self) -> u64 {
        self.master.lock().tree.count(0, u64::MAX)
    }

    /// Brings all pages of `first..end` in, which maps them for who keeps the object mapped. ENOSPC when memory is
    /// short (what was brought in by then stays).
    pub fn populate(&self, first: u64, end: u64) -> Result<()> {
        let mut master = self.master.lock();
        let end = end.min(master.pages);
        let mut index = first;
        while index < end {
            // A run of pages that are not there yet.
            let known = master.tree.find(index).is_some();
            let from = index;
            let mut result = Ok(());
            while !known
                && index < end
                && index < from + RUN
                && master.tree.find(index).is_none()
                && result.is_ok()
            {
                result = self.make(&mut master, index).map(|_| index += 1);
            }
            result = self.show_to_keepers(&mut master, from, index).and(result);
            if let Err(error) = result {
                return Err(if error == Error::ENOMEM {
                    Error::ENOSPC
                } else {
                    error
                });
            }
            index += u64::from(known);
        }
        Ok(())
    }

    /// The page at `index`, and whether it was made now.
    fn page(&self, master: &mut Master, index: u64) -> Result<(Frame, bool)> {
        if let Some(page) = master.tree.find(index) {
            return Ok((page.frame, false));
        }
        let frame = self.make(master, index)?;
        self.show_to_keepers(master, index, index + 1)?;
        Ok((frame, true))
    }

    fn make(&self, master: &mut Master, index: u64) -> Result<Frame> {
        self.core.admit()?;
        let frame = self.core.zeroed(self.kind, Need::File)?;
        master.tree.insert(index, frame);
        Ok(frame)
    }

    /// Maps new pages for those attached who must never fault; takes the pages back if that fails.
    fn show_to_keepers(&self, master: &mut Master, first: u64, end: u64) -> Result<()> {
        let mut result = Ok(());
        if first < end {
            for place in master.keepers.values() {
                result = result.and_then(|()| self.show_at(&master.tree, place, first, end));
            }
        }
        if result.is_err() {
            self.remove(master, first, end);
        }
        result
    }

    fn show_at(&self, tree: &PageTree, place: &Attachment, first: u64, end: u64) -> Result<()> {
        let mut batch: Batch<'_> = Batch::new(self.core, place.process);
        let mut result = Ok(());
        tree.each(
            first.max(place.index),
            end.min(place.index + place.pages),
            |index, frame| {
                result = batch.add(
                    place.address + (index - place.index) * PAGE,
                    frame,
                    place.flags,
                );
                result.is_ok()
            },
        );
        result.and_then(|()| batch.flush())
    }

    /// Takes pages away from everybody.
    fn remove(&self, master: &mut Master, first: u64, end: u64) {
        // First every representative forgets: from then on a fault comes to the master, whose lock we hold. Only then
        // does unmapping last.
        self.reps.each(Rep::forget);
        master
            .keepers
            .values()
            .for_each(|place| place.unmap(self.core, first, end));
        self.reps.each(|rep| {
            rep.places()
                .for_each(|place| place.unmap(self.core, first, end))
        });
        master.tree.remove(first, end);
    }

    /// Maps the wanted page and its neighbours from `tree`, if it has the page.
    fn show(&self, tree: &PageTree, request: &Request) -> Option<Result<()>> {
        tree.find(request.index)?;
        let (first, end) = request.around();
        Some(map_group(self.core, request, |visit| {
            // Everybody's page is nobody's alone, and yet written in place.
            tree.near(request.index, first, end, |index, page| {
                visit(
                    index,
                    Found {
                        alone: true,
                        ..page
                    },
                )
            });
        }))
    }
}

impl Fcm for Object {
    fn map_page(&self, request: &Request) -> Result<u64> {
        if let Some(result) = self.reps.at(self.core.frames.this_cpu(), |rep| {
            self.show(rep.tree()?, request)
        }) {
            return result.map(|()| 0);
        }
        let mut master = self.master.lock();
        if request.index >= master.pages {
            return Err(Error::ENXIO);
        }
        let (frame, is_new) = self.page(&mut master, request.index)?;
        if is_new {
            return self
                .core
                .map_page(request.process, request.address, frame, request.flags)
                .map(|()| 0);
        }
        self.reps.at(self.core.frames.this_cpu(), |rep| {
            rep.learn(&master.tree);
            Some(())
        });
        self.show(&master.tree, request)
            .unwrap_or(Ok(()))
            .map(|()| 0)
    }

    fn bring(&self, request: &Request) -> (u64, Result<()>) {
        let mut master = self.master.lock();
        // A window may be larger than the object, for what `populate` will bring later.
        let end = request.end.min(master.pages);
        let mut batch: Batch<'_> = Batch::new(self.core, request.process);
        let result = (request.first..end).try_for_each(|index| {
            let (frame, _) = self.page(&mut master, index)?;
            batch.add(request.address_of(index), frame, request.flags)
        });
        (0, result.and_then(|()| batch.flush()))
    }

    fn copy_page(&self, index: u64, to: Frame) -> Result<()> {
        let copy = |tree: &PageTree| {
            tree.find(index)
                .map(|page| self.core.window.copy(page.frame, to))
        };
        if self
            .reps
            .at(self.core.frames.this_cpu(), |rep| copy(rep.tree()?))
            .is_some()
        {
            return Ok(());
        }
        let master = self.master.lock();
        if index >= master.pages {
            return Err(Error::ENXIO);
        }
        if copy(&master.tree).is_none() {
            self.core.window.zero(to);
        }
        Ok(())
    }

    fn attach(&self, attachment: Attachment) -> Result<()> {
        if !attachment.keeps {
            self.reps.make(self.core.frames.cpus());
            self.reps.at(attachment.seat, |rep| {
                let _: () = rep.attach(attachment);
                Some(())
            });
            return Ok(());
        }
        let mut master = self.master.lock();
        let is_new = master
            .keepers
            .insert((attachment.process, attachment.address), attachment)
            .is_none();
        if is_new {
            self.show_at(&master.tree, &attachment, 0, u64::MAX)
        } else {
            Ok(())
        }
    }

    fn detach(&self, process: ProcessId, address: u64, seat: usize) {
        if self
            .reps
            .at(seat, |rep| rep.detach(process, address))
            .is_none()
        {
            self.master.lock().keepers.remove(&(process, address));
        }
    }

    fn opened(&self, pid: u32) -> Result<()> {
        self.as_segment()?.open()?;
        self.noted(pid);
        Ok(())
    }

    fn closed(&self, pid: u32) {
        if let Some(segment) = &self.segment
            && segment.close(pid, self.core.hat.ticks())
        {
            self.resize(0);
        }
    }

    fn resident(&self, first: u64, out: &mut [u8]) {
        self.master
            .lock()
            .tree
            .each(first, first + out.len() as u64, |index, _| {
                out[(index - first) as usize] |= 1;
                true
            });
    }

    fn count(&self, first: u64, end: u64) -> (u64, u64) {
        (self.master.lock().tree.count(first, end), 0)
    }

    fn punch(&self, first: u64, end: u64) {
        let mut master = self.master.lock();
        self.remove(&mut master, first, end);
    }

    fn put_name(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.name.lock());
    }
}
