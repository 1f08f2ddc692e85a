//! A representative in memory: a head, then the value.

use core::mem::offset_of;
use core::ptr::NonNull;

use alloc::boxed::Box;

use crate::atomic::{AtomicU64, Ordering};
use crate::id::Id;
use crate::memory::try_box;
use crate::{Error, Implemented, TableHead};

/// What every representative begins with. A slot of a translation table holds the address of one.
#[repr(C)]
pub struct RepHead {
    /// The functions of the interface, for this value.
    table: NonNull<TableHead>,
    /// The id of the object, or [`DEAD`]. Each call compares it with its reference: that is how a stale reference and a
    /// late call are noticed, for the price of one compare.
    id: AtomicU64,
    /// Frees the representative.
    free: unsafe fn(NonNull<RepHead>),
}

/// No object has this id.
const DEAD: u64 = 0;

/// Head and value. On cache lines of its own: two objects never disturb each other.
#[repr(C, align(128))]
struct RepCell<T> {
    head: RepHead,
    value: T,
}

impl RepHead {
    /// Whether this represents the object `id`, and the object is not being destroyed.
    #[inline(always)]
    pub(crate) fn represents(&self, id: Id) -> bool {
        self.id.load(Ordering::Relaxed) == id.word()
    }

    /// From now on calls that look at this representative miss, and hear of the object's end.
    pub(crate) fn kill(&self) {
        self.id.store(DEAD, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn table(&self) -> NonNull<TableHead> {
        self.table
    }
}

/// Puts `value` on the heap as a representative of `id`, with the interface's table for its type.
pub(crate) fn new_rep<I, T>(id: Id, value: T) -> Result<NonNull<RepHead>, Error>
where
    I: Implemented<T> + ?Sized,
    T: Send + Sync + 'static,
{
    let head = RepHead {
        table: NonNull::from(I::TABLE).cast(),
        id: AtomicU64::new(id.word()),
        free: free_cell::<T>,
    };
    let cell = Box::into_raw(try_box(RepCell { head, value })?);
    // SAFETY: a box's address is not null.
    Ok(unsafe { NonNull::new_unchecked(cell) }.cast())
}

/// # Safety
/// `rep` was made by [`new_rep`] for a `T`, and this is the last use of it.
unsafe fn free_cell<T>(rep: NonNull<RepHead>) {
    // SAFETY: it was a box of this type.
    drop(unsafe { Box::from_raw(rep.cast::<RepCell<T>>().as_ptr()) });
}

/// Drops a representative.
///
/// # Safety
/// Nobody has it borrowed or can reach it any more.
pub(crate) unsafe fn free_rep(rep: NonNull<RepHead>) {
    // SAFETY: a representative is there until it is freed, which is what the caller does now.
    let free = unsafe { rep.as_ref() }.free;
    // SAFETY: `free` is the function for its type; the rest is the caller's promise.
    unsafe { free(rep) };
}

/// The value behind a head.
///
/// # Safety
/// The representative's value is a `T`, and stays for `'a`.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn value_of<'a, T>(rep: NonNull<RepHead>) -> &'a T {
    // SAFETY: the head is the first field of a RepCell<T>, whose address it is.
    unsafe { rep.byte_add(offset_of!(RepCell<T>, value)).cast().as_ref() }
}
