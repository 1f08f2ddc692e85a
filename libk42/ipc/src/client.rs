//! The part of the client stub that does not depend on the interface.

use crate::message::{extra_bytes, get_words, put_words, reply_base};
use crate::transport::Slot;
use crate::{Error, Handle, ProcessId, Result};
use k42_abi::message::{CallWord, REGISTER_WORDS, SLOT_SIZE};

/// A call that lives in registers only: the argument words, then the result's.
#[inline(always)]
pub fn call_registers(
    target: ProcessId,
    handle: Handle,
    method: u16,
    words: [u64; REGISTER_WORDS],
) -> Result<[u64; REGISTER_WORDS]> {
    let (status, _, words) = crate::transport::call_registers(target, handle, method, words);
    check(status)?;
    Ok(words)
}

/// As [`Error::check`], with the error out of the way.
#[inline(always)]
fn check(status: i64) -> Result<()> {
    #[cold]
    fn refused(status: i64) -> Error {
        Error::check(status).err().unwrap_or(Error::EIO)
    }
    if status >= 0 {
        Ok(())
    } else {
        Err(refused(status))
    }
}

/// A call with slices, or with more words than fit in registers, and without bulk data back: `N` argument words, `M`
/// result words (or five, if there are fewer).
#[inline]
pub fn call_pieces<const N: usize, const M: usize, const P: usize>(
    target: ProcessId,
    handle: Handle,
    method: u16,
    words: &[u64; N],
    pieces: [&[u8]; P],
) -> Result<[u64; M]> {
    let mut slot = Slot::take();
    let length = fill(slot.bytes_mut(), words, pieces)?;
    let word = CallWord::new(method, slot.index(), length);
    let first = *words.first_chunk().ok_or(Error::BAD_MESSAGE)?;
    let mut back = [0; M];
    if const { M <= REGISTER_WORDS } {
        let (status, _, first) = slot.call_last(target, handle, word, first);
        check(status)?;
        back.copy_from_slice(&first);
    } else {
        let (status, reply, first) = slot.call(target, handle, word, first);
        check(status)?;
        take_words(&mut back, first, slot.bytes(), 0, reply.length())?;
    }
    Ok(back)
}

/// A call that brings bulk data back: the number of bytes in `out`, beside an error as well. Argument word `room_at` is
/// that of the room, which is put in here. `M` as in [`call_pieces`].
#[inline]
#[allow(clippy::too_many_arguments, reason = "called by generated code only")]
pub fn call_out<const N: usize, const M: usize, const P: usize>(
    target: ProcessId,
    handle: Handle,
    method: u16,
    mut words: [u64; N],
    pieces: [&[u8]; P],
    room_at: usize,
    out: &mut [u8],
) -> core::result::Result<([u64; M], usize), (Error, usize)> {
    let plain = |error| (error, 0);
    let mut slot = Slot::take();
    let length = request_length(extra_bytes(N), &pieces).map_err(plain)?;
    let start = reply_base(length) + extra_bytes(M);
    let room = SLOT_SIZE
        .checked_sub(start)
        .ok_or((Error::E2BIG, 0))?
        .min(out.len());
    words[room_at] = room as u64;
    let length = fill(slot.bytes_mut(), &words, pieces).map_err(plain)?;
    let word = CallWord::new(method, slot.index(), length);
    let first = *words.first_chunk().ok_or((Error::BAD_MESSAGE, 0))?;
    let (status, reply, first) = slot.call(target, handle, word, first);
    // A server that fills more than was asked for is not believed.
    let filled = reply.length().saturating_sub(start);
    if filled > room {
        return Err((Error::EIO, 0));
    }
    out[..filled].copy_from_slice(&slot.bytes()[start..start + filled]);
    check(status).map_err(|error| (error, filled))?;
    let mut back = [0; M];
    let base = reply_base(usize::from(length));
    take_words(&mut back, first, slot.bytes(), base, reply.length()).map_err(|e| (e, filled))?;
    Ok((back, filled))
}

#[inline(always)]
fn request_length(extra: usize, pieces: &[&[u8]]) -> Result<usize> {
    let length = pieces
        .iter()
        .fold(extra, |sum, piece| sum.saturating_add(piece.len()));
    if length <= SLOT_SIZE {
        Ok(length)
    } else {
        Err(Error::E2BIG)
    }
}

/// Puts extra words and pieces into the slot; the length of the payload.
#[inline(always)]
fn fill<const N: usize, const P: usize>(
    slot: &mut [u8; SLOT_SIZE],
    words: &[u64; N],
    pieces: [&[u8]; P],
) -> Result<u16> {
    let mut at = extra_bytes(N);
    let length = request_length(at, &pieces)?;
    put_words(
        &mut slot[..at],
        words.get(REGISTER_WORDS..).unwrap_or_default(),
    );
    for piece in pieces {
        slot[at..at + piece.len()].copy_from_slice(piece);
        at += piece.len();
    }
    // At most SLOT_SIZE, which fits.
    Ok(length as u16)
}

/// Collects the result's words: registers, then what lies at `base` of the payload.
#[inline(always)]
fn take_words<const M: usize>(
    back: &mut [u64; M],
    registers: [u64; REGISTER_WORDS],
    slot: &[u8; SLOT_SIZE],
    base: usize,
    length: usize,
) -> Result<()> {
    let extra = extra_bytes(M);
    back[..REGISTER_WORDS].copy_from_slice(&registers);
    if extra > 0 {
        let end = base + extra;
        let bytes = slot.get(base..end).filter(|_| end <= length);
        get_words(
            &mut back[REGISTER_WORDS..],
            bytes.ok_or(Error::BAD_MESSAGE)?,
        );
    }
    Ok(())
}
