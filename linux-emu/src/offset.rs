//! Where the next read or write of an open file begins.
//!
//! As long as a process has an open file for itself, its offset is here and costs no call. A fork (or whatever else
//! gives the file to a second process) publishes it first: from then on the server's is the one that counts, for both.
//! Threads of one process take turns: who has taken the offset alone moves it.

use crate::port;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_api::files::OpenFileClient;

/// The offset is the server's.
const SERVER: u64 = u64::MAX;
/// A thread has taken it.
const TAKEN: u64 = u64::MAX - 1;

/// See the module's description.
pub struct Offset {
    word: AtomicU64,
    /// What the server has.
    told: AtomicU64,
}

impl Offset {
    /// Kept by the server.
    pub const fn at_server() -> Self {
        Self {
            word: AtomicU64::new(SERVER),
            told: AtomicU64::new(0),
        }
    }

    /// Kept here; the file has just been opened.
    pub const fn local() -> Self {
        Self {
            word: AtomicU64::new(0),
            told: AtomicU64::new(0),
        }
    }

    /// Takes the offset, if it is kept here; waits for another thread that has it.
    #[inline]
    pub fn take(&self) -> Option<Taken<'_>> {
        loop {
            match self.word.load(Ordering::Relaxed) {
                SERVER => return None,
                TAKEN => port::yield_now(),
                at => {
                    let taken = self.word.compare_exchange_weak(
                        at,
                        TAKEN,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    );
                    if taken.is_ok() {
                        return Some(Taken { offset: self, at });
                    }
                }
            }
        }
    }

    /// Whether it is kept here: no other process has the file.
    #[inline]
    pub fn is_local(&self) -> bool {
        self.word.load(Ordering::Relaxed) != SERVER
    }

    /// Gives the offset to the server, for good.
    pub fn publish(&self, file: OpenFileClient) {
        let Some(taken) = self.take() else { return };
        if taken.at != self.told.load(Ordering::Relaxed) {
            // It was an offset of this file, so the server takes it; if the file is gone it does not matter.
            let _ = file.seek(taken.at as i64, 0);
        }
        core::mem::forget(taken);
        self.word.store(SERVER, Ordering::Release);
    }
}

/// The offset, taken; given back when dropped.
pub struct Taken<'a> {
    offset: &'a Offset,
    /// Where it is; may be changed.
    pub at: u64,
}

impl Taken<'_> {
    /// The server has moved its own to where this one is.
    pub fn note_told(&self) {
        self.offset.told.store(self.at, Ordering::Relaxed);
    }
}

impl Drop for Taken<'_> {
    #[inline]
    fn drop(&mut self) {
        self.offset.word.store(self.at, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k42_abi::{Handle, ProcessId};

    #[test]
    fn it_moves_and_is_given_away() {
        let offset = Offset::local();
        offset.take().unwrap().at += 7;
        assert_eq!(offset.take().unwrap().at, 7);
        let mut taken = offset.take().unwrap();
        taken.at = 9;
        taken.note_told();
        drop(taken);
        // The server has it already: no call is made.
        offset.publish(OpenFileClient::new(ProcessId::KFS, Handle(1)));
        assert!(offset.take().is_none());
        assert!(Offset::at_server().take().is_none());
    }
}
