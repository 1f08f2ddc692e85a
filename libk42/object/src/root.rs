//! Roots: what an object is besides its representatives. A miss asks the root; nothing else does.

use core::ptr::NonNull;

use crate::Error;
use crate::id::Id;
use crate::rep::{RepHead, free_rep};

/// The side of an object that the table knows. Dropping a root drops its representatives.
pub(crate) trait Root: Send + Sync {
    /// The representative that CPU `cpu` is to use; made now, if need be.
    fn representative(&self, id: Id, cpu: usize) -> Result<NonNull<RepHead>, Error>;

    /// The object is being destroyed: marks its representatives dead, and makes no more.
    fn close(&self);
}

/// A root with one representative for all CPUs.
pub(crate) struct Single(pub(crate) NonNull<RepHead>);

// SAFETY: the representative's value is Send + Sync (demanded where it is made).
unsafe impl Send for Single {}
// SAFETY: as above.
unsafe impl Sync for Single {}

impl Root for Single {
    fn representative(&self, id: Id, _cpu: usize) -> Result<NonNull<RepHead>, Error> {
        // SAFETY: it lives as long as the root.
        if unsafe { self.0.as_ref() }.represents(id) {
            Ok(self.0)
        } else {
            Err(Error::Deleted)
        }
    }

    fn close(&self) {
        // SAFETY: it lives as long as the root.
        unsafe { self.0.as_ref() }.kill();
    }
}

impl Drop for Single {
    fn drop(&mut self) {
        // SAFETY: the table drops a root only when nobody can reach its representatives.
        unsafe { free_rep(self.0) };
    }
}
