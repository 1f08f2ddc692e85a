//! A call as the server sees it: registers, and a slot with the payload.

use crate::{Error, Handle, OutBuf, ProcessId, Result};
use k42_abi::message::REGISTER_WORDS;

/// Who makes a call.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The process, as the kernel vouches for it.
    pub process: ProcessId,
    /// Its dispatcher that made the call; the place to send asynchronous messages to.
    pub vp: u32,
    /// The handle that was used.
    pub handle: Handle,
    /// Rights that the handle carries.
    pub rights: u32,
}

/// A call that has arrived.
pub struct Incoming<'a> {
    /// Who calls.
    pub caller: Caller,
    /// Interface and method (`id << 8 | number`).
    pub method: u16,
    /// The words that came in registers; then those that go back in them. What a reply does not need stays what the
    /// client has sent.
    pub words: &'a mut [u64; REGISTER_WORDS],
    /// The message slot, whole; its first `length` bytes are the request's payload.
    pub slot: &'a mut [u8],
    /// Length of the payload. Never more than the slot has.
    pub length: usize,
}

/// What goes back beside the words of [`Incoming`]: a status, and the length of the payload in the slot of the call. One
/// word, so that it is handed on in a register.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Reply(i64);

/// Bits of a [`Reply`] that hold the length.
const LENGTH_BITS: u32 = 16;
const _: () = assert!(k42_abi::message::SLOT_SIZE < 1 << LENGTH_BITS);

impl Reply {
    /// Success with nothing to say.
    pub const OK: Self = Self::new(0, 0);

    /// `status` is zero or positive for success, else an error's; 47 bits of it are kept. `length` is at most that of a
    /// slot.
    #[inline]
    pub const fn new(status: i64, length: usize) -> Self {
        Self(status << LENGTH_BITS | length as i64)
    }
    /// A bare error.
    #[inline]
    pub const fn error(error: Error) -> Self {
        Self::new(error.status(), 0)
    }
    /// The status.
    #[inline]
    pub const fn status(self) -> i64 {
        self.0 >> LENGTH_BITS
    }
    /// Bytes of payload.
    #[inline]
    pub const fn length(self) -> usize {
        (self.0 & ((1 << LENGTH_BITS) - 1)) as usize
    }
    /// Whether the object did not know the method, so that another interface may be tried.
    pub fn is_no_method(&self) -> bool {
        self.status() == Error::NO_METHOD.status()
    }
}

impl core::fmt::Debug for Reply {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Reply({}, {} bytes)", self.status(), self.length())
    }
}

/// Where the bulk data of a reply starts: behind the request, on a word.
pub(crate) const fn reply_base(request_length: usize) -> usize {
    request_length.next_multiple_of(8)
}

/// Bytes that `words` words need beyond the registers.
pub(crate) const fn extra_bytes(words: usize) -> usize {
    words.saturating_sub(REGISTER_WORDS) * 8
}

/// The words of a message that has nothing but these.
#[inline(always)]
pub fn registers(length: usize) -> Result<()> {
    if length == 0 {
        Ok(())
    } else {
        Err(Error::BAD_MESSAGE)
    }
}

/// Checks the lengths and takes a message apart that has `N` argument words (or at most five) and slices.
#[inline(always)]
pub fn open<'a, const N: usize>(
    registers: &[u64; REGISTER_WORDS],
    slot: &'a mut [u8],
    length: usize,
) -> Result<([u64; N], Request<'a>)> {
    const { assert!(N >= REGISTER_WORDS) };
    let extra = extra_bytes(N);
    if length > slot.len() || extra > length {
        return Err(Error::BAD_MESSAGE);
    }
    let base = reply_base(length).min(slot.len());
    let (request, rest) = slot.split_at_mut(base);
    let (extra, pieces) = request[..length].split_at(extra);
    let mut words = [0; N];
    words[..REGISTER_WORDS].copy_from_slice(registers);
    get_words(&mut words[REGISTER_WORDS..], extra);
    let pieces = Pieces(pieces);
    Ok((words, Request { pieces, rest }))
}

/// Reads words in the kernel's order from the start of `bytes`, as many as there are.
#[inline(always)]
pub(crate) fn get_words(words: &mut [u64], bytes: &[u8]) {
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
}

/// Writes words to the start of `bytes`, as many as fit.
#[inline(always)]
pub(crate) fn put_words(bytes: &mut [u8], words: &[u64]) {
    for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *bytes = word.to_ne_bytes();
    }
}

/// A message taken apart.
pub struct Request<'a> {
    /// The slices and texts.
    pub pieces: Pieces<'a>,
    rest: &'a mut [u8],
}

impl<'a> Request<'a> {
    /// The room for bulk data behind the request and the result's `result_words`, at most `room`.
    #[inline]
    pub fn out(&mut self, room: u64, result_words: usize) -> Result<OutBuf<'a>> {
        let rest = core::mem::take(&mut self.rest);
        let (_, out) = rest
            .split_at_mut_checked(extra_bytes(result_words))
            .ok_or(Error::BAD_MESSAGE)?;
        let room = usize::try_from(room)
            .map_err(|_| Error::BAD_MESSAGE)?
            .min(out.len());
        Ok(OutBuf::new(&mut out[..room]))
    }
}

/// The bytes of a request that are slices and texts, taken one after the other.
pub struct Pieces<'a>(&'a [u8]);

impl<'a> Pieces<'a> {
    /// The next slice.
    #[inline]
    pub fn bytes(&mut self, length: u64) -> Result<&'a [u8]> {
        let length = usize::try_from(length).map_err(|_| Error::BAD_MESSAGE)?;
        let (piece, rest) = self.0.split_at_checked(length).ok_or(Error::BAD_MESSAGE)?;
        self.0 = rest;
        Ok(piece)
    }
    /// The next slice, as text.
    #[inline]
    pub fn text(&mut self, length: u64) -> Result<&'a str> {
        core::str::from_utf8(self.bytes(length)?).map_err(|_| Error::BAD_MESSAGE)
    }
    /// Nothing may be left over.
    #[inline]
    pub fn finish(&self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::BAD_MESSAGE)
        }
    }
}
