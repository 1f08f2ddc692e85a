//! Objects with a representative per CPU.
//!
//! The representatives stand in an array of one word per CPU, which is filled by misses and closed by destruction. A
//! word is null, a representative, or has its lowest bit set: closed. Everything is one compare-exchange per word, so
//! making representatives on many CPUs at once takes no lock.

use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use alloc::boxed::Box;

use crate::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::id::Id;
use crate::memory::{try_box, try_slice};
use crate::rep::{RepHead, free_rep, new_rep, value_of};
use crate::root::Root;
use crate::system::System;
use crate::{Error, Implemented, Ref};

/// The mark of a closed word; heads are aligned to more.
const CLOSED: usize = 1;

fn is_closed(word: *mut RepHead) -> bool {
    word.addr() & CLOSED != 0
}

/// The representatives, shared by the root and every [`Peers`].
struct Array {
    owners: AtomicUsize,
    reps: Box<[AtomicPtr<RepHead>]>,
}

/// An owner of an [`Array`]; the last one frees it. (`Arc` would abort on an empty heap.)
struct Shared(NonNull<Array>);

// SAFETY: the array consists of atomics.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(cpus: usize) -> Result<Shared, Error> {
        let reps = try_slice(cpus, || AtomicPtr::new(ptr::null_mut()))?;
        let array = try_box(Array {
            owners: AtomicUsize::new(1),
            reps,
        })?;
        Ok(Shared(NonNull::from(Box::leak(array))))
    }

    fn reps(&self) -> &[AtomicPtr<RepHead>] {
        // SAFETY: the array lives while it has owners, and this is one.
        unsafe { &self.0.as_ref().reps }
    }
}

impl Clone for Shared {
    fn clone(&self) -> Self {
        // SAFETY: the array lives while it has owners, and this is one.
        unsafe { self.0.as_ref() }
            .owners
            .fetch_add(1, Ordering::Relaxed);
        Shared(self.0)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the array lives while it has owners, and this is one.
        if unsafe { self.0.as_ref() }
            .owners
            .fetch_sub(1, Ordering::AcqRel)
            == 1
        {
            // SAFETY: it was a box, and this was the last owner.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}

/// What a new representative is told: where it sits, in which object, and beside whom.
pub struct Seat<I: ?Sized, T> {
    /// The CPU that it is made for.
    pub cpu: usize,
    /// The object that it becomes part of.
    pub me: Ref<I>,
    /// The object's other representatives; keep it if they are needed.
    pub peers: Peers<T>,
}

/// The representatives of one object, as seen by one of them.
pub struct Peers<T> {
    system: &'static System,
    id: Id,
    array: Shared,
    types: PhantomData<fn(T)>,
}

impl<T: Send + Sync + 'static> Peers<T> {
    /// Calls `visit` with each representative that has been made so far, this one included.
    ///
    /// # Errors
    /// [`Error::Deleted`] if the object is being destroyed, perhaps after some visits: the sum of what was seen may not
    /// be whole.
    pub fn for_each(&self, mut visit: impl FnMut(&T)) -> Result<(), Error> {
        let guard = self.system.enter();
        self.system.touch(&guard, self.id)?;
        for word in self.array.reps() {
            let word = word.load(Ordering::Acquire);
            if is_closed(word) {
                return Err(Error::Deleted);
            }
            if let Some(rep) = NonNull::new(word) {
                // SAFETY:
                // * it is a T: this object's root makes no other;
                // * it stays: it was not closed under a guard that the object's destruction knows of (`touch`).
                visit(unsafe { value_of(rep) });
            }
        }
        Ok(())
    }
}

impl<T> Clone for Peers<T> {
    fn clone(&self) -> Self {
        Peers {
            array: self.array.clone(),
            ..*self
        }
    }
}

/// The root: makes a representative where there is none.
pub(crate) struct PerCpu<I: ?Sized, T, F> {
    system: &'static System,
    array: Shared,
    make: F,
    types: PhantomData<fn(&I) -> T>,
}

impl<I: ?Sized, T, F> PerCpu<I, T, F> {
    pub(crate) fn new(system: &'static System, make: F) -> Result<Self, Error> {
        Ok(PerCpu {
            system,
            array: Shared::new(system.cpus())?,
            make,
            types: PhantomData,
        })
    }
}

impl<I, T, F> Root for PerCpu<I, T, F>
where
    I: Implemented<T> + ?Sized,
    T: Send + Sync + 'static,
    F: Fn(Seat<I, T>) -> Result<T, Error> + Send + Sync,
{
    fn representative(&self, id: Id, cpu: usize) -> Result<NonNull<RepHead>, Error> {
        let word = self.array.reps().get(cpu).ok_or(Error::BadConfig)?;
        let known = |word: *mut RepHead| match NonNull::new(word) {
            _ if is_closed(word) => Some(Err(Error::Deleted)),
            Some(rep) => Some(Ok(rep)),
            None => None,
        };
        if let Some(answer) = known(word.load(Ordering::Acquire)) {
            return answer;
        }
        let (system, array) = (self.system, self.array.clone());
        let peers = Peers {
            system,
            id,
            array,
            types: PhantomData,
        };
        let value = (self.make)(Seat {
            cpu,
            me: Ref::from_id(id),
            peers,
        })?;
        let rep = new_rep::<I, T>(id, value)?;
        match word.compare_exchange(
            ptr::null_mut(),
            rep.as_ptr(),
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => Ok(rep),
            Err(now) => {
                // SAFETY: nobody has ever seen it.
                unsafe { free_rep(rep) };
                known(now).unwrap_or(Err(Error::Deleted))
            }
        }
    }

    fn close(&self) {
        for word in self.array.reps() {
            let mut now = word.load(Ordering::Acquire);
            while !is_closed(now) {
                let closed = now.map_addr(|addr| addr | CLOSED);
                match word.compare_exchange(now, closed, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => {
                        if let Some(rep) = NonNull::new(now) {
                            // SAFETY: representatives live as long as the root.
                            unsafe { rep.as_ref() }.kill();
                        }
                        break;
                    }
                    Err(other) => now = other,
                }
            }
        }
    }
}

impl<I: ?Sized, T, F> Drop for PerCpu<I, T, F> {
    fn drop(&mut self) {
        for word in self.array.reps() {
            let closed = ptr::without_provenance_mut(CLOSED);
            let rep = word
                .swap(closed, Ordering::AcqRel)
                .map_addr(|addr| addr & !CLOSED);
            if let Some(rep) = NonNull::new(rep) {
                // SAFETY: the table drops a root only when nobody can reach its representatives.
                unsafe { free_rep(rep) };
            }
        }
    }
}
