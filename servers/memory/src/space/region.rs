//! Regions: one mapping each of a range of addresses to a range of an FCM.

use crate::fcm::{Attachment, Fcm, Request};
use alloc::sync::Arc;
use k42_abi::layout::{LIBRARY_BASE, PAGE_SIZE};
use k42_abi::map::{MAX_RUN, MapFlags};
use k42_abi::{ProcessId, Result};
use k42_api::memory::MapOptions;

/// Bytes in a page.
pub const PAGE: u64 = PAGE_SIZE as u64;

/// What a region is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// Memory without a file.
    Anonymous,
    /// Pages of a file or shared object.
    File,
    /// A segment of System V's shared memory, which counts its regions.
    Segment,
    /// The break area.
    Heap,
    /// Belongs to the system: dispatcher areas, kernel pages. Never unmapped by the process.
    Pinned,
}

/// A mapping; its first address is its key in the space's map.
#[derive(Clone)]
pub struct Region {
    /// First address after it.
    pub end: u64,
    /// Access, and how it behaves; of the bits that say how to map, none.
    pub options: MapOptions,
    /// Access that `protect` may give.
    pub may: MapOptions,
    /// What it is for.
    pub purpose: Use,
    /// Whose pages.
    pub fcm: Arc<dyn Fcm>,
    /// Index in the FCM of the page at the region's first address.
    pub index: u64,
    /// The FCM knows of it (only then can anything of it be mapped), by the representative with this number.
    pub attached: Option<usize>,
    /// Shared pages are mapped here as soon as they come, since the process is a server.
    pub keeps: bool,
}

/// READ, WRITE and EXECUTE.
pub const ACCESS: MapOptions = MapOptions::READ
    .union(MapOptions::WRITE)
    .union(MapOptions::EXECUTE);
/// Options that a region keeps.
pub const KEPT: MapOptions = ACCESS
    .union(MapOptions::SHARED)
    .union(MapOptions::GROWS_DOWN)
    .union(MapOptions::LIBRARY)
    .union(MapOptions::NO_FORK)
    .union(MapOptions::NO_RESERVE)
    .union(MapOptions::LOCKED);

/// Translation flags for an access; who may store may load, as the machine has it.
pub fn flags_of(options: MapOptions) -> MapFlags {
    let mut flags = MapFlags::empty();
    flags.set(
        MapFlags::READ,
        options.intersects(MapOptions::READ | MapOptions::WRITE),
    );
    flags.set(MapFlags::WRITE, options.contains(MapOptions::WRITE));
    flags.set(MapFlags::EXECUTE, options.contains(MapOptions::EXECUTE));
    flags
}

impl Region {
    /// Whether stores are the process's own business.
    pub fn is_private(&self) -> bool {
        !self.options.contains(MapOptions::SHARED)
    }

    /// Pages in it, given its first address.
    pub fn pages(&self, start: u64) -> u64 {
        (self.end - start) / PAGE
    }

    /// FCM indices that it shows.
    pub fn indices(&self, start: u64) -> (u64, u64) {
        (self.index, self.index + self.pages(start))
    }

    /// FCM index of the page at `address`.
    pub fn index_of(&self, start: u64, address: u64) -> u64 {
        self.index + (address - start) / PAGE
    }

    /// Whether it counts as the program's.
    pub fn is_program(&self, start: u64) -> bool {
        start < LIBRARY_BASE
    }

    /// Whether it counts against RLIMIT_DATA.
    pub fn is_data(&self) -> bool {
        self.is_private()
            && self.options.contains(MapOptions::WRITE)
            && !self
                .options
                .intersects(MapOptions::GROWS_DOWN | MapOptions::LIBRARY)
    }

    /// A number for the object whose pages are shown, as events have it.
    pub fn object(&self) -> u64 {
        Arc::as_ptr(&self.fcm).addr() as u64
    }

    /// What the translation may allow: stores only once private pages can be made.
    pub fn flags(&self) -> MapFlags {
        let mut flags = flags_of(self.options);
        if self.is_private() && !self.fcm.is_private() {
            flags.remove(MapFlags::WRITE);
        }
        flags
    }

    /// Tells the FCM where it is mapped: before anything is, and again when that changes. `cpu` is that of the first
    /// fault.
    pub fn attach(&mut self, process: ProcessId, start: u64, cpu: usize) -> Result<()> {
        let seat = *self.attached.get_or_insert(cpu);
        self.fcm.attach(Attachment {
            process,
            address: start,
            index: self.index,
            pages: self.pages(start),
            flags: self.flags(),
            keeps: self.keeps,
            seat,
        })
    }

    /// Tells the FCM that it is not mapped there any more.
    pub fn detach(&mut self, process: ProcessId, start: u64) {
        if let Some(seat) = self.attached.take() {
            self.fcm.detach(process, start, seat);
        }
    }

    /// Maps the page at `address`. Returns the private frames gained.
    pub fn map_page(
        &mut self,
        process: ProcessId,
        start: u64,
        address: u64,
        write: bool,
        private: u64,
        cpu: usize,
    ) -> Result<u64> {
        if self.attached.is_none() {
            self.attach(process, start, cpu)?;
        }
        let (first, end) = self.indices(start);
        let address = address & !(PAGE - 1);
        let index = self.index_of(start, address);
        // The library gets a little more than the program, so that it can say what happened when memory ends.
        let private = if self.options.contains(MapOptions::LIBRARY) {
            private / 2
        } else {
            private
        };
        let request = Request {
            process,
            index,
            address,
            write,
            flags: self.flags(),
            first,
            end,
            private,
        };
        self.fcm.map_page(&request)
    }

    /// Maps what is there of a short private region, if anything of it may be mapped already.
    pub fn show(&self, process: ProcessId, start: u64) {
        if self.attached.is_none() || !self.fcm.is_private() {
            return;
        }
        let (first, end) = self.indices(start);
        let request = Request {
            process,
            index: first,
            address: start,
            write: false,
            flags: self.flags(),
            first,
            end,
            private: 0,
        };
        let _ = self.fcm.show(&request);
    }

    /// Maps all pages of a library region that are there and stay, so that the library begins without faults.
    pub fn map_fixed(&mut self, process: ProcessId, start: u64) -> Result<()> {
        let wanted = self.options.contains(MapOptions::LIBRARY)
            && self.fcm.is_fixed()
            && self.pages(start) <= MAX_RUN;
        if !wanted || !self.options.intersects(ACCESS) {
            return Ok(());
        }
        self.attach(process, start, 0)?;
        let (first, end) = self.indices(start);
        let request = Request {
            process,
            index: first,
            address: start,
            write: false,
            flags: self.flags(),
            first,
            end,
            private: 0,
        };
        self.fcm.bring(&request).1
    }

    /// Whether `next`, which follows immediately, continues this region in every respect.
    pub fn continues(&self, start: u64, next: &Self) -> bool {
        Arc::ptr_eq(&self.fcm, &next.fcm)
            && self.index_of(start, self.end) == next.index
            && self.options == next.options
            && self.may == next.may
            && self.purpose == next.purpose
            // Each piece counts, as in Linux.
            && self.purpose != Use::Segment
    }
}
