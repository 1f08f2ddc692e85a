//! The word inside a reference.

use core::num::NonZeroU64;

/// Bits of the index within a CPU's partition, and of the CPU; the sequence number has the upper half.
const INDEX_BITS: u32 = 20;
const HOME_BITS: u32 = 12;

/// The most references that a partition can have, and the most CPUs.
pub(crate) const MAX_INDEX: usize = 1 << INDEX_BITS;
pub(crate) const MAX_CPUS: usize = 1 << HOME_BITS;

/// Names one object for all time: home CPU, index in its partition, sequence number. The sequence number starts at one,
/// so no id is zero, and an index whose sequence numbers are used up is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(NonZeroU64);

impl Id {
    /// `None` if `seq` is zero.
    pub(crate) fn new(home: usize, index: usize, seq: u32) -> Option<Id> {
        debug_assert!(home < MAX_CPUS && index < MAX_INDEX);
        let place = ((home << INDEX_BITS) | index) as u64;
        if seq == 0 {
            None
        } else {
            NonZeroU64::new(u64::from(seq) << 32 | place).map(Id)
        }
    }

    pub(crate) fn from_word(word: u64) -> Option<Id> {
        let id = Id(NonZeroU64::new(word)?);
        (id.seq() != 0).then_some(id)
    }

    #[inline(always)]
    pub(crate) fn word(self) -> u64 {
        self.0.get()
    }

    #[inline(always)]
    pub(crate) fn home(self) -> usize {
        (self.word() >> INDEX_BITS) as usize & (MAX_CPUS - 1)
    }

    #[inline(always)]
    pub(crate) fn index(self) -> usize {
        self.word() as usize & (MAX_INDEX - 1)
    }

    #[inline(always)]
    pub(crate) fn seq(self) -> u32 {
        (self.word() >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        for (home, index, seq) in [
            (0, 0, 1),
            (MAX_CPUS - 1, MAX_INDEX - 1, u32::MAX),
            (3, 70_000, 9),
        ] {
            let id = Id::new(home, index, seq).unwrap();
            assert_eq!((id.home(), id.index(), id.seq()), (home, index, seq));
            assert_eq!(Id::from_word(id.word()), Some(id));
        }
        assert!(Id::new(1, 1, 0).is_none() && Id::from_word(77).is_none());
    }
}
