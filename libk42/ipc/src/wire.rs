//! Values that travel in a call as 64-bit words, each checked when it is read.

use crate::{Error, Handle, ProcessId, Result};

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
            #[inline]
            fn put(&self, words: &mut [u64]) {
                words[0] = *self as u64;
            }
            #[inline]
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
    #[inline]
    fn put(&self, _: &mut [u64]) {}
    #[inline]
    fn get(_: &[u64]) -> Result<Self> {
        Ok(())
    }
}

impl Wire for bool {
    const WORDS: usize = 1;
    #[inline]
    fn put(&self, words: &mut [u64]) {
        words[0] = *self as u64;
    }
    #[inline]
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
    #[inline]
    fn put(&self, words: &mut [u64]) {
        words[0] = self.0;
    }
    #[inline]
    fn get(words: &[u64]) -> Result<Self> {
        Ok(Self(words[0]))
    }
}

impl Wire for ProcessId {
    const WORDS: usize = 1;
    #[inline]
    fn put(&self, words: &mut [u64]) {
        words[0] = u64::from(self.0);
    }
    #[inline]
    fn get(words: &[u64]) -> Result<Self> {
        u32::get(words).map(Self)
    }
}

impl<const N: usize> Wire for [u64; N] {
    const WORDS: usize = N;
    #[inline]
    fn put(&self, words: &mut [u64]) {
        words.copy_from_slice(self);
    }
    #[inline]
    fn get(words: &[u64]) -> Result<Self> {
        words.try_into().map_err(|_| Error::BAD_MESSAGE)
    }
}

impl Wire for usize {
    const WORDS: usize = 1;
    #[inline]
    fn put(&self, words: &mut [u64]) {
        words[0] = *self as u64;
    }
    #[inline]
    fn get(words: &[u64]) -> Result<Self> {
        Self::try_from(words[0]).map_err(|_| Error::BAD_MESSAGE)
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
            #[inline]
            fn put(&self, words: &mut [u64]) {
                let mut at = 0;
                $($crate::Wire::put(&self.$field, &mut words[at..at + <$t as $crate::Wire>::WORDS]);
                  at += <$t as $crate::Wire>::WORDS;)*
                let _ = at;
            }
            #[inline]
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

/// Declares an enumeration that travels as one word; a number that it does not have is BAD_MESSAGE.
#[macro_export]
macro_rules! wire_enum {
    ($(#[$meta:meta])* pub enum $name:ident: $repr:ty { $($(#[$vmeta:meta])* $variant:ident = $value:expr,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr($repr)]
        pub enum $name { $($(#[$vmeta])* $variant = $value,)* }
        impl $crate::Wire for $name {
            const WORDS: usize = 1;
            #[inline]
            fn put(&self, words: &mut [u64]) {
                words[0] = *self as $repr as u64;
            }
            #[inline]
            fn get(words: &[u64]) -> $crate::Result<Self> {
                $(if words[0] == $value as $repr as u64 { return Ok(Self::$variant); })*
                Err($crate::Error::BAD_MESSAGE)
            }
        }
    };
}
