//! Large transfers through a pipe: the library moves the data between the program and the pipe's ring by itself, and KFS
//! says which piece of the ring it may use. Who may not have the ring, or moves little, goes on with messages.

use crate::event::{self, Source};
use crate::file::{FileRef, OpenFile};
use crate::thread::Thread;
use crate::user::{self, User};
use k42_abi::{Error, Result};

/// Bytes of a ring.
pub const BYTES: u64 = 65536;
/// Transfers from this size on go by the ring; what a pipe takes whole is less.
pub const LEAST: usize = 4097;

/// Reads from the ring: how much, or `None` if there is none.
pub fn read(thread: &Thread, file: &FileRef, to: User, count: usize) -> Option<Result<usize>> {
    let ring = file.window.ring(file)?;
    let (at, held) = match hold(thread, file, count, false) {
        Ok(piece) => piece,
        Err(error) => return Some(Err(error)),
    };
    if held == 0 {
        return Some(Ok(0));
    }
    let done = around(at, held, |at, done, bytes| {
        user::copy_from_window(to.add(done as u64), ring + at, bytes)
    });
    Some(finish(file, done, false))
}

/// Writes to the ring, until all is written or there is a reason to stop; `None` if there is none, or only little is left.
pub fn write(thread: &Thread, file: &FileRef, from: User, count: usize) -> Option<Result<usize>> {
    let ring = file.window.ring(file)?;
    let (at, held) = match hold(thread, file, count, true) {
        Ok(piece) => piece,
        Err(error) => return Some(Err(error)),
    };
    let done = around(at, held, |at, done, bytes| {
        user::copy_to_window(ring + at, from.add(done as u64), bytes)
    });
    Some(finish(file, done, true))
}

fn hold(thread: &Thread, file: &FileRef, count: usize, write: bool) -> Result<(u64, usize)> {
    let source = Source::File(file.server, file.handle);
    let wanted = count.min(BYTES as usize) as u32;
    let client = file.client();
    let [at, held] = event::blocking(thread, source, file.non_blocking(), || {
        client.hold(wanted, write)
    })?;
    if at >= BYTES || held > u64::from(wanted) {
        return Err(Error::EIO);
    }
    Ok((at, held as usize))
}

/// Moves `held` bytes from `at` on, round the ring; how many went.
fn around(at: u64, held: usize, mut copy: impl FnMut(u64, usize, usize) -> usize) -> usize {
    let first = held.min((BYTES - at) as usize);
    let done = copy(at, 0, first);
    if done < first || first == held {
        return done;
    }
    done + copy(0, done, held - first)
}

fn finish(file: &OpenFile, done: usize, write: bool) -> Result<usize> {
    file.client().release(done as u32, write)?;
    if done == 0 {
        Err(Error::EFAULT)
    } else {
        Ok(done)
    }
}
