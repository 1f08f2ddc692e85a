//! The kernel's own memory: one stretch, taken at boot, from which frames and objects are handed
//! out and to which objects of a kind come back. When it is used up, the one who asked gets ENOMEM.

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use k42_abi::layout::PAGE_SIZE;
use k42_abi::{Error, Result};
use k42_boot::linear;
use k42_sync::SpinMutex;

static NEXT: AtomicU64 = AtomicU64::new(0);
static END: AtomicU64 = AtomicU64::new(0);

/// Gives the pool its memory: real addresses.
pub fn initialise(start: u64, end: u64) {
    NEXT.store(start, Ordering::Relaxed);
    END.store(end, Ordering::Relaxed);
}

/// A stretch of zeroed memory at its real address. `align` is a power of two.
pub fn take(bytes: u64, align: u64) -> Result<u64> {
    let mut now = NEXT.load(Ordering::Relaxed);
    loop {
        let start = now.next_multiple_of(align);
        let end = start + bytes;
        if end > END.load(Ordering::Relaxed) {
            return Err(Error::ENOMEM);
        }
        match NEXT.compare_exchange_weak(now, end, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => {
                // SAFETY: the stretch was just taken from memory that is the pool's alone.
                unsafe { core::ptr::write_bytes(linear::<u8>(start), 0, bytes as usize) };
                return Ok(start);
            }
            Err(other) => now = other,
        }
    }
}

/// A frame.
pub fn frame() -> Result<u64> {
    take(PAGE_SIZE as u64, PAGE_SIZE as u64)
}

/// Storage for `count` values, each made by `make`.
pub fn slice<T>(count: usize, make: impl Fn() -> T) -> Result<&'static mut [T]> {
    let bytes = (size_of::<T>() * count) as u64;
    let start = linear::<T>(take(bytes, align_of::<T>().max(128) as u64)?);
    for index in 0..count {
        // SAFETY: the memory was just taken, is large enough and aligned.
        unsafe { start.add(index).write(make()) };
    }
    // SAFETY: all elements are initialised, and nobody else has the memory.
    Ok(unsafe { core::slice::from_raw_parts_mut(start, count) })
}

/// Objects of one kind. They live for ever; one that is given back is used again, so a reference
/// that is held too long names another object of the same kind, never something else.
pub struct Arena<T: 'static> {
    free: SpinMutex<FreeList<T>>,
}

struct FreeList<T: 'static> {
    first: Option<&'static T>,
}

/// An object that an [`Arena`] can link while it is free.
pub trait Pooled: Sized + 'static {
    /// The link; used by the arena only while the object is free.
    fn link(&self) -> &AtomicPtr<Self>;
    /// A new object.
    fn fresh() -> Self;
}

impl<T: Pooled> Arena<T> {
    /// An arena without objects.
    pub const fn new() -> Self {
        Self {
            free: SpinMutex::new(FreeList { first: None }),
        }
    }

    /// An object that nobody uses.
    pub fn take(&self) -> Result<&'static T> {
        let mut free = self.free.lock();
        if let Some(object) = free.first {
            let next = object.link().load(Ordering::Relaxed);
            // SAFETY: the link of a free object is null or another object of this arena, which lives for ever.
            free.first = unsafe { next.as_ref() };
            return Ok(object);
        }
        drop(free);
        Ok(&slice(1, T::fresh)?[0])
    }

    /// Gives an object back.
    pub fn give(&self, object: &'static T) {
        let mut free = self.free.lock();
        let next = free
            .first
            .map_or(core::ptr::null_mut(), |next| (&raw const *next).cast_mut());
        object.link().store(next, Ordering::Relaxed);
        free.first = Some(object);
    }
}
