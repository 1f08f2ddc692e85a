//! Representatives of a shared FCM, one per CPU.
//!
//! A representative answers faults of its CPU from a copy of the object's page tree: a copy costs one reference (see
//! [`crate::tree`]). The copy may lack pages that came later, and then the master is asked; it never has a page that
//! the object no longer has, since who removes pages makes all representatives forget theirs first.
//!
//! "This CPU" is a hint: a representative is locked, and right for callers from anywhere.

use super::Attachment;
use crate::lock::Lock;
use crate::tree::PageTree;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use k42_abi::ProcessId;
use k42_sync::Once;

/// What one CPU knows.
#[derive(Default)]
pub struct Rep {
    tree: Option<PageTree>,
    attached: BTreeMap<(ProcessId, u64), Attachment>,
}

impl Rep {
    /// The pages, as far as known.
    pub fn tree(&self) -> Option<&PageTree> {
        self.tree.as_ref()
    }
    /// Takes the pages as they are now.
    pub fn learn(&mut self, tree: &PageTree) {
        self.tree = Some(tree.clone());
    }
    /// Knows no page any more.
    pub fn forget(&mut self) {
        self.tree = None;
    }
    /// Where processes that first faulted here have the object mapped.
    pub fn places(&self) -> impl Iterator<Item = &Attachment> {
        self.attached.values()
    }
    /// Notes a place.
    pub fn attach(&mut self, attachment: Attachment) {
        self.attached
            .insert((attachment.process, attachment.address), attachment);
    }
    /// Forgets a place.
    pub fn detach(&mut self, process: ProcessId, address: u64) -> Option<Attachment> {
        self.attached.remove(&(process, address))
    }
}

/// A representative on cache lines of its own.
#[repr(align(128))]
struct Seat(Lock<Rep>);

/// All representatives; none until somebody other than the owner maps the object.
#[derive(Default)]
pub struct Reps(Once<Box<[Seat]>>);

impl Reps {
    /// Makes them, if that has not been done.
    pub fn make(&self, cpus: usize) {
        self.0
            .call_once(|| (0..cpus).map(|_| Seat(Lock::new(Rep::default()))).collect());
    }

    /// Works with that of `cpu`, if there is one.
    pub fn at<T>(&self, cpu: usize, work: impl FnOnce(&mut Rep) -> Option<T>) -> Option<T> {
        let seats = self.0.get()?;
        work(&mut seats[cpu % seats.len()].0.lock())
    }

    /// Works with one after the other.
    pub fn each(&self, mut work: impl FnMut(&mut Rep)) {
        for seat in self.0.get().into_iter().flatten() {
            work(&mut seat.0.lock());
        }
    }
}
