//! The part of the client stub that does not depend on the interface.

use crate::message::{extra_bytes, get_words, put_words, reply_base};
use crate::transport::Slot;
use crate::{Error, Handle, ProcessId, Result};
use k42_abi::message::{CallWord, REGISTER_WORDS, SLOT_SIZE};

/// A call that lives in registers only; `words` are the arguments, then the result.
#[inline]
pub fn call_registers(
    target: ProcessId,
    handle: Handle,
    method: u16,
    words: &mut [u64; REGISTER_WORDS],
) -> Result<()> {
    let (status, _) = crate::transport::call_registers(target, handle, method, words);
    Error::check(status).map(|_| ())
}

/// A call with slices, or with more words than fit in registers, and without bulk data back.
/// `words` holds `count` arguments; the first `back_count` of `back` are the result.
#[allow(clippy::too_many_arguments, reason = "called by generated code only")]
pub fn call_pieces(
    target: ProcessId,
    handle: Handle,
    method: u16,
    words: &mut [u64],
    count: usize,
    pieces: &[&[u8]],
    back: &mut [u64],
    back_count: usize,
) -> Result<()> {
    let mut slot = Slot::take();
    let length = fill(slot.bytes_mut(), words, count, pieces)?;
    let (status, reply_length) = transfer(&mut slot, target, handle, method, words, length);
    Error::check(status)?;
    take_words(words, slot.bytes(), 0, reply_length, back, back_count)
}

/// A call that brings bulk data back: the number of bytes in `out`, beside an error as well.
#[allow(clippy::too_many_arguments, reason = "called by generated code only")]
pub fn call_out(
    target: ProcessId,
    handle: Handle,
    method: u16,
    words: &mut [u64],
    count: usize,
    pieces: &[&[u8]],
    room_at: usize,
    out: &mut [u8],
    back: &mut [u64],
    back_count: usize,
) -> core::result::Result<usize, (Error, usize)> {
    let plain = |error| (error, 0);
    let mut slot = Slot::take();
    let length = request_length(count, pieces).map_err(plain)?;
    let start = reply_base(length) + extra_bytes(back_count);
    let room = SLOT_SIZE
        .checked_sub(start)
        .ok_or((Error::E2BIG, 0))?
        .min(out.len());
    words[room_at] = room as u64;
    fill(slot.bytes_mut(), words, count, pieces).map_err(plain)?;
    let (status, reply_length) = transfer(&mut slot, target, handle, method, words, length);
    // A server that fills more than was asked for is not believed.
    let filled = reply_length.saturating_sub(start);
    if filled > room {
        return Err((Error::EIO, 0));
    }
    out[..filled].copy_from_slice(&slot.bytes()[start..start + filled]);
    Error::check(status).map_err(|error| (error, filled))?;
    take_words(
        words,
        slot.bytes(),
        reply_base(length),
        reply_length,
        back,
        back_count,
    )
    .map_err(|e| (e, filled))?;
    Ok(filled)
}

fn request_length(count: usize, pieces: &[&[u8]]) -> Result<usize> {
    let length = pieces.iter().fold(extra_bytes(count), |sum, piece| {
        sum.saturating_add(piece.len())
    });
    if length <= SLOT_SIZE {
        Ok(length)
    } else {
        Err(Error::E2BIG)
    }
}

/// Puts extra words and pieces into the slot; the length of the payload.
fn fill(
    slot: &mut [u8; SLOT_SIZE],
    words: &[u64],
    count: usize,
    pieces: &[&[u8]],
) -> Result<usize> {
    let length = request_length(count, pieces)?;
    let mut at = extra_bytes(count);
    put_words(
        &mut slot[..at],
        words.get(REGISTER_WORDS..).unwrap_or_default(),
    );
    for piece in pieces {
        slot[at..at + piece.len()].copy_from_slice(piece);
        at += piece.len();
    }
    Ok(length)
}

/// Makes the call; status and length of the reply's payload (at most the slot).
fn transfer(
    slot: &mut Slot,
    target: ProcessId,
    handle: Handle,
    method: u16,
    words: &mut [u64],
    length: usize,
) -> (i64, usize) {
    let mut registers = [0; REGISTER_WORDS];
    registers.copy_from_slice(&words[..REGISTER_WORDS]);
    // `length` is at most SLOT_SIZE, which fits.
    let word = CallWord::new(method, slot.index(), length as u16);
    let (status, reply) = crate::transport::call(slot, target, handle, word, &mut registers);
    words[..REGISTER_WORDS].copy_from_slice(&registers);
    (status, reply.length().min(SLOT_SIZE))
}

/// Collects the result's words: registers, then what lies at `base` of the payload.
fn take_words(
    registers: &[u64],
    slot: &[u8],
    base: usize,
    length: usize,
    back: &mut [u64],
    count: usize,
) -> Result<()> {
    back[..REGISTER_WORDS].copy_from_slice(&registers[..REGISTER_WORDS]);
    let extra = extra_bytes(count);
    if extra > 0 {
        if length < base + extra {
            return Err(Error::BAD_MESSAGE);
        }
        get_words(&mut back[REGISTER_WORDS..], &slot[base..base + extra]);
    }
    Ok(())
}
