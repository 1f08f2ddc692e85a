//! Client message slots: which are free.
//!
//! The words [`word::CALLERS`] of the page, one for each slot, say what it is used for: the address of the word of the
//! next free slot (zero: the last); or the thread that waits for the reply, with what happens to the slot then
//! (`asm::calls`); or zero, while its owner fills it or reads it. Assembly takes slots and gives them back in the same
//! way. All of this is done disabled.

use crate::word;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_abi::dispatcher::DispatcherPage as Page;
use k42_abi::message::MAX_SLOTS;

/// In the word of a slot, beside the thread: the thread keeps the slot when it has its reply.
pub(crate) const KEEPS: u64 = 1;
/// As above: the slot holds a payload, and is given back with the reply.
pub(crate) const PAYLOAD: u64 = 2;

/// The word of a slot.
fn place(page: &Page, slot: usize) -> &AtomicU64 {
    &page.library[word::CALLERS + slot % MAX_SLOTS]
}

/// Sets a word to zero; what it was. Disabled code of one dispatcher needs no exchange.
fn clear(word: &AtomicU64) -> u64 {
    let old = word.load(Ordering::Relaxed);
    word.store(0, Ordering::Relaxed);
    old
}

/// Makes `count` slots (at most 64) free, and forgets what they were used for.
pub(crate) fn reset(page: &Page, count: usize) {
    page.library[word::FREE_SLOT].store(0, Ordering::Relaxed);
    for slot in (0..MAX_SLOTS).rev() {
        place(page, slot).store(0, Ordering::Relaxed);
        if slot < count {
            give(page, slot as u8);
        }
    }
}

/// Takes the slot that was given back last, which is the one most likely still in the cache.
#[inline]
pub(crate) fn take(page: &Page) -> Option<u8> {
    let free = page.library[word::FREE_SLOT].load(Ordering::Relaxed);
    if free == 0 {
        return None;
    }
    let slot = (free as usize / size_of::<u64>()) % MAX_SLOTS;
    let next = clear(place(page, slot));
    page.library[word::FREE_SLOT].store(next, Ordering::Relaxed);
    Some(slot as u8)
}

/// Gives `slot` back.
#[inline]
pub(crate) fn give(page: &Page, slot: u8) {
    let place = place(page, slot as usize);
    let next = page.library[word::FREE_SLOT].load(Ordering::Relaxed);
    place.store(next, Ordering::Relaxed);
    page.library[word::FREE_SLOT].store(core::ptr::from_ref(place) as u64, Ordering::Relaxed);
}

/// The thread for which a reply or a failure has come, and what it wants done with the slot; the slot's word is cleared.
pub(crate) fn waiting(page: &Page, slot: usize) -> (*mut crate::Thread, u64) {
    let tags = KEEPS | PAYLOAD;
    let word = clear(place(page, slot));
    ((word & !tags) as *mut crate::Thread, word & tags)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{PAYLOAD, Page, give, place, reset, take, waiting};
    use crate::Thread;
    use core::sync::atomic::Ordering;

    /// A page as the kernel makes it.
    fn page() -> Box<Page> {
        // SAFETY: a page of zeroes is a page: it is made of integers.
        unsafe { Box::<Page>::new_zeroed().assume_init() }
    }

    #[test]
    fn every_slot_once() {
        let page = page();
        for count in [0, 1, 5, 63, 64] {
            reset(&page, count);
            for slot in 0..count {
                assert_eq!(take(&page), Some(slot as u8));
            }
            assert_eq!(take(&page), None);
            if count > 2 {
                give(&page, 2);
                give(&page, 1);
                assert_eq!(
                    (take(&page), take(&page), take(&page)),
                    (Some(1), Some(2), None)
                );
            }
        }
    }

    #[test]
    fn who_waits_and_for_what() {
        let page = page();
        reset(&page, 4);
        let thread = Box::new(Thread::new());
        let address = core::ptr::from_ref(&*thread).cast_mut();
        let slot = take(&page).expect("one of four") as usize;
        place(&page, slot).store(address as u64 | PAYLOAD, Ordering::Relaxed);
        assert_eq!(waiting(&page, slot), (address, PAYLOAD));
        assert!(waiting(&page, slot).0.is_null(), "only once");
    }
}
