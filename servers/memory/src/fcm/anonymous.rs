//! Private memory: pages of one address space, zero or copied from a source when first touched, copied on write when
//! shared by a fork.
//!
//! Fork copies the page tree's root and nothing else; see [`crate::tree`]. The FCM of the child and that of the parent
//! are then equals: no chain of shadow objects grows with repeated forks, and none has to be collapsed.

use super::ahead::Ahead;
use super::{Fcm, Request, map_group};
use crate::frames::{Frame, Kind, Need};
use crate::lock::Lock;
use crate::machine::{Batch, Machine};
use crate::tree::{Found, PageTree};
use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::map::{LARGE_PAGE, MapFlags, MapOperation};
use k42_abi::{Error, Result};
use k42_sched::trace::{User, events};

/// The FCM of private memory.
pub struct Anonymous {
    core: Machine,
    /// What is seen where this FCM has no page; zeroes if there is none.
    source: Option<Arc<dyn Fcm>>,
    pages: Lock<Pages>,
}

/// What the FCM's lock guards.
struct Pages {
    tree: PageTree,
    /// Indices from the first to the end of those that may be mapped for stores: all that a fork must unmap.
    stored: (u64, u64),
    /// From the first fork on; shared with the FCMs that come of this one by forks, since what one child stores to the
    /// next will too. Locked after the pages.
    hot: Option<Arc<Lock<Hot>>>,
    ahead: Ahead,
}

/// Pages that were stored to soon after a fork: the next fork copies them at once. Each is an index and, in the lowest
/// four bits, the forks since it was last seen to be hot.
#[derive(Clone, Copy)]
struct Hot([u64; HOT]);

/// Hot pages remembered.
const HOT: usize = 16;
/// Forks after which a page must show again that it is hot.
const COLD: u64 = 12;
const NO_PAGE: u64 = u64::MAX;
/// From so many pages on, pages that are brought in ahead are one block of frames.
const LONG: u64 = 32;
const PAGE: u64 = PAGE_SIZE as u64;

impl Hot {
    const NONE: Self = Self([NO_PAGE; HOT]);

    fn note(&mut self, index: u64) {
        let known = self
            .0
            .iter()
            .position(|&page| page != NO_PAGE && page >> 4 == index);
        let free = || self.0.iter().position(|&page| page == NO_PAGE);
        let oldest = || (0..HOT).max_by_key(|&i| self.0[i] & 15);
        if let Some(place) = known.or_else(free).or_else(oldest) {
            self.0[place] = index << 4;
        }
    }

    fn age(&mut self) {
        for page in self.0.iter_mut().filter(|page| **page != NO_PAGE) {
            *page = if *page & 15 >= COLD {
                NO_PAGE
            } else {
                *page + 1
            };
        }
    }
}

/// No page is mapped for stores.
const NOTHING: (u64, u64) = (u64::MAX, 0);

impl Pages {
    /// A page has been stored to that was shared after a fork.
    fn note_hot(&self, index: u64) {
        if let Some(hot) = &self.hot {
            hot.lock().note(index);
        }
    }

    fn note_stores(&mut self, first: u64, end: u64) {
        self.stored = (self.stored.0.min(first), self.stored.1.max(end));
    }
}

impl Anonymous {
    /// Zero-filled private memory.
    pub fn new(core: Machine) -> Self {
        Self::over(core, None)
    }

    /// A private copy of `source`, at the same page indices.
    pub fn over(core: Machine, source: Option<Arc<dyn Fcm>>) -> Self {
        Self {
            core,
            source,
            pages: Lock::new(Pages {
                tree: PageTree::new(&core.frames),
                stored: NOTHING,
                hot: None,
                ahead: Ahead::NONE,
            }),
        }
    }

    /// The same with other pages, none of them mapped.
    fn with(&self, tree: PageTree, hot: Option<Arc<Lock<Hot>>>) -> Self {
        Self {
            core: self.core,
            source: self.source.clone(),
            pages: Lock::new(Pages {
                tree,
                stored: NOTHING,
                hot,
                ahead: Ahead::NONE,
            }),
        }
    }

    /// Makes sure that `tree` has a page of its own at `index`; whether it was made now.
    fn own_page(&self, tree: &mut PageTree, index: u64, need: Need) -> Result<(Frame, bool)> {
        let found = tree.find(index);
        let frame = match found {
            Some(page) if page.alone => return Ok((page.frame, false)),
            Some(page) => self.core.copied(page.frame, Kind::Anonymous, need)?,
            None => self.fresh(index, need)?,
        };
        tree.insert(index, frame);
        Ok((frame, found.is_none()))
    }

    /// Brings in the page wanted and those behind it that are likely to be touched next, if more than one is due. How many
    /// that were; zero: nothing was done. They are zeroes that nobody else has, so all that the region allows is allowed.
    fn bring_ahead(&self, pages: &mut Pages, request: &Request, need: Need) -> u64 {
        let (core, index) = (self.core, request.index);
        let mut end = pages.ahead.window(index).min(request.end);
        if end - index > 1 {
            pages.tree.each(index, end, |there, _| {
                end = there;
                false
            });
        }
        let wanted = end - index;
        let got = match wanted {
            0 | 1 => 0,
            2..LONG => {
                let mut frames = [Frame(0); LONG as usize];
                let frames = &mut frames[..wanted as usize];
                let got = core.frames.allocate_some(Kind::Anonymous, need, frames);
                self.enter(
                    pages,
                    request,
                    frames[..got].chunk_by(|a, b| a.0 + 1 == b.0),
                )
            }
            _ => {
                let order = wanted.ilog2();
                let first = core.frames.allocate_ready(Kind::Anonymous, need, order);
                first.map_or(0, |first| self.enter_row(pages, request, first, 1 << order))
            }
        };
        pages.ahead.brought(index, got);
        got
    }

    /// Clears a row of frames, maps them and makes them pages: all or nothing.
    fn enter_row(&self, pages: &mut Pages, request: &Request, first: Frame, count: u32) -> u64 {
        let core = self.core;
        core.window.zero_row(first, count);
        let mut operation = MapOperation {
            address: request.address,
            frame: first.address(),
            flags: request.flags.bits(),
            pages: u64::from(count),
        };
        if operation.pages * PAGE == LARGE_PAGE && request.address.is_multiple_of(LARGE_PAGE) {
            operation.flags |= MapFlags::LARGE.bits();
            operation.pages = 1;
        }
        if core.map(request.process, &[operation]).is_err() {
            // A part may be mapped.
            core.unmap(request.process, request.address, u64::from(count) * PAGE);
            core.frames.release_row(first, count);
            return 0;
        }
        pages.tree.insert_row(request.index, first, count);
        u64::from(count)
    }

    /// The same with several rows, which become pages one behind the other.
    fn enter<'f>(
        &self,
        pages: &mut Pages,
        request: &Request,
        rows: impl Iterator<Item = &'f [Frame]> + Clone,
    ) -> u64 {
        let core = self.core;
        let mut batch: Batch<'_> = Batch::new(core, request.process);
        let mut index = request.index;
        let result = rows.clone().try_for_each(|row| {
            core.window.zero_row(row[0], row.len() as u32);
            let address = request.address_of(index);
            index += row.len() as u64;
            batch.add_run(address, row[0], row.len() as u64, request.flags)
        });
        if result.and_then(|()| batch.flush()).is_err() {
            core.unmap(
                request.process,
                request.address,
                (index - request.index) * PAGE,
            );
            core.frames
                .release_all(rows.flatten().copied().collect::<Vec<_>>().into_iter());
            return 0;
        }
        let mut index = request.index;
        for row in rows {
            pages.tree.insert_row(index, row[0], row.len() as u32);
            index += row.len() as u64;
        }
        index - request.index
    }

    /// A new frame with the content that `index` has before it is touched.
    fn fresh(&self, index: u64, need: Need) -> Result<Frame> {
        let Some(source) = &self.source else {
            return self.core.zeroed(Kind::Anonymous, need);
        };
        let frame = self
            .core
            .frames
            .allocate(Kind::Anonymous, need)
            .ok_or(Error::ENOMEM)?;
        source
            .copy_page(index, frame)
            .inspect_err(|_| self.core.frames.release(frame))?;
        Ok(frame)
    }

    /// Moves pages `first..end` to a new FCM of the same source. They are no longer mapped.
    pub fn split_off(&self, first: u64, end: u64) -> Self {
        let tree = self.pages.lock().tree.split_off(first, end);
        self.with(tree, None)
    }

    /// The highest page in `first..end`.
    pub fn last(&self, first: u64, end: u64) -> Option<(u64, Frame)> {
        self.pages.lock().tree.last(first, end)
    }

    /// How many pages of its own it has in `first..end`.
    pub fn own_pages(&self, first: u64, end: u64) -> u64 {
        self.pages.lock().tree.count(first, end)
    }

    /// The pages in `first..end`, at most `most`; `None` if there are more.
    pub fn pages(&self, first: u64, end: u64, most: usize) -> Option<Vec<(u64, Frame)>> {
        let mut list = Vec::with_capacity(most.min((end - first) as usize));
        let mut fits = true;
        self.pages.lock().tree.each(first, end, |index, frame| {
            fits = list.len() < most;
            if fits {
                list.push((index, frame));
            }
            fits
        });
        fits.then_some(list)
    }

    /// Puts `frame`, and the caller's share in it, at `index`. What was there must not be mapped any more.
    pub fn own(&self, index: u64, frame: Frame) {
        let mut pages = self.pages.lock();
        pages.note_stores(index, index + 1);
        pages.tree.insert(index, frame);
    }

    /// For a fork: the indices in `first..end` that may be mapped for stores, which the caller must end.
    pub fn take_stored(&self, first: u64, end: u64) -> (u64, u64) {
        let mut pages = self.pages.lock();
        let (low, high) = pages.stored;
        if first <= low && high <= end {
            pages.stored = NOTHING;
        }
        (low.max(first), high.min(end))
    }

    /// The resident pages of `first..end` that are hot, at most `most`, those seen last first.
    pub fn hot(&self, first: u64, end: u64, most: usize) -> Vec<(u64, Frame)> {
        let pages = self.pages.lock();
        let known = pages.hot.as_ref().map(|hot| hot.lock().0);
        let Some(mut list) = known.filter(|list| *list != Hot::NONE.0) else {
            return Vec::new();
        };
        list.sort_unstable_by_key(|page| page & 15);
        let resident = |page: u64| {
            pages
                .tree
                .find(page >> 4)
                .map(|found| (page >> 4, found.frame))
        };
        let here = list
            .into_iter()
            .filter(|&page| page != NO_PAGE && (first..end).contains(&(page >> 4)));
        let mut found = Vec::with_capacity(most);
        found.extend(here.filter_map(resident).take(most));
        found
    }

    /// The frame at `index` if it is this FCM's alone; the caller maps it for stores.
    pub fn take_alone(&self, index: u64) -> Option<Frame> {
        let mut pages = self.pages.lock();
        let frame = pages.tree.find(index).filter(|page| page.alone)?.frame;
        pages.note_stores(index, index + 1);
        Some(frame)
    }

    /// Whether no page was ever written here.
    pub fn is_untouched(&self) -> bool {
        self.pages.lock().tree.is_empty()
    }
}

impl Anonymous {
    /// Maps the pages that are there of the request's group, for stores only those that are this FCM's alone.
    fn show_group(&self, pages: &mut Pages, request: &Request) -> Result<()> {
        let (first, end) = request.around();
        let mut stored = NOTHING;
        map_group(self.core, request, |visit| {
            pages.tree.near(request.index, first, end, |index, page| {
                if page.alone {
                    stored = (stored.0.min(index), index + 1);
                }
                visit(index, page);
            });
        })?;
        if request.flags.contains(MapFlags::WRITE) {
            pages.note_stores(stored.0, stored.1);
        }
        Ok(())
    }
}

impl Fcm for Anonymous {
    fn map_page(&self, request: &Request) -> Result<u64> {
        let core = self.core;
        let need = Need::Private(request.private);
        let mut pages = self.pages.lock();
        let found = pages.tree.find(request.index);
        if request.write && found.is_some() {
            pages.note_hot(request.index);
        }
        if let Some(page) = found
            && (!request.write || page.alone)
        {
            return self.show_group(&mut pages, request).map(|()| 0);
        }
        let Pages { tree, .. } = &mut *pages;
        if found.is_none()
            && !request.write
            && let Some(source) = &self.source
        {
            // Show the source's pages, but none where this FCM has its own.
            let (mut first, mut end) = request.around();
            tree.near(request.index, first, end, |index, _| {
                if index < request.index {
                    first = index + 1;
                } else {
                    end = end.min(index);
                }
            });
            let flags = request.flags.difference(MapFlags::WRITE);
            return source
                .map_page(&Request {
                    flags,
                    first,
                    end,
                    ..*request
                })
                .map(|_| 0);
        }
        core.admit()?;
        if found.is_none() && self.source.is_none() {
            let brought = self.bring_ahead(&mut pages, request, need);
            if brought > 0 {
                let process = u64::from(request.process.0);
                events::memory::zero::<User>(process, request.address, brought);
                if request.flags.contains(MapFlags::WRITE) {
                    pages.note_stores(request.index, request.index + brought);
                }
                return Ok(brought);
            }
        }
        let Pages { tree, .. } = &mut *pages;
        let process = u64::from(request.process.0);
        let frame = match found {
            Some(page) => {
                events::memory::copy::<User>(process, request.address);
                core.copied(page.frame, Kind::Anonymous, need)?
            }
            None if self.source.is_some() => {
                events::memory::copy::<User>(process, request.address);
                self.fresh(request.index, need)?
            }
            None => {
                events::memory::zero::<User>(process, request.address, 1);
                self.fresh(request.index, need)?
            }
        };
        // Only when nobody can reach the old page through this mapping any more is the share in it given up.
        core.map_page(request.process, request.address, frame, request.flags)
            .inspect_err(|_| core.frames.release(frame))?;
        tree.insert(request.index, frame);
        if request.flags.contains(MapFlags::WRITE) {
            pages.note_stores(request.index, request.index + 1);
        }
        Ok(u64::from(found.is_none()))
    }

    fn show(&self, request: &Request) -> Result<()> {
        self.show_group(&mut self.pages.lock(), request)
    }

    fn bring(&self, request: &Request) -> (u64, Result<()>) {
        let mut pages = self.pages.lock();
        pages.note_stores(request.first, request.end);
        let mut batch: Batch<'_> = Batch::new(self.core, request.process);
        let mut added = 0;
        let result = (request.first..request.end).try_for_each(|index| {
            let (frame, is_new) = self.own_page(
                &mut pages.tree,
                index,
                Need::Private(request.private + added),
            )?;
            added += u64::from(is_new);
            batch.add(request.address_of(index), frame, request.flags)
        });
        (added, result.and_then(|()| batch.flush()))
    }

    fn copy_page(&self, index: u64, to: Frame) -> Result<()> {
        let pages = self.pages.lock();
        match (pages.tree.find(index), &self.source) {
            (Some(Found { frame, .. }), _) => self.core.window.copy(frame, to),
            (None, Some(source)) => source.copy_page(index, to)?,
            (None, None) => self.core.window.zero(to),
        }
        Ok(())
    }

    fn fork(&self) -> Option<Arc<dyn Fcm>> {
        let mut pages = self.pages.lock();
        let hot = pages
            .hot
            .get_or_insert_with(|| Arc::new(Lock::new(Hot::NONE)))
            .clone();
        hot.lock().age();
        Some(Arc::new(self.with(pages.tree.clone(), Some(hot))))
    }

    fn drop_pages(&self, first: u64, end: u64) -> u64 {
        self.pages.lock().tree.remove(first, end)
    }

    fn is_private(&self) -> bool {
        true
    }

    fn source(&self) -> Option<Arc<dyn Fcm>> {
        self.source.clone()
    }

    fn as_anonymous(&self) -> Option<&Self> {
        Some(self)
    }

    fn attach(&self, attachment: super::Attachment) -> Result<()> {
        self.source.as_ref().map_or(Ok(()), |source| {
            source.attach(super::Attachment {
                keeps: false,
                ..attachment
            })
        })
    }

    fn detach(&self, process: k42_abi::ProcessId, address: u64, seat: usize) {
        if let Some(source) = &self.source {
            source.detach(process, address, seat);
        }
    }

    fn resident(&self, first: u64, out: &mut [u8]) {
        if let Some(source) = &self.source {
            source.resident(first, out);
        }
        self.pages
            .lock()
            .tree
            .each(first, first + out.len() as u64, |index, _| {
                out[(index - first) as usize] |= 1;
                true
            });
    }

    fn count(&self, first: u64, end: u64) -> (u64, u64) {
        let own = self.own_pages(first, end);
        let behind = self
            .source
            .as_ref()
            .map_or(0, |source| source.count(first, end).0);
        // Pages of the source that were copied are counted once.
        (own.max(behind), own)
    }

    fn put_name(&self, out: &mut Vec<u8>) {
        if let Some(source) = &self.source {
            source.put_name(out);
        }
    }
}
