//! FCMs (file cache managers): each holds the pages of one object and decides how they are got, shared and mapped.
//!
//! A region maps a range of one FCM; it knows nothing of frames. The FCM is an instance behind [`Fcm`], with several
//! implementations, chosen per object:
//!
//! | implementation | is | pages come from |
//! |---|---|---|
//! | [`Anonymous`] | private memory, and private copies of another FCM | zeroes, or a copy of the source's page |
//! | [`Object`] | a file server's page cache, shared memory (also System V's: `segment.rs`) | zeroes; its owner fills them |
//! | [`Image`] | pages fixed for ever: program images from the boot archive | made once |
//! | [`Physical`] | a stretch of real memory: boot archive, kernel pages | they are there |
//!
//! Whatever is mapped is entered into the translation while the FCM's lock is held, and a page that goes away is
//! unmapped under the same lock before its frame is given up; so no translation outlives its page.

mod ahead;
mod anonymous;
mod fixed;
mod object;
mod reps;
mod segment;

pub use anonymous::Anonymous;
pub use fixed::{Image, Physical};
pub use object::Object;

use crate::frames::Frame;
use crate::machine::{Batch, Core};
use crate::tree::Found;
use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::map::MapFlags;
use k42_abi::{ProcessId, Result};

/// Pages that a fault maps at most, an aligned group.
pub const AROUND: u64 = 8;

/// A page wanted by a process.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Who wants it.
    pub process: ProcessId,
    /// Page index in the FCM.
    pub index: u64,
    /// Address of that page in the process.
    pub address: u64,
    /// The page is to be written now.
    pub write: bool,
    /// All that the region allows.
    pub flags: MapFlags,
    /// Page indices that the region shows: neighbours in here may be mapped along.
    pub first: u64,
    /// End of those.
    pub end: u64,
    /// Private frames that the process has.
    pub private: u64,
}

impl Request {
    /// Indices that may be mapped along with the one wanted.
    fn around(&self) -> (u64, u64) {
        let group = self.index & !(AROUND - 1);
        (self.first.max(group), self.end.min(group + AROUND))
    }
    fn address_of(&self, index: u64) -> u64 {
        self.address.wrapping_add(
            index
                .wrapping_sub(self.index)
                .wrapping_mul(PAGE_SIZE as u64),
        )
    }
    /// Flags for a page that must not be written in place.
    fn flags_for(&self, alone: bool) -> MapFlags {
        if alone {
            self.flags
        } else {
            self.flags.difference(MapFlags::WRITE)
        }
    }
}

/// Where an FCM is mapped; it needs to know to take pages away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attachment {
    /// The process.
    pub process: ProcessId,
    /// Address of the first page.
    pub address: u64,
    /// Index of the first page in the FCM.
    pub index: u64,
    /// Pages.
    pub pages: u64,
    /// What the region allows.
    pub flags: MapFlags,
    /// Who maps it there must never fault (a server): pages that come are mapped at once.
    pub keeps: bool,
    /// Number of the representative that notes it.
    pub seat: usize,
}

impl Attachment {
    /// Unmaps what is mapped here of the pages `first..end`.
    fn unmap(&self, core: &Core, first: u64, end: u64) {
        let (first, end) = (first.max(self.index), end.min(self.index + self.pages));
        if first < end {
            let page = PAGE_SIZE as u64;
            core.unmap(
                self.process,
                self.address + (first - self.index) * page,
                (end - first) * page,
            );
        }
    }
}

/// The pages of one object.
pub trait Fcm: Send + Sync {
    /// Maps the page wanted, and maybe neighbours. Returns how many private frames the process got by it.
    /// ENOMEM; ENXIO beyond the object's end.
    fn map_page(&self, request: &Request) -> Result<u64>;

    /// Maps the pages that are there of the group around the one wanted, as far as none is to be made or copied.
    fn show(&self, _request: &Request) -> Result<()> {
        Ok(())
    }

    /// Makes all pages from `request.first` to `request.end` resident and maps them; for those who must not fault
    /// later. Returns the private frames gained (beside an error too: what was got stays).
    fn bring(&self, request: &Request) -> (u64, Result<()>);

    /// Copies the page at `index` into `to`, a frame of the caller's. ENXIO beyond the end.
    fn copy_page(&self, index: u64, to: Frame) -> Result<()>;

    /// The copy that a forked process gets, if the pages are private; `None`: both use the same FCM.
    fn fork(&self) -> Option<Arc<dyn Fcm>> {
        None
    }

    /// Private pages can be dropped by who maps them: what comes next is as if never touched. They are no longer
    /// mapped. Returns how many there were.
    fn drop_pages(&self, _first: u64, _end: u64) -> u64 {
        0
    }

    /// Whether the pages belong to the one space that maps them.
    fn is_private(&self) -> bool {
        false
    }

    /// Whether its pages are there and stay: then they can be mapped before anybody asks.
    fn is_fixed(&self) -> bool {
        false
    }

    /// The FCM seen by a private mapping where it has no page of its own.
    fn source(&self) -> Option<Arc<dyn Fcm>> {
        None
    }

    /// For the one FCM that can be moved and copied by pages.
    fn as_anonymous(&self) -> Option<&Anonymous> {
        None
    }

    /// From now on the FCM is mapped there. Fails only for who `keeps` its pages mapped.
    fn attach(&self, _attachment: Attachment) -> Result<()> {
        Ok(())
    }

    /// It is no longer mapped at that address, where it was attached at `seat`.
    fn detach(&self, _process: ProcessId, _address: u64, _seat: usize) {}

    /// A region of [`Use::Segment`](crate::space::Use) shows it from now on, by the doing of the process with this Linux
    /// pid. EIDRM if it was given up before.
    fn opened(&self, _pid: u32) -> Result<()> {
        Ok(())
    }

    /// Such a region no longer does.
    fn closed(&self, _pid: u32) {}

    /// Sets bit 0 of the byte of each page that is resident; `out` begins at `first`.
    fn resident(&self, first: u64, out: &mut [u8]);

    /// Resident pages in a range: all, and those that are private to the process.
    fn count(&self, first: u64, end: u64) -> (u64, u64);

    /// Drops pages for all who map them (hole punching).
    fn punch(&self, _first: u64, _end: u64) {}

    /// Name for people: the path of a file. Appended to `out`.
    fn put_name(&self, _out: &mut Vec<u8>) {}
}

/// Maps what `pages` yields (of the request's group) and nothing else.
fn map_group(
    core: &Core,
    request: &Request,
    pages: impl FnOnce(&mut dyn FnMut(u64, Found)),
) -> Result<()> {
    let mut batch: Batch<'_> = Batch::new(core, request.process);
    let mut result = Ok(());
    pages(&mut |index, found: Found| {
        if result.is_ok() {
            result = batch.add(
                request.address_of(index),
                found.frame,
                request.flags_for(found.alone),
            );
        }
    });
    result.and_then(|()| batch.flush())
}
