//! Cells for data that one CPU owns.
//!
//! The kernel runs with interrupts off and does not block, so what only one CPU touches needs no
//! lock. The compiler cannot see that; this module is where it is promised.

use core::cell::Cell;

/// A cell that only the CPU that owns the surrounding structure touches, or that several touch only
/// under a lock or handshake that the field's documentation names.
#[repr(transparent)]
pub struct Owned<T>(Cell<T>);

// SAFETY: by the rule above no two CPUs use the cell at the same time; each field's documentation
// says what makes it so.
unsafe impl<T> Sync for Owned<T> {}

impl<T> Owned<T> {
    /// A cell with a first value.
    pub const fn new(value: T) -> Self {
        Self(Cell::new(value))
    }
    /// Replaces the value.
    #[inline(always)]
    pub fn set(&self, value: T) {
        self.0.set(value);
    }
    /// Replaces the value and returns the old one.
    #[inline(always)]
    pub fn replace(&self, value: T) -> T {
        self.0.replace(value)
    }
    /// The plain cell.
    #[inline(always)]
    pub fn cell(&self) -> &Cell<T> {
        &self.0
    }
}

impl<T: Copy> Owned<T> {
    /// The value.
    #[inline(always)]
    pub fn get(&self) -> T {
        self.0.get()
    }
}
