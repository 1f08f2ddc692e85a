//! Being active.

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::Error;
use crate::id::Id;
use crate::rep::RepHead;
use crate::system::{PerCpu, System};

/// Says that a thread is active, and so may borrow representatives; made by [`System::enter`].
///
/// A guard belongs to the CPU on which it was made, even if the thread is moved afterwards: calls under it use that
/// CPU's slots, and the thread counts there. Guards may be nested. A guard must not be held across a wait without
/// bound, since nothing that is destroyed meanwhile can be freed.
#[must_use = "the thread is active only while the guard lives"]
pub struct Guard {
    system: &'static System,
    here: &'static PerCpu,
    cpu: usize,
    parity: usize,
    /// A guard says something about a thread; it stays there.
    not_send: PhantomData<*const ()>,
}

impl Guard {
    #[inline]
    pub(crate) fn new(system: &'static System, here: &'static PerCpu, cpu: usize) -> Guard {
        let parity = here.generations.enter();
        Guard {
            system,
            here,
            cpu,
            parity,
            not_send: PhantomData,
        }
    }

    /// The CPU whose slots calls under this guard use.
    #[inline]
    pub fn cpu(&self) -> usize {
        self.cpu
    }

    /// The object system that the guard belongs to.
    #[inline]
    pub fn system(&self) -> &'static System {
        self.system
    }

    /// This CPU's representative of an object.
    #[inline]
    pub(crate) fn find(&self, id: Id) -> Result<NonNull<RepHead>, Error> {
        if let Some(rep) = self.here.slots.get(id) {
            // SAFETY: a representative that a slot names is freed only after the slot was cleared and, then, all
            // guards have gone that were there; so it outlives this guard.
            if unsafe { rep.as_ref() }.represents(id) {
                return Ok(rep);
            }
        }
        self.system.miss(self, id)
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        self.here.generations.leave(self.parity);
    }
}
