//! The form of a saved trace.
//!
//! ```text
//! file  = header, table of events (text, filled up with zeros to a whole word), chunks
//! chunk = CHUNK, what, index, value, payload
//! what  = kind:8 | side:8 | cpu:16 | words of payload:32
//! ```
//!
//! All words are in the byte order of the machine that was traced. A chunk's index is the place in its buffer, counted
//! for ever. A reader passes over chunks of a kind that it does not know.

use alloc::vec::Vec;

use super::words::{Words, to_bytes};
use super::{DecodeError, Table};
use crate::Side;
use crate::region::BYTE_ORDER;

/// `K42trace` turned round: a file, not a region.
const MAGIC: u64 = 0x6563_6172_7432_344b;
/// Version of the file's form.
pub(super) const VERSION: u64 = 1;
/// Begins each chunk.
const CHUNK: u64 = 0x4b34_3263_6875_6e6b;
const HEADER_WORDS: usize = 9;
pub(super) const CHUNK_WORDS: usize = 4;

/// Kinds of chunks.
pub(super) mod kind {
    /// The payload is a sub-buffer, or as much of it as there was at the end.
    pub(in super::super) const PIECE: u8 = 1;
    /// The value counts words that were overwritten before they could be read.
    pub(in super::super) const LOST: u8 = 2;
    /// The value counts events that found no room, since the chunk of this kind before.
    pub(in super::super) const DROPPED: u8 = 3;
    /// The buffer's own index went back: somebody has spoiled it.
    pub(in super::super) const SPOILED: u8 = 4;
    /// The machine's clock counts instructions, one a nanosecond.
    pub(in super::super) const COUNTED: u8 = 6;
    /// The payload is a [`Stack`](super::super::Stack): the value is the time, then come the addresses.
    pub(in super::super) const STACK: u8 = 7;
    /// The value is the address at which the kernel's image begins.
    pub(in super::super) const KERNEL: u8 = 8;
    /// The end: nothing was logged afterwards.
    pub(in super::super) const END: u8 = 5;
}

/// What a file says of the whole trace.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) cpus: u32,
    pub(super) clock_hz: u64,
    pub(super) boot_clock: u64,
    /// Words of a ring.
    pub(super) ring: u64,
    /// Words of a sub-buffer.
    pub(super) sub: u64,
}

/// A chunk without its payload.
#[derive(Clone, Copy)]
pub(super) struct Chunk {
    pub(super) kind: u8,
    pub(super) side: Side,
    pub(super) cpu: u32,
    pub(super) index: u64,
    pub(super) value: u64,
    /// Words.
    pub(super) payload: usize,
}

impl Head {
    /// Whether the sizes are possible, and which is not.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        if !(1..=4096).contains(&self.cpus) {
            return Err(DecodeError::BadHeader("number of CPUs"));
        }
        if !self.ring.is_power_of_two() || !(16..=1 << 29).contains(&self.ring) {
            return Err(DecodeError::BadHeader("size of buffers"));
        }
        if !self.sub.is_power_of_two() || !(8..=self.ring / 2).contains(&self.sub) {
            return Err(DecodeError::BadHeader("size of sub-buffers"));
        }
        Ok(())
    }

    /// Writes the beginning of a file.
    pub(super) fn write(&self, table: &[u8], big: bool, out: &mut Vec<u8>) {
        let words = [
            MAGIC,
            BYTE_ORDER,
            VERSION,
            u64::from(self.cpus),
            self.clock_hz,
            self.boot_clock,
            self.ring,
            self.sub,
            table.len() as u64,
        ];
        out.extend(words.iter().flat_map(|&word| to_bytes(word, big)));
        out.extend(table);
        out.resize(out.len().next_multiple_of(8), 0);
    }

    /// Reads the beginning of a file; the words behind it are the chunks.
    pub(super) fn read(bytes: &[u8]) -> Result<(Head, Table, Words<'_>), DecodeError> {
        if bytes.len() < HEADER_WORDS * 8 {
            return Err(DecodeError::TooShort);
        }
        let words = Words::find(bytes, MAGIC).ok_or(DecodeError::NotATrace)?;
        let field = |place| words.get(place).unwrap_or_default();
        if field(2) != VERSION {
            return Err(DecodeError::OtherVersion(field(2)));
        }
        let head = Head {
            cpus: u32::try_from(field(3)).unwrap_or(u32::MAX),
            clock_hz: field(4).max(1),
            boot_clock: field(5),
            ring: field(6),
            sub: field(7),
        };
        head.check()?;
        let length = usize::try_from(field(8)).unwrap_or(usize::MAX);
        let table = bytes[HEADER_WORDS * 8..]
            .get(..length)
            .ok_or(DecodeError::TableCutShort)?;
        let table = core::str::from_utf8(table)
            .ok()
            .and_then(Table::parse)
            .ok_or(DecodeError::BadHeader("table of events"))?;
        let chunks = words.part(HEADER_WORDS + length.div_ceil(8), usize::MAX);
        Ok((head, table, chunks))
    }
}

impl Chunk {
    /// A chunk about the whole trace.
    pub(super) fn about_all(kind: u8) -> Chunk {
        Chunk {
            kind,
            side: Side::Kernel,
            cpu: 0,
            index: 0,
            value: 0,
            payload: 0,
        }
    }

    /// Writes the chunk; its payload has to follow.
    pub(super) fn write(&self, big: bool, out: &mut Vec<u8>) {
        let what = u64::from(self.kind) << 56
            | (self.side as u64) << 48
            | u64::from(self.cpu) << 32
            | self.payload as u64;
        let words = [CHUNK, what, self.index, self.value];
        out.extend(words.iter().flat_map(|&word| to_bytes(word, big)));
    }

    /// Reads the chunk at a place, if there is one.
    pub(super) fn read(words: Words<'_>, place: usize, head: &Head) -> Option<Chunk> {
        let word = |n| words.get(place + n);
        if word(0)? != CHUNK {
            return None;
        }
        let (what, index, value) = (word(1)?, word(2)?, word(3)?);
        let side = match (what >> 48) as u8 {
            0 => Side::Kernel,
            1 => Side::User,
            _ => return None,
        };
        let chunk = Chunk {
            kind: (what >> 56) as u8,
            side,
            cpu: (what >> 32) as u32 & 0xffff,
            index,
            value,
            payload: what as u32 as usize,
        };
        (chunk.cpu < head.cpus && chunk.payload as u64 <= head.sub).then_some(chunk)
    }
}
