//! Interfaces over protected calls.
//!
//! An interface is one Rust trait marked `#[interface]`. In the trait, the first parameter after
//! `&self` is always `caller: &Caller` (who calls; supplied by the kernel, not by the client). The
//! others may be integers, `bool`, types that are [`Wire`], `&[u8]`, `&str`, and at most one
//! `out: &mut OutBuf<'_>`, which carries bulk data back. Results are `Result<T>` with `T: Wire`.

#![no_std]

pub use k42_abi::{Error, Handle, ProcessId, Result};
pub use k42_ipc_macros::interface;

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

/// A value that travels in a call: written as 64-bit words in a fixed number.
pub trait Wire: Sized {
    /// How many words.
    const WORDS: usize;
    /// Writes the value; `words` has `WORDS` elements.
    fn put(&self, words: &mut [u64]);
    /// Reads and checks a value; what is out of range is `Error::BAD_MESSAGE`.
    fn get(words: &[u64]) -> Result<Self>;
}

macro_rules! wire_integer {
    ($($t:ty),*) => {$(
        impl Wire for $t {
            const WORDS: usize = 1;
            fn put(&self, words: &mut [u64]) {
                words[0] = *self as u64;
            }
            fn get(words: &[u64]) -> Result<Self> {
                let value = words[0] as $t;
                if value as u64 == words[0] { Ok(value) } else { Err(Error::BAD_MESSAGE) }
            }
        }
    )*};
}
wire_integer!(u8, u16, u32, u64, i8, i16, i32, i64);

impl Wire for () {
    const WORDS: usize = 0;
    fn put(&self, _: &mut [u64]) {}
    fn get(_: &[u64]) -> Result<Self> {
        Ok(())
    }
}

impl Wire for bool {
    const WORDS: usize = 1;
    fn put(&self, words: &mut [u64]) {
        words[0] = *self as u64;
    }
    fn get(words: &[u64]) -> Result<Self> {
        match words[0] {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::BAD_MESSAGE),
        }
    }
}

impl Wire for Handle {
    const WORDS: usize = 1;
    fn put(&self, words: &mut [u64]) {
        words[0] = self.0;
    }
    fn get(words: &[u64]) -> Result<Self> {
        Ok(Self(words[0]))
    }
}

impl Wire for ProcessId {
    const WORDS: usize = 1;
    fn put(&self, words: &mut [u64]) {
        words[0] = u64::from(self.0);
    }
    fn get(words: &[u64]) -> Result<Self> {
        u32::get(words).map(Self)
    }
}

impl<const N: usize> Wire for [u64; N] {
    const WORDS: usize = N;
    fn put(&self, words: &mut [u64]) {
        words.copy_from_slice(self);
    }
    fn get(words: &[u64]) -> Result<Self> {
        words.try_into().map_err(|_| Error::BAD_MESSAGE)
    }
}

/// Declares a structure that travels: plain named fields, each of them [`Wire`].
#[macro_export]
macro_rules! wire_struct {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident : $t:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$fmeta])* pub $field: $t,)* }
        impl $crate::Wire for $name {
            const WORDS: usize = 0 $(+ <$t as $crate::Wire>::WORDS)*;
            fn put(&self, words: &mut [u64]) {
                let mut at = 0;
                $($crate::Wire::put(&self.$field, &mut words[at..at + <$t as $crate::Wire>::WORDS]);
                  at += <$t as $crate::Wire>::WORDS;)*
                let _ = at;
            }
            fn get(words: &[u64]) -> $crate::Result<Self> {
                let mut at = 0;
                $(let $field = <$t as $crate::Wire>::get(&words[at..at + <$t as $crate::Wire>::WORDS])?;
                  at += <$t as $crate::Wire>::WORDS;)*
                let _ = at;
                Ok(Self { $($field,)* })
            }
        }
    };
}

/// Room for the bulk data of a reply: filled by the server, no larger than the client asked for.
pub struct OutBuf<'a> {
    buffer: &'a mut [u8],
    filled: usize,
}

impl<'a> OutBuf<'a> {
    /// An empty reply over `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, filled: 0 }
    }
    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.buffer.len() - self.filled
    }
    /// Appends all of `bytes`, or nothing and `Error::ERANGE`.
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.filled + bytes.len();
        let room = self.buffer.get_mut(self.filled..end).ok_or(Error::ERANGE)?;
        room.copy_from_slice(bytes);
        self.filled = end;
        Ok(())
    }
    /// The bytes not yet filled, for filling in place; then [`advance`](Self::advance).
    pub fn spare(&mut self) -> &mut [u8] {
        &mut self.buffer[self.filled..]
    }
    /// Counts `bytes` of the spare room as filled (at most all of it).
    pub fn advance(&mut self, bytes: usize) {
        self.filled = (self.filled + bytes).min(self.buffer.len());
    }
    /// What has been filled.
    pub fn filled(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }
}
