//! The part of the server skeleton that does not depend on the interface.

use crate::message::{extra_bytes, put_words, reply_base};
use crate::{Error, Incoming, Reply, Result, Wire};
use k42_abi::message::REGISTER_WORDS;

/// Packs the result of a method without bulk data. `WORDS` is `T::WORDS`.
pub fn reply<T: Wire, const WORDS: usize>(incoming: &mut Incoming<'_>, result: Result<T>) -> Reply {
    match result {
        Ok(value) => pack::<T, WORDS>(incoming, &value, 0, 0),
        Err(error) => Reply::error(error),
    }
}

/// Packs the result of a method that has filled `filled` bytes of its `OutBuf`; they go back beside an
/// error too.
pub fn reply_out<T: Wire, const WORDS: usize>(
    incoming: &mut Incoming<'_>,
    result: Result<T>,
    filled: usize,
) -> Reply {
    let base = reply_base(incoming.length);
    match result {
        Ok(value) => pack::<T, WORDS>(incoming, &value, base, filled),
        Err(error) if filled == 0 => Reply::error(error),
        Err(error) => Reply {
            length: base + extra_bytes(WORDS) + filled,
            ..Reply::error(error)
        },
    }
}

fn pack<T: Wire, const WORDS: usize>(
    incoming: &mut Incoming<'_>,
    value: &T,
    base: usize,
    filled: usize,
) -> Reply {
    let mut words = [0; WORDS];
    value.put(&mut words);
    let mut reply = Reply::OK;
    let (registers, extra) = words.split_at(WORDS.min(REGISTER_WORDS));
    reply.words[..registers.len()].copy_from_slice(registers);
    if !extra.is_empty() {
        let Some(room) = incoming.slot.get_mut(base..base + extra_bytes(WORDS)) else {
            return Reply::error(Error::BAD_MESSAGE);
        };
        put_words(room, extra);
    }
    if extra_bytes(WORDS) + filled > 0 {
        reply.length = base + extra_bytes(WORDS) + filled;
    }
    reply
}
