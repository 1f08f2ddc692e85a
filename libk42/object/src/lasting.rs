//! Values that outlive the guards under which they were seen.
//!
//! Who follows a pointer through several values that other threads unlink needs each to stay until he has passed. A count
//! of references would do, but moves the count's cache line from CPU to CPU. Under a [`Guard`] the values stay anyhow, if
//! whoever unlinks one leaves its end to the collector, as [`Lasting`] does.

use core::ops::Deref;
use core::ptr::NonNull;

use alloc::boxed::Box;

use crate::memory::try_box;
use crate::{Error, Guard, Ref, System, object_interface};

object_interface! {
    /// Has no calls: what counts is how it ends.
    trait Kept {}
}

/// Owns the value, and frees it when the object system says so.
struct Owner<T>(NonNull<T>);

// SAFETY: it owns a `T`, and gives it to nobody.
unsafe impl<T: Send> Send for Owner<T> {}
// SAFETY: a shared owner can do nothing.
unsafe impl<T> Sync for Owner<T> {}

impl<T: Send> Kept for Owner<T> {}

impl<T> Drop for Owner<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box in `Lasting::new`, and only the one owner frees it. That the `Lasting` has
        // gone and that no guard is left is what the object system waited for.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// A value that can be borrowed for as long as a guard lives, even if this is dropped meanwhile.
pub struct Lasting<T: Send + Sync + 'static> {
    value: NonNull<T>,
    system: &'static System,
    object: Ref<dyn Kept>,
}

// SAFETY: it is a reference on a value that is `Send` and `Sync`.
unsafe impl<T: Send + Sync> Send for Lasting<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Lasting<T> {}

impl<T: Send + Sync + 'static> Lasting<T> {
    /// Takes memory for `value`, and one of the references of `system`.
    ///
    /// # Errors
    /// [`Error::TableFull`], [`Error::NoMemory`]; `value` is dropped.
    pub fn new(system: &'static System, value: T) -> Result<Self, Error> {
        let value = NonNull::from(Box::leak(try_box(value)?));
        // If the object cannot be made the owner is dropped, and the value with it.
        let object = system.create(Owner(value))?;
        Ok(Self {
            value,
            system,
            object,
        })
    }

    /// The value, for as long as the guard lives.
    ///
    /// # Panics
    /// If the guard belongs to another object system: a mistake in this program.
    #[inline]
    pub fn under<'g>(&self, guard: &'g Guard) -> &'g T {
        assert!(core::ptr::eq(guard.system(), self.system));
        // SAFETY: the value is there, since `self` is. It is freed after all guards have gone that were there when
        // `self` was dropped, so after this one.
        unsafe { self.value.as_ref() }
    }
}

impl<T: Send + Sync> Deref for Lasting<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: it is freed after `self` has been dropped.
        unsafe { self.value.as_ref() }
    }
}

impl<T: Send + Sync + 'static> Drop for Lasting<T> {
    fn drop(&mut self) {
        let guard = self.system.enter();
        // Only the first to destroy it succeeds, and that is us.
        let _ = self.object.destroy_everywhere(&guard);
    }
}
