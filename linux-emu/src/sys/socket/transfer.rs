//! Data through sockets: from the program's buffers to messages to the server, and back.

use crate::event::{self, Source};
use crate::file::FileRef;
use crate::sys::io::{CHUNK, note_broken};
use crate::thread::Thread;
use crate::user::{self, User};
use k42_abi::{Error, Result};
use k42_api::files::FileKind;
use k42_api::sockets::{MESSAGE_MAX, Received, SocketClient, receive as how};

/// The program's buffers, one after the other.
pub type Buffers<'a> = &'a [(User, usize)];

/// MSG_* that matter here.
pub mod flag {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const MSG_OOB: u32 = 1;
    pub const MSG_PEEK: u32 = 2;
    pub const MSG_TRUNC: u32 = 0x20;
    pub const MSG_DONTWAIT: u32 = 0x40;
    pub const MSG_WAITALL: u32 = 0x100;
    pub const MSG_ERRQUEUE: u32 = 0x2000;
    pub const MSG_NOSIGNAL: u32 = 0x4000;
}

const _: () = assert!(MESSAGE_MAX == CHUNK);

fn client(file: &FileRef) -> SocketClient {
    SocketClient::new(file.server, file.handle)
}

fn total(buffers: Buffers<'_>) -> usize {
    buffers.iter().map(|(_, length)| length).sum()
}

/// Calls `each` with the parts of the buffers that make up bytes `start..start + bytes`, and where each lies among them.
fn parts(
    buffers: Buffers<'_>,
    start: usize,
    bytes: usize,
    mut each: impl FnMut(User, core::ops::Range<usize>) -> Result<()>,
) -> Result<()> {
    let (mut skip, mut done) = (start, 0);
    for &(base, length) in buffers {
        let from = skip.min(length);
        skip -= from;
        let now = (length - from).min(bytes - done);
        if now > 0 {
            each(base.add(from as u64), done..done + now)?;
            done += now;
        }
    }
    Ok(())
}

/// Sends what is in the buffers; of a stream, as much as an error, a signal or the flags let through.
pub fn send(thread: &Thread, file: &FileRef, buffers: Buffers<'_>, flags: u32) -> Result<usize> {
    if flags & flag::MSG_OOB != 0 {
        return Err(Error::EOPNOTSUPP);
    }
    let total = total(buffers);
    let stream = file.kind == FileKind::StreamSocket;
    if !stream && total > MESSAGE_MAX {
        return Err(Error::EMSGSIZE);
    }
    file.note_activity();
    crate::epoll::note_write();
    let now = file.non_blocking() || flags & flag::MSG_DONTWAIT != 0;
    let source = Source::File(file.server, file.handle);
    let client = client(file);
    let mut buffer = thread.scratch.bulk.borrow_mut();
    let mut done = 0;
    loop {
        let piece = (total - done).min(CHUNK);
        let sent = parts(buffers, done, piece, |from, at| {
            user::copy_in(from, &mut buffer[at])
        })
        .and_then(|()| event::blocking(thread, source, now, || client.send(&buffer[..piece])));
        match sent {
            Ok(sent) => done += (sent as usize).min(piece),
            Err(_) if done > 0 => return Ok(done),
            // Only streams signal.
            Err(error) if stream && flags & flag::MSG_NOSIGNAL == 0 => {
                return Err(note_broken(thread, error));
            }
            Err(error) => return Err(error),
        }
        if !stream || done >= total {
            return Ok(done);
        }
    }
}

/// Receives into the buffers: how many bytes lie there now, and how many the message had.
pub fn receive(
    thread: &Thread,
    file: &FileRef,
    buffers: Buffers<'_>,
    flags: u32,
) -> Result<(usize, usize)> {
    if flags & flag::MSG_OOB != 0 {
        return Err(Error::EOPNOTSUPP);
    }
    let stream = file.kind == FileKind::StreamSocket;
    let total = total(buffers);
    let peek = flags & flag::MSG_PEEK != 0;
    let now = file.non_blocking() || flags & flag::MSG_DONTWAIT != 0;
    let mut ways = if peek { how::PEEK } else { 0 };
    if now {
        ways |= how::NOW;
    }
    file.note_activity();
    let source = Source::File(file.server, file.handle);
    let client = client(file);
    let mut buffer = thread.scratch.bulk.borrow_mut();
    let mut done = 0;
    loop {
        let piece = (total - done).min(CHUNK);
        // What has been received cannot be put back if there is no place for it.
        if let Err(error) = parts(buffers, done, piece, |at, range| {
            user::probe(at, range.len())
        }) {
            return if done > 0 {
                Ok((done, done))
            } else {
                Err(error)
            };
        }
        let skip = if peek && stream { done as u32 } else { 0 };
        let mut ask = || {
            client
                .receive(skip, piece as u32, ways, &mut buffer[..piece])
                .map(|(received, _)| received)
                .map_err(|(error, _)| error)
        };
        let got = if done == 0 || flags & flag::MSG_WAITALL != 0 {
            event::blocking(thread, source, now, ask)
        } else {
            ask()
        };
        let Received { bytes, length } = match got {
            Ok(received) => received,
            Err(_) if done > 0 => return Ok((done, done)),
            Err(error) => return Err(error),
        };
        let bytes = (bytes as usize).min(piece);
        let copied = parts(buffers, done, bytes, |to, at| {
            user::copy_out(to, &buffer[at])
        });
        if let Err(error) = copied {
            return if done > 0 {
                Ok((done, done))
            } else {
                Err(error)
            };
        }
        done += bytes;
        if !stream {
            return Ok((done, length as usize));
        }
        let enough = bytes == 0 || bytes < piece && flags & flag::MSG_WAITALL == 0;
        if enough || done >= total {
            return Ok((done, done));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn parts_of_several_buffers() {
        let buffers = [(User(100), 3), (User(200), 0), (User(300), 5)];
        let seen = |start, bytes| {
            let mut all = Vec::new();
            parts(&buffers, start, bytes, |at, range| {
                all.push((at.0, range));
                Ok(())
            })
            .unwrap();
            all
        };
        assert_eq!(seen(0, 8), [(100, 0..3), (300, 3..8)]);
        assert_eq!(seen(2, 2), [(102, 0..1), (300, 1..2)]);
        assert_eq!(seen(3, 5), [(300, 0..5)]);
        assert_eq!(seen(8, 0), []);
        assert_eq!(seen(5, 1), [(302, 0..1)]);
    }
}
