//! Bytes as words of one byte order.

use crate::region::BYTE_ORDER;

/// Bytes that hold words.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl<'a> Words<'a> {
    /// Finds the byte order by the first two words, of which the first must be `magic`.
    pub(super) fn find(bytes: &'a [u8], magic: u64) -> Option<Words<'a>> {
        [false, true]
            .map(|big| Words { bytes, big })
            .into_iter()
            .find(|words| words.get(0) == Some(magic) && words.get(1) == Some(BYTE_ORDER))
    }

    /// Whether the highest byte comes first.
    pub(super) fn big(self) -> bool {
        self.big
    }

    pub(super) fn get(self, place: usize) -> Option<u64> {
        let bytes = self
            .bytes
            .get(place.checked_mul(8)?..)?
            .first_chunk::<8>()?;
        Some(from_bytes(*bytes, self.big))
    }

    /// The words from one on, at most `length` of them.
    pub(super) fn part(self, first: usize, length: usize) -> Words<'a> {
        let bytes = self
            .bytes
            .get(first.saturating_mul(8)..)
            .unwrap_or_default();
        Words {
            bytes: bytes.get(..length.saturating_mul(8)).unwrap_or(bytes),
            ..self
        }
    }

    /// Whole words.
    pub(super) fn len(self) -> usize {
        self.bytes.len() / 8
    }
}

pub(super) fn from_bytes(bytes: [u8; 8], big: bool) -> u64 {
    if big {
        u64::from_be_bytes(bytes)
    } else {
        u64::from_le_bytes(bytes)
    }
}

pub(super) fn to_bytes(word: u64, big: bool) -> [u8; 8] {
    if big {
        word.to_be_bytes()
    } else {
        word.to_le_bytes()
    }
}
