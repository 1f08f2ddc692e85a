//! The first word of an event.

use crate::Class;

/// Most words of an event, header included.
pub const MAX_WORDS: usize = 63;

const TIME_BITS: u32 = 40;
/// The bits of the clock that a header keeps. They wrap every 35 minutes at 512 MHz; the start of the sub-buffer has
/// the rest.
#[cfg(feature = "decode")]
pub(crate) const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
const LENGTH_SHIFT: u32 = 18;
const CLASS_SHIFT: u32 = 12;
const EVENT_SHIFT: u32 = 4;
/// Laps are counted modulo this.
pub(crate) const LAPS: u64 = 1 << EVENT_SHIFT;

/// An event's header word in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventHeader {
    /// The low 40 bits of the clock.
    pub time: u64,
    /// Words, the header included.
    pub length: usize,
    /// The class number (6 bits).
    pub class: u8,
    /// The event's number in its class.
    pub event: u8,
    /// How often the ring had wrapped, modulo 16.
    pub lap: u8,
}

impl EventHeader {
    /// The part of a header that does not depend on when and where: class, event and length.
    #[inline(always)]
    pub(crate) const fn kind(class: u8, event: u8, length: usize) -> u64 {
        (length as u64) << LENGTH_SHIFT
            | (class as u64) << CLASS_SHIFT
            | (event as u64) << EVENT_SHIFT
    }

    /// What [`Buffer::log`](crate::Buffer::log) is given for an event of a class with `args` arguments.
    #[inline(always)]
    pub const fn kind_of(class: Class, event: u8, args: usize) -> u64 {
        Self::kind(class as u8, event, args + 1)
    }

    /// The header word of an event of `kind` at `time` in `lap`.
    #[inline(always)]
    pub(crate) const fn word(kind: u64, time: u64, lap: u64) -> u64 {
        time << (u64::BITS - TIME_BITS) | kind | (lap % LAPS)
    }

    /// Takes a word apart; any word is a header of some sort.
    pub const fn from_word(word: u64) -> EventHeader {
        EventHeader {
            time: word >> (u64::BITS - TIME_BITS),
            length: (word >> LENGTH_SHIFT) as usize & 0x3f,
            class: (word >> CLASS_SHIFT) as u8 & 0x3f,
            event: (word >> EVENT_SHIFT) as u8,
            lap: (word % LAPS) as u8,
        }
    }
}
