//! Allocation that can fail without a panic, and padding to cache lines.

use alloc::alloc::{Layout, alloc};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Deref;

use crate::Error;

/// `Box::new` that reports an empty heap.
pub(crate) fn try_box<T>(value: T) -> Result<Box<T>, Error> {
    let layout = Layout::new::<T>();
    if layout.size() == 0 {
        return Ok(Box::new(value)); // takes no memory
    }
    // SAFETY: the layout's size is not zero.
    let memory = unsafe { alloc(layout) }.cast::<T>();
    if memory.is_null() {
        return Err(Error::NoMemory);
    }
    // SAFETY: the memory is new, has T's layout, and comes from the allocator that Box uses; it is written before it
    // becomes a box.
    unsafe {
        memory.write(value);
        Ok(Box::from_raw(memory))
    }
}

/// `N` values side by side on cache lines of their own.
#[repr(C, align(128))]
pub(crate) struct Chunk<T, const N: usize>(pub(crate) [T; N]);

/// A chunk of values made by `make`, written in place: the stacks of servers are small.
pub(crate) fn try_chunk<T, const N: usize>(
    mut make: impl FnMut() -> T,
) -> Result<Box<Chunk<T, N>>, Error> {
    const { assert!(N > 0 && size_of::<T>() > 0) };
    // SAFETY: the layout's size is not zero.
    let memory = unsafe { alloc(Layout::new::<Chunk<T, N>>()) }.cast::<Chunk<T, N>>();
    if memory.is_null() {
        return Err(Error::NoMemory);
    }
    for place in 0..N {
        // SAFETY: the array lies at the start of the chunk, and this is one of its places.
        unsafe { memory.cast::<T>().add(place).write(make()) };
    }
    // SAFETY: the memory has the chunk's layout, comes from the allocator that Box uses, and every place is written.
    Ok(unsafe { Box::from_raw(memory) })
}

/// A slice of `len` values made by `make`, or an error if the heap is empty.
pub(crate) fn try_slice<T>(len: usize, make: impl FnMut() -> T) -> Result<Box<[T]>, Error> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(len).map_err(|_| Error::NoMemory)?;
    vec.resize_with(len, make);
    Ok(vec.into_boxed_slice())
}

/// A value on cache lines of its own (128 bytes on every Power machine since the 970).
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

impl<T> Deref for Padded<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}
