//! Room for the bulk data of a reply.

use crate::{Error, Result};

/// Room for the bulk data of a reply: filled by the server, no larger than the client asked for.
pub struct OutBuf<'a> {
    buffer: &'a mut [u8],
    filled: usize,
}

impl<'a> OutBuf<'a> {
    /// An empty reply over `buffer`.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, filled: 0 }
    }
    /// Bytes that still fit.
    #[inline]
    pub fn room(&self) -> usize {
        self.buffer.len() - self.filled
    }
    /// Appends all of `bytes`, or nothing and `Error::ERANGE`.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let end = self.filled + bytes.len();
        let room = self.buffer.get_mut(self.filled..end).ok_or(Error::ERANGE)?;
        room.copy_from_slice(bytes);
        self.filled = end;
        Ok(())
    }
    /// The bytes not yet filled, for filling in place; then [`advance`](Self::advance).
    #[inline]
    pub fn spare(&mut self) -> &mut [u8] {
        &mut self.buffer[self.filled..]
    }
    /// Counts `bytes` of the spare room as filled (at most all of it).
    #[inline]
    pub fn advance(&mut self, bytes: usize) {
        self.filled = (self.filled + bytes).min(self.buffer.len());
    }
    /// What has been filled.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }
}
