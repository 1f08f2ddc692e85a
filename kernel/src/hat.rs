//! Hardware address translation: one radix tree for each address space, changed by the memory server
//! alone.
//!
//! The kernel allocates no tables: the memory server donates frames, the space keeps those that
//! it does not need at the moment. A space's lock is held for the length of one change, never across anything
//! that waits.

use k42_abi::layout::{PAGE_SHIFT, PAGE_SIZE, USER_TOP};
use k42_abi::map::{LARGE_PAGE, MAX_RUN, MapFlags, MapOperation};
use k42_abi::{Error, Result};
use k42_sync::SpinMutex;

use crate::arch::radix::{self, Entry, LAST_LEVEL, Table};
use crate::arch::tlb;
use crate::frames::{self, Kind, List};

/// Above this many pages a range is forgotten by forgetting the whole process.
const INVALIDATE_SINGLY: u64 = 16;

/// Whether it was mapped; with `NEED_FRAMES`, how many table frames are missing.
pub type MapResult = core::result::Result<(), (Error, u64)>;

/// The translations of one process.
pub struct Space {
    tree: SpinMutex<Tree>,
}

struct Tree {
    /// Real address of the root; zero when there is no tree.
    root: u64,
    /// Process table index, for invalidation.
    pid: u64,
    used: List,
    spare: List,
}

/// What a removal found.
struct Removal {
    pages: u64,
    freed: List,
    singles: [u64; INVALIDATE_SINGLY as usize],
}

impl Space {
    /// No translations, no tree.
    pub const fn none() -> Self {
        Self {
            tree: SpinMutex::new(Tree {
                root: 0,
                pid: 0,
                used: List::EMPTY,
                spare: List::EMPTY,
            }),
        }
    }

    /// Gives the space a root table (zeroed) and its process table index.
    pub fn open(&self, root: u64, pid: u64) {
        let mut tree = self.tree.lock();
        tree.root = root;
        tree.pid = pid;
    }

    /// Takes everything down. The tables' frames are appended to `ended`; the root is cleared for use by another. Returns the root.
    pub fn close(&self, ended: &mut List) -> u64 {
        let mut tree = self.tree.lock();
        let root = core::mem::replace(&mut tree.root, 0);
        if root == 0 {
            return 0;
        }
        // SAFETY: the root is this tree's, under its lock.
        let table = unsafe { Table::new(root) };
        for index in 0..(USER_TOP >> radix::span_shift(0)) {
            table.set(index, Entry::EMPTY);
        }
        tlb::invalidate_process(tree.pid);
        tlb::sync();
        let tree = &mut *tree;
        ended.append(&mut tree.used);
        ended.append(&mut tree.spare);
        root
    }

    /// Number of table frames, spare ones included.
    pub fn table_frames(&self) -> u64 {
        let tree = self.tree.lock();
        u64::from(tree.used.len()) + u64::from(tree.spare.len())
    }

    /// Adds a table frame.
    pub fn donate(&self, frame: u64) -> Result<()> {
        frames::convert(frame, Kind::Server, Kind::Table)?;
        self.tree.lock().spare.push(frame);
        Ok(())
    }

    /// Gives a spare table frame back.
    pub fn reclaim(&self) -> Option<u64> {
        let frame = self.tree.lock().spare.pop()?;
        // A frame on the list is a table; this cannot fail.
        let _ = frames::convert(frame, Kind::Table, Kind::Server);
        Some(frame)
    }

    /// Maps the frame at `frame`. On `NEED_FRAMES` the number is how many are missing.
    pub fn map(&self, address: u64, frame: u64, flags: MapFlags) -> MapResult {
        let mut operation = Some(MapOperation {
            address,
            frame,
            flags: flags.bits(),
            pages: 1,
        });
        self.map_each(|| operation.take()).1
    }

    /// Maps what `next` gives, until it gives nothing or one cannot be done: how many were, and the error. Of an operation
    /// that fails a first part may be mapped.
    ///
    /// What is mapped gives way: a table of small pages to a large page, and a large page as a whole to a small one inside
    /// it. The rest of that large page is then not mapped; who may fault finds it again.
    pub fn map_each(&self, mut next: impl FnMut() -> Option<MapOperation>) -> (u64, MapResult) {
        let tree = &mut *self.tree.lock();
        if tree.root == 0 {
            return (0, Err((Error::ESRCH, 0)));
        }
        let mut reached = Reached::NOTHING;
        let mut done = 0;
        let result = loop {
            let Some(operation) = next() else {
                break Ok(());
            };
            match tree.map_run(&operation, &mut reached) {
                Ok(()) => done += 1,
                Err(error) => break Err(error),
            }
        };
        if reached.replaced {
            tlb::sync();
        } else {
            tlb::entry_written();
        }
        (done, result)
    }

    /// Removes what is mapped in `start..end`, and all of a large page that is only partly inside.
    pub fn unmap(&self, start: u64, end: u64) -> Result<()> {
        check_range(start, end)?;
        let mut tree = self.tree.lock();
        if tree.root == 0 {
            return Err(Error::ESRCH);
        }
        let mut removal = Removal::new();
        let root = tree.root;
        remove(&mut tree, root, 0, start, end, &mut removal);
        tree.forget(&removal);
        tree.spare.append(&mut removal.freed);
        Ok(())
    }

    /// Changes the access of what is mapped in `start..end`. A large page that is only partly inside is removed.
    pub fn protect(&self, start: u64, end: u64, flags: MapFlags) -> Result<()> {
        check_range(start, end)?;
        let tree = self.tree.lock();
        if tree.root == 0 {
            return Err(Error::ESRCH);
        }
        let mut removal = Removal::new();
        change(tree.root, 0, start, end, flags, &mut removal);
        tree.forget(&removal);
        Ok(())
    }
}

/// The table that was mapped in last: the next page is mostly in the same.
struct Reached {
    table: Table,
    /// Level of its entries, and which of all tables at that level it is.
    level: u32,
    number: u64,
    /// An entry that was in use was changed: the invalidation must be waited for.
    replaced: bool,
}

impl Reached {
    const NOTHING: Self = Self {
        // SAFETY: not used, since no table has this number.
        table: unsafe { Table::new(0) },
        level: 0,
        number: u64::MAX,
        replaced: false,
    };
}

impl Tree {
    /// Maps `pages` frames in a row at addresses in a row. Most rows are short: a call would cost as much as the work.
    #[inline(always)]
    fn map_run(&mut self, operation: &MapOperation, reached: &mut Reached) -> MapResult {
        let flags = MapFlags::from_bits(operation.flags).ok_or((Error::EINVAL, 0))?;
        if flags.contains(MapFlags::LARGE) {
            self.map_large(operation, flags, reached)
        } else {
            self.map_at::<LAST_LEVEL>(operation, flags, reached)
        }
    }

    #[inline(never)]
    fn map_large(
        &mut self,
        operation: &MapOperation,
        flags: MapFlags,
        reached: &mut Reached,
    ) -> MapResult {
        self.map_at::<{ LAST_LEVEL - 1 }>(operation, flags, reached)
    }

    /// Maps pages of the size that entries at level `LAST` stand for.
    #[inline(always)]
    fn map_at<const LAST: u32>(
        &mut self,
        operation: &MapOperation,
        flags: MapFlags,
        reached: &mut Reached,
    ) -> MapResult {
        let &MapOperation {
            address,
            mut frame,
            pages,
            ..
        } = operation;
        // No more at a time than keeps this CPU's interrupts off for a short while.
        if pages > MAX_RUN {
            return Err((Error::E2BIG, 0));
        }
        let size = 1 << radix::span_shift(LAST);
        // Cannot overflow: a run is short, and addresses of programs are far from the end.
        if address >= USER_TOP || address + pages * size > USER_TOP {
            return Err((Error::EINVAL, 0));
        }
        let end = address + pages * size;
        if (address | frame) & (size - 1) != 0 {
            return Err((Error::EINVAL, 0));
        }
        if !frames::is_server(frame, pages * (size >> PAGE_SHIFT)) {
            return Err((Error::EPERM, 0));
        }
        let access = Entry::page(0, flags);
        let mut at = address;
        while at < end {
            let number = at >> radix::span_shift(LAST - 1);
            if reached.level != LAST || reached.number != number {
                reached.table = self.table_for(at, LAST)?;
                (reached.level, reached.number) = (LAST, number);
            }
            let table = reached.table;
            let mut index = at >> radix::span_shift(LAST) & (radix::entries(LAST) - 1);
            while at < end && index < radix::entries(LAST) {
                let entry = table.get(index);
                let new = access.at(frame);
                if entry == Entry::EMPTY {
                    table.set(index, new);
                } else if new != entry {
                    // What is the same was mapped along with a neighbour before.
                    self.replace::<LAST>(table, index, at, new, reached);
                }
                (at, frame, index) = (at + size, frame + size, index + 1);
            }
        }
        Ok(())
    }

    /// Puts `new` in the place of an entry that is in use.
    #[inline(never)]
    fn replace<const LAST: u32>(
        &mut self,
        table: Table,
        index: u64,
        address: u64,
        new: Entry,
        reached: &mut Reached,
    ) {
        let old = table.get(index);
        if old.is_valid() && !old.is_leaf() {
            self.drop_table(table, index, LAST);
        }
        table.set(index, new);
        if old.is_valid() && old.is_leaf() {
            let size = if LAST == LAST_LEVEL {
                tlb::PageSize::Small
            } else {
                tlb::PageSize::Large
            };
            tlb::invalidate_page(self.pid, address, size);
            reached.replaced = true;
        }
    }

    /// The table at level `last` that has the entry for `address`, made if it is missing.
    fn table_for(&mut self, address: u64, last: u32) -> core::result::Result<Table, (Error, u64)> {
        let mut at = self.root;
        for level in 0..last {
            // SAFETY: a table of this tree, under its lock.
            let table = unsafe { Table::new(at) };
            let index = address >> radix::span_shift(level) & (radix::entries(level) - 1);
            let entry = table.get(index);
            at = if entry.is_valid() && !entry.is_leaf() {
                entry.next()
            } else {
                let missing = u64::from(last - level);
                if u64::from(self.spare.len()) < missing {
                    return Err((Error::NEED_FRAMES, missing - u64::from(self.spare.len())));
                }
                let next = self.spare.pop().ok_or((Error::NEED_FRAMES, missing))?;
                if entry.is_leaf() {
                    table.set(index, Entry::EMPTY);
                    tlb::invalidate_page(
                        self.pid,
                        address & !(LARGE_PAGE - 1),
                        tlb::PageSize::Large,
                    );
                    tlb::sync();
                }
                // SAFETY: a table frame is the kernel's; this one was on the spare list.
                unsafe {
                    crate::arch::zero_pages(k42_boot::linear::<u8>(next) as u64, PAGE_SIZE as u64)
                };
                self.used.push(next);
                table.set(index, Entry::table(next));
                next
            };
        }
        // SAFETY: as above.
        Ok(unsafe { Table::new(at) })
    }

    /// Takes the table below entry `index` of `table`, which is at `level`, away: its frames become spare.
    fn drop_table(&mut self, table: Table, index: u64, level: u32) {
        let next = table.get(index).next();
        table.set(index, Entry::EMPTY);
        let mut removal = Removal::new();
        unlink(self, next, level + 1, &mut removal);
        self.forget(&removal);
        self.spare.append(&mut removal.freed);
    }

    fn forget(&self, removal: &Removal) {
        if removal.pages == 0 && removal.freed.len() == 0 {
            return;
        }
        if removal.freed.len() == 0 && removal.pages <= INVALIDATE_SINGLY {
            for &address in &removal.singles[..removal.pages as usize] {
                let size = if address & 1 == 0 {
                    tlb::PageSize::Small
                } else {
                    tlb::PageSize::Large
                };
                tlb::invalidate_page(self.pid, address & !1, size);
            }
        } else {
            tlb::invalidate_process(self.pid);
        }
        tlb::sync();
    }
}

impl Removal {
    const fn new() -> Self {
        Self {
            pages: 0,
            freed: List::EMPTY,
            singles: [0; INVALIDATE_SINGLY as usize],
        }
    }

    /// Notes a page that went; the lowest bit of the address says that it is a large one.
    fn note(&mut self, address: u64, level: u32) {
        if let Some(place) = self.singles.get_mut(self.pages as usize) {
            *place = address | u64::from(level < LAST_LEVEL);
        }
        self.pages += 1;
    }
}

fn check_range(start: u64, end: u64) -> Result<()> {
    let aligned = (start | end).is_multiple_of(PAGE_SIZE as u64);
    if aligned && start <= end && end <= USER_TOP {
        Ok(())
    } else {
        Err(Error::EINVAL)
    }
}

/// Calls `visit` with the entries that are in use of those that meet `start..end` in a table at `level`: their index, and
/// the part of the range that is theirs. Most entries of a sparse range are empty: the way past them is kept short.
#[inline(always)]
fn for_each_used(
    table: Table,
    level: u32,
    start: u64,
    end: u64,
    mut visit: impl FnMut(u64, Entry, u64, u64),
) {
    let (shift, mask) = (radix::span_shift(level), radix::entries(level) - 1);
    let span = 1u64 << shift;
    let group = span * radix::GROUP;
    let mut next = start;
    while next < end {
        let from = next;
        let index = from >> shift & mask;
        if from.is_multiple_of(group) && end - from >= group && table.is_group_empty(index) {
            next = from + group;
            continue;
        }
        next = ((from & !(span - 1)) + span).min(end);
        let entry = table.get(index);
        if entry.is_valid() {
            visit(index, entry, from, next);
        }
    }
}

fn remove(tree: &mut Tree, at: u64, level: u32, start: u64, end: u64, removal: &mut Removal) {
    let span = 1u64 << radix::span_shift(level);
    // SAFETY: a table of this tree, whose lock the caller holds.
    let table = unsafe { Table::new(at) };
    for_each_used(table, level, start, end, |index, entry, from, to| {
        if entry.is_leaf() {
            table.set(index, Entry::EMPTY);
            removal.note(from & !(span - 1), level);
        } else if to - from == span {
            table.set(index, Entry::EMPTY);
            unlink(tree, entry.next(), level + 1, removal);
        } else {
            remove(tree, entry.next(), level + 1, from, to, removal);
        }
    });
}

/// Collects a table that is no longer reachable, and all below it.
fn unlink(tree: &mut Tree, at: u64, level: u32, removal: &mut Removal) {
    if level < LAST_LEVEL {
        // SAFETY: as in `remove`; nobody else reaches the table.
        let table = unsafe { Table::new(at) };
        let all = radix::entries(level) << radix::span_shift(level);
        for_each_used(table, level, 0, all, |_, entry, _, _| {
            if !entry.is_leaf() {
                unlink(tree, entry.next(), level + 1, removal);
            }
        });
    }
    tree.used.remove(at);
    removal.freed.push(at);
}

fn change(at: u64, level: u32, start: u64, end: u64, flags: MapFlags, removal: &mut Removal) {
    // SAFETY: a table of a tree whose lock the caller holds.
    let table = unsafe { Table::new(at) };
    let span = 1u64 << radix::span_shift(level);
    for_each_used(table, level, start, end, |index, entry, from, to| {
        if !entry.is_leaf() {
            return change(entry.next(), level + 1, from, to, flags, removal);
        }
        let new = if to - from == span {
            Entry::page(entry.address(), flags)
        } else {
            Entry::EMPTY
        };
        if new != entry {
            table.set(index, new);
            removal.note(from & !(span - 1), level);
        }
    });
}
