//! Call records. Each call that is out is noted by both sides, each in one word for the slot that it uses, so that
//! making and ending a call is one store on each side.
//!
//! | word | as [`Outgoing`] | as [`Incoming`] |
//! |---|---|---|
//! | 0 | no call | slot free |
//! | dispatcher, slot times 8 | the callee and its slot | the caller and its slot |
//! | 1 | answered | the caller has ended |
//! | 2 | failed | - |
//! | 3 | not a slot for calls made | - |
//!
//! Dispatchers are aligned so that the slot, and the number that stands for a page fault, fit below the address.

use core::marker::PhantomData;

use k42_abi::message::MAX_SLOTS;

use crate::cell::Owned;
use crate::dispatcher::{Dispatcher, FAULT_SLOT};

/// Alignment of dispatchers.
pub const ALIGN: usize = 1024;
/// What of a record is the slot, times 8.
const SLOT_MASK: u64 = ALIGN as u64 - 1;

const _: () = assert!(align_of::<Dispatcher>() >= ALIGN && FAULT_SLOT * 8 < ALIGN);
const _: () = assert!(
    MAX_SLOTS == 64,
    "fast.S takes slots from six bits of the call word"
);

/// A call that the dispatcher made.
#[derive(Clone, Copy)]
pub enum Outgoing {
    /// No call.
    None,
    /// The callee works on it in its slot.
    Waiting(&'static Dispatcher, usize),
    /// Answered while the caller could not be entered; the answer is in `Dispatcher::replies`.
    Answered,
    /// It failed; the first word of the reply is the status.
    Failed,
    /// The slot is for calls that arrive.
    Never,
}

/// A call that the dispatcher has been given.
#[derive(Clone, Copy)]
pub enum Incoming {
    /// The slot is free.
    Free,
    /// For a caller's slot.
    From(&'static Dispatcher, usize),
    /// The caller has ended.
    Orphan,
}

/// What fits into one word.
pub trait Packed: Copy {
    /// As a word.
    fn pack(self) -> u64;
    /// From the word that `pack` made.
    fn unpack(word: u64) -> Self;
}

fn join(who: &'static Dispatcher, slot: usize) -> u64 {
    (&raw const *who).expose_provenance() as u64 | (slot * 8) as u64
}

fn split(word: u64) -> (&'static Dispatcher, usize) {
    let address = (word & !SLOT_MASK) as usize;
    // SAFETY: `join` made the word from a dispatcher, and those live for ever.
    let who = unsafe { &*core::ptr::with_exposed_provenance(address) };
    (who, (word & SLOT_MASK) as usize / 8)
}

impl Packed for Outgoing {
    #[inline(always)]
    fn pack(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Waiting(who, slot) => join(who, slot),
            Self::Answered => 1,
            Self::Failed => 2,
            Self::Never => 3,
        }
    }
    #[inline(always)]
    fn unpack(word: u64) -> Self {
        match word {
            0 => Self::None,
            1 => Self::Answered,
            2 => Self::Failed,
            3 => Self::Never,
            word => {
                let (who, slot) = split(word);
                Self::Waiting(who, slot)
            }
        }
    }
}

impl Packed for Incoming {
    #[inline(always)]
    fn pack(self) -> u64 {
        match self {
            Self::Free => 0,
            Self::From(who, slot) => join(who, slot),
            Self::Orphan => 1,
        }
    }
    #[inline(always)]
    fn unpack(word: u64) -> Self {
        match word {
            0 => Self::Free,
            1 => Self::Orphan,
            word => {
                let (who, slot) = split(word);
                Self::From(who, slot)
            }
        }
    }
}

/// A record.
#[repr(transparent)]
pub struct Record<T: Packed>(Owned<u64>, PhantomData<fn() -> T>);

impl<T: Packed> Record<T> {
    /// No call.
    pub const fn new() -> Self {
        Self(Owned::new(0), PhantomData)
    }
    /// What is noted.
    #[inline(always)]
    pub fn get(&self) -> T {
        T::unpack(self.0.get())
    }
    /// Notes something else.
    #[inline(always)]
    pub fn set(&self, value: T) {
        self.0.set(value.pack());
    }
    /// Notes something else, and says what was noted before.
    pub fn replace(&self, value: T) -> T {
        T::unpack(self.0.replace(value.pack()))
    }
}
