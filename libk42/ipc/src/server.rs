//! The part of the server skeleton that does not depend on the interface.

use crate::message::{extra_bytes, put_words, reply_base};
use crate::{Error, Reply, Result, Wire};
use k42_abi::message::REGISTER_WORDS;

pub use crate::message::{open, registers};

/// Packs the result of a method without bulk data. `WORDS` is `T::WORDS`.
#[inline(always)]
pub fn reply<T: Wire, const WORDS: usize>(
    registers: &mut [u64; REGISTER_WORDS],
    slot: &mut [u8],
    result: Result<T>,
) -> Reply {
    match result {
        Ok(value) => pack::<T, WORDS>(registers, slot, &value, 0, 0),
        Err(error) => Reply::error(error),
    }
}

/// Packs the result of a method that has filled `filled` bytes of its `OutBuf`; they go back beside an
/// error too. `length` is that of the request's payload.
#[inline(always)]
pub fn reply_out<T: Wire, const WORDS: usize>(
    registers: &mut [u64; REGISTER_WORDS],
    slot: &mut [u8],
    length: usize,
    result: Result<T>,
    filled: usize,
) -> Reply {
    let base = reply_base(length);
    match result {
        Ok(value) => pack::<T, WORDS>(registers, slot, &value, base, filled),
        Err(error) if filled == 0 => Reply::error(error),
        Err(error) => Reply::new(error.status(), base + extra_bytes(WORDS) + filled),
    }
}

#[inline(always)]
fn pack<T: Wire, const WORDS: usize>(
    registers: &mut [u64; REGISTER_WORDS],
    slot: &mut [u8],
    value: &T,
    base: usize,
    filled: usize,
) -> Reply {
    if const { WORDS <= REGISTER_WORDS } {
        value.put(&mut registers[..WORDS]);
    } else {
        let mut words = [0; WORDS];
        value.put(&mut words);
        let (first, extra) = words.split_at(REGISTER_WORDS);
        registers.copy_from_slice(first);
        let Some(room) = slot.get_mut(base..base + extra_bytes(WORDS)) else {
            return Reply::error(Error::BAD_MESSAGE);
        };
        put_words(room, extra);
    }
    let length = if extra_bytes(WORDS) + filled > 0 {
        base + extra_bytes(WORDS) + filled
    } else {
        0
    };
    Reply::new(0, length)
}
