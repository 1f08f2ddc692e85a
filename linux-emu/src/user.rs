//! The program's memory, as seen from the library.
//!
//! Holding a [`User`] proves nothing: it is a number that the program supplied. Every access goes
//! through the functions here, which (1) refuse ranges that reach into the library's own area, so a
//! program cannot make the library read or write itself, and (2) survive a page that is not there:
//! the copy loops stand in known places, and a trap that comes from one of them becomes a
//! failed copy ([`crate::arch::user_copy`]). Never call them with a lock held that a fault handler
//! could want, and never while the dispatcher is disabled.

use crate::arch::user_copy as raw;
use alloc::vec::Vec;
use k42_abi::{Error, Result};

/// First address that the program cannot own.
#[cfg(target_os = "none")]
pub const LIMIT: u64 = k42_abi::layout::LIBRARY_BASE;
/// On the host the "program" is the test itself.
#[cfg(not(target_os = "none"))]
pub const LIMIT: u64 = 1 << 63;

/// An address that came from the program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[repr(transparent)]
pub struct User(pub u64);

impl User {
    /// The null pointer, which for most calls means "not wanted".
    pub const NULL: Self = Self(0);

    /// Whether this is the null pointer.
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }
    /// The address `bytes` further on; wraps as the program's own arithmetic would.
    #[must_use]
    pub const fn add(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }
    /// Checks that `bytes` from here lie in the program's part of the address space.
    pub fn check(self, bytes: usize) -> Result<()> {
        match self.0.checked_add(bytes as u64) {
            Some(end) if end <= LIMIT => Ok(()),
            _ => Err(Error::EFAULT),
        }
    }
}

/// Copies from the program.
pub fn copy_in(from: User, to: &mut [u8]) -> Result<()> {
    from.check(to.len())?;
    if raw::copy_in(from.0, to) {
        Ok(())
    } else {
        Err(Error::EFAULT)
    }
}

/// Copies to the program.
pub fn copy_out(to: User, from: &[u8]) -> Result<()> {
    to.check(from.len())?;
    if raw::copy_out(to.0, from) {
        Ok(())
    } else {
        Err(Error::EFAULT)
    }
}

/// Copies to the program from a window (see [`crate::window`]), either of which may fault; how much was copied.
pub fn copy_from_window(to: User, window: u64, bytes: usize) -> usize {
    if to.check(bytes).is_err() {
        return 0;
    }
    bytes - raw::copy_across(to.0, window, bytes)
}

/// Copies from the program to a window, either of which may fault; how much was copied.
pub fn copy_to_window(window: u64, from: User, bytes: usize) -> usize {
    if from.check(bytes).is_err() {
        return 0;
    }
    bytes - raw::copy_across(window, from.0, bytes)
}

/// Makes sure that `bytes` of the program's memory can be stored to, without changing them: before something is taken
/// that cannot be put back if the program's buffer is none.
pub fn probe(to: User, bytes: usize) -> Result<()> {
    to.check(bytes)?;
    let mut at = to.0 & !3;
    let end = to.0 + bytes as u64;
    while at < end {
        if !raw::touch_word(at) {
            return Err(Error::EFAULT);
        }
        at = (at & !4095) + 4096;
    }
    Ok(())
}

/// Zeroes memory of the program.
pub fn clear(to: User, bytes: usize) -> Result<()> {
    const ZEROES: [u8; 512] = [0; 512];
    to.check(bytes)?;
    let mut done = 0;
    while done < bytes {
        let now = (bytes - done).min(ZEROES.len());
        copy_out(to.add(done as u64), &ZEROES[..now])?;
        done += now;
    }
    Ok(())
}

/// Copies a NUL-terminated string; the result is its length without the NUL. `too_long` is the
/// error if no NUL is among the first `to.len()` bytes.
pub fn copy_string(from: User, to: &mut [u8], too_long: Error) -> Result<usize> {
    from.check(0)?;
    raw::copy_string(from.0, to).map_err(|error| match error {
        Error::ENAMETOOLONG => too_long,
        error => error,
    })
}

/// A string argument on the heap, at most `most` bytes long.
pub fn string(from: User, most: usize, too_long: Error) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut piece = [0u8; 256];
    loop {
        let at = from.add(out.len() as u64);
        let now = (4096 - (at.0 & 4095) as usize).min(piece.len());
        copy_in(at, &mut piece[..now])?;
        let end = piece[..now].iter().position(|&b| b == 0);
        let take = end.unwrap_or(now);
        if out.len() + take > most {
            return Err(too_long);
        }
        out.try_reserve(take).map_err(|_| Error::ENOMEM)?;
        out.extend_from_slice(&piece[..take]);
        if end.is_some() {
            return Ok(out);
        }
    }
}

/// `bytes` of the program's memory on the heap.
pub fn bytes(from: User, bytes: usize) -> Result<Vec<u8>> {
    from.check(bytes)?;
    let mut out = Vec::new();
    out.try_reserve_exact(bytes).map_err(|_| Error::ENOMEM)?;
    out.resize(bytes, 0);
    copy_in(from, &mut out)?;
    Ok(out)
}

macro_rules! words {
    ($($get:ident $put:ident $t:ty;)*) => {$(
        /// Loads one value.
        pub fn $get(from: User) -> Result<$t> {
            let mut buffer = [0; size_of::<$t>()];
            copy_in(from, &mut buffer)?;
            Ok(<$t>::from_ne_bytes(buffer))
        }
        /// Stores one value.
        pub fn $put(to: User, value: $t) -> Result<()> {
            copy_out(to, &value.to_ne_bytes())
        }
    )*};
}
words! {
    get_u64 put_u64 u64;
    get_i64 put_i64 i64;
    get_u32 put_u32 u32;
    get_i32 put_i32 i32;
    get_u16 put_u16 u16;
    get_u8 put_u8 u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_end_at_the_nul() {
        let text = b"hello\0world";
        let mut room = [0; 11];
        let at = User(text.as_ptr() as u64);
        assert_eq!(copy_string(at, &mut room, Error::ENAMETOOLONG), Ok(5));
        assert_eq!(
            copy_string(at, &mut room[..3], Error::ENAMETOOLONG),
            Err(Error::ENAMETOOLONG)
        );
    }

    #[test]
    fn ranges_that_leave_the_program_are_refused() {
        assert_eq!(copy_in(User(LIMIT - 1), &mut [0; 2]), Err(Error::EFAULT));
        assert_eq!(copy_out(User(u64::MAX), &[0; 2]), Err(Error::EFAULT));
        assert_eq!(User(u64::MAX).check(1), Err(Error::EFAULT));
    }

    #[test]
    fn probing_changes_nothing() {
        let mut words = [7u64; 1024];
        probe(User(&raw mut words as u64 + 3), 8000).unwrap();
        assert_eq!(words, [7; 1024]);
        assert_eq!(probe(User(LIMIT - 4), 8), Err(Error::EFAULT));
    }

    #[test]
    fn values_go_both_ways() {
        let mut word = 0u64;
        let at = User(&raw mut word as u64);
        put_u64(at, 0x0102_0304_0506_0708).unwrap();
        assert_eq!(get_u64(at), Ok(0x0102_0304_0506_0708));
    }
}
