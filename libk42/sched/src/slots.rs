//! Client message slots: which are free, and what a call looks like to the stub.

use k42_abi::message::REGISTER_WORDS;

/// A call as the stub loads it into registers, and its reply as the RETURN_IN entry leaves it.
/// Lives on the calling thread's stack; assembly knows the offsets.
#[repr(C)]
pub(crate) struct CallBlock {
    /// r3: whom to call.
    pub(crate) target: u64,
    /// r4: the object; then the status of the reply.
    pub(crate) handle_status: u64,
    /// r5: method, slot and length; then those of the reply.
    pub(crate) word: u64,
    /// r6 to r10.
    pub(crate) words: [u64; REGISTER_WORDS],
    /// Not zero: the call could not be delivered, and `handle_status` says why.
    pub(crate) failed: u64,
    /// Not zero: the slot is free when the reply is in.
    pub(crate) release: u64,
}

/// Offsets in [`CallBlock`].
pub(crate) mod offset {
    use super::CallBlock;
    use core::mem::offset_of;
    pub(crate) const TARGET: usize = 0;
    pub(crate) const HANDLE_STATUS: usize = 8;
    pub(crate) const WORD: usize = 16;
    pub(crate) const WORDS: usize = 24;
    pub(crate) const RELEASE: usize = 72;
    const _: () = assert!(offset_of!(CallBlock, target) == TARGET);
    const _: () = assert!(offset_of!(CallBlock, handle_status) == HANDLE_STATUS);
    const _: () = assert!(offset_of!(CallBlock, word) == WORD);
    const _: () = assert!(offset_of!(CallBlock, words) == WORDS);
    const _: () = assert!(offset_of!(CallBlock, release) == RELEASE);
}

/// The client slots of one dispatcher; a set bit is a free slot.
#[repr(transparent)]
pub(crate) struct SlotMask(u64);

impl SlotMask {
    /// `count` free slots (at most 64).
    pub(crate) const fn new(count: u32) -> Self {
        Self(if count >= 64 {
            u64::MAX
        } else {
            (1 << count) - 1
        })
    }
    /// Takes the lowest free slot, which is the one most likely still in the cache.
    pub(crate) fn take(&mut self) -> Option<u8> {
        if self.0 == 0 {
            return None;
        }
        let slot = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(slot as u8)
    }
    /// Gives `slot` back.
    pub(crate) fn give(&mut self, slot: u8) {
        debug_assert!(self.0 & 1 << slot == 0, "slot {slot} was free");
        self.0 |= 1 << slot;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::SlotMask;

    #[test]
    fn every_slot_once() {
        for count in [0, 1, 5, 63, 64] {
            let mut mask = SlotMask::new(count);
            for slot in 0..count {
                assert_eq!(mask.take(), Some(slot as u8));
            }
            assert_eq!(mask.take(), None);
            if count > 2 {
                mask.give(2);
                assert_eq!(mask.take(), Some(2));
            }
        }
    }
}
