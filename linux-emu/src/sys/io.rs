//! read, write and their relatives: one buffer, one file.
//!
//! A message carries at most [`CHUNK`] bytes, so long transfers are loops. What ends a loop early
//! (an error, end of file, a signal) only shows if nothing has been transferred before.

use crate::event::{self, Source};
use crate::file::{Backing, FileRef, OpenFile, flag};
use crate::offset::Taken;
use crate::process::PROCESS;
use crate::signal::{
    Info, code,
    set::number::{SIGPIPE, SIGXFSZ},
};
use crate::table::{Fd, In, Long, Out, Size};
use crate::thread::Thread;
use crate::user::{self, User};
use crate::{ring, window};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use k42_abi::{Error, Result};
use k42_api::files::{CURRENT, FileKind};

/// Most bytes that travel in one message. With the words of a call before them they must fit in a slot.
pub const CHUNK: usize = 8192;
/// Most bytes that one call transfers (Linux's MAX_RW_COUNT for 4 KiB pages).
pub const MOST: usize = 0x7fff_f000;

/// Whether a file has no offsets: one chunk that has come is an answer.
fn is_stream(file: &OpenFile) -> bool {
    matches!(
        file.kind,
        FileKind::Pipe | FileKind::Terminal | FileKind::Device
    )
}

/// The offset of `file`, taken, if that is what `offset` means and it is kept here.
pub fn own_offset(file: &OpenFile, offset: u64) -> Option<Taken<'_>> {
    if offset == CURRENT {
        file.offset.take()
    } else {
        None
    }
}

/// Reads up to `count` bytes of `file` at `offset` to `to`.
pub fn read_file(
    thread: &Thread,
    file: &FileRef,
    to: User,
    count: usize,
    offset: u64,
) -> Result<usize> {
    let Some(mut taken) = own_offset(file, offset) else {
        return read_at(thread, file, to, count, offset);
    };
    let done = read_at(thread, file, to, count, taken.at)?;
    taken.at += done as u64;
    Ok(done)
}

fn read_at(thread: &Thread, file: &FileRef, to: User, count: usize, offset: u64) -> Result<usize> {
    file.check_readable()?;
    to.check(count)?;
    let count = count.min(MOST);
    match (&file.backing, file.kind) {
        (Backing::Server, FileKind::Null) => return Ok(0),
        (Backing::Server, FileKind::Zero | FileKind::Full) => {
            return user::clear(to, count).map(|()| count);
        }
        (Backing::Server, FileKind::Directory) => return Err(Error::EISDIR),
        (Backing::Server, FileKind::Marker) => return Err(Error::EINVAL),
        (Backing::Server, _) => {}
        _ => return super::event_file::read(thread, file, to, count),
    }
    if file.kind.is_socket() {
        return super::socket::read(thread, file, &[(to, count)]).map(|n| n as usize);
    }
    if count == 0 {
        return Ok(0);
    }
    if file.kind == FileKind::Regular
        && offset != CURRENT
        && let Some(done) = window::read(file, to, count, offset)
    {
        return Ok(done);
    }
    if file.kind == FileKind::Pipe
        && count >= ring::LEAST
        && let Some(done) = ring::read(thread, file, to, count)
    {
        file.note_activity();
        return done;
    }
    let client = file.client();
    file.note_activity();
    if file.kind == FileKind::Terminal {
        return super::terminal::read(thread, file, to, count);
    }
    let mut buffer = thread.scratch.bulk.borrow_mut();
    let mut done = 0;
    loop {
        let wanted = (count - done).min(CHUNK);
        if is_stream(file)
            && let Err(error) = user::probe(to.add(done as u64), wanted)
        {
            return if done > 0 { Ok(done) } else { Err(error) };
        }
        let at = if offset == CURRENT {
            CURRENT
        } else {
            offset + done as u64
        };
        let ask = || {
            client
                .read(at, &mut buffer[..wanted])
                .map(|(_, length)| length)
                .map_err(|(error, _)| error)
        };
        let got = if done == 0 {
            event::blocking(
                thread,
                Source::File(file.server, file.handle),
                file.non_blocking(),
                ask,
            )
        } else {
            let mut ask = ask;
            ask()
        };
        let got = match got {
            Ok(got) => got,
            Err(_) if done > 0 => return Ok(done),
            Err(error) => return Err(error),
        };
        if let Err(error) = user::copy_out(to.add(done as u64), &buffer[..got]) {
            if offset == CURRENT && !is_stream(file) {
                // What could not be handed over has not been read.
                let _ = client.seek(-(got as i64), 1);
            }
            return if done > 0 { Ok(done) } else { Err(error) };
        }
        done += got;
        if file.kind == FileKind::Pipe {
            file.window.note_moved(got);
        }
        if done == count || got < wanted {
            return Ok(done);
        }
    }
}

/// Writes `count` bytes from `from` to `file` at `offset`.
pub fn write_file(
    thread: &Thread,
    file: &FileRef,
    from: User,
    count: usize,
    offset: u64,
) -> Result<usize> {
    let Some(mut taken) = own_offset(file, offset) else {
        return write_at(thread, file, from, count, offset);
    };
    let done = write_at(thread, file, from, count, taken.at)?;
    taken.at += done as u64;
    Ok(done)
}

fn write_at(
    thread: &Thread,
    file: &FileRef,
    from: User,
    count: usize,
    offset: u64,
) -> Result<usize> {
    file.check_writable()?;
    from.check(count)?;
    let count = count.min(MOST);
    match (&file.backing, file.kind) {
        (Backing::Server, FileKind::Null | FileKind::Zero) => return Ok(count),
        (Backing::Server, FileKind::Full) => {
            return if count == 0 {
                Ok(0)
            } else {
                Err(Error::ENOSPC)
            };
        }
        (Backing::Server, FileKind::Marker) => return super::marker::write(thread, from, count),
        (Backing::Server, _) => {}
        _ => return super::event_file::write(thread, file, from, count),
    }
    if file.kind.is_socket() {
        return super::socket::write(thread, file, &[(from, count)]).map(|n| n as usize);
    }
    if count == 0 {
        return Ok(0);
    }
    file.note_activity();
    if is_stream(file) {
        crate::epoll::note_write();
    }
    let count = match file.kind {
        FileKind::Regular => within_limit(thread, file, count, offset)?,
        _ => count,
    };
    if file.kind == FileKind::Regular && offset != CURRENT {
        if let Some(done) = window::write(file, from, count, offset) {
            return Ok(done);
        }
        window::note_write(file);
    }
    let mut done = 0;
    if file.kind == FileKind::Pipe {
        while count - done >= ring::LEAST
            && let Some(sent) = ring::write(thread, file, from.add(done as u64), count - done)
        {
            match sent.map_err(|error| note_broken(thread, error)) {
                Ok(sent) => done += sent,
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            }
        }
        if done == count {
            return Ok(done);
        }
    }
    let mut buffer = thread.scratch.bulk.borrow_mut();
    loop {
        let piece = (count - done).min(CHUNK);
        let sent = user::copy_in(from.add(done as u64), &mut buffer[..piece])
            .and_then(|()| write_piece(thread, file, &buffer[..piece], offset, done));
        match sent {
            Ok(sent) => done += sent,
            Err(_) if done > 0 => return Ok(done),
            Err(error) => return Err(error),
        }
        if file.kind == FileKind::Pipe {
            file.window.note_moved(piece);
        }
        if done >= count {
            return Ok(done);
        }
    }
}

/// RLIMIT_FSIZE: how much of a write to a regular file is allowed. Nothing at all is EFBIG and SIGXFSZ.
fn within_limit(thread: &Thread, file: &FileRef, count: usize, offset: u64) -> Result<usize> {
    let limit = PROCESS.file_size_limit.load(Ordering::Relaxed);
    if limit == u64::MAX {
        return Ok(count);
    }
    let at = if file.flags() & flag::O_APPEND != 0 {
        file.client().attributes()?.size
    } else if offset == CURRENT {
        super::descriptor::position(file)?
    } else {
        offset
    };
    if at >= limit {
        let info = Info {
            signal: SIGXFSZ,
            code: code::SI_USER,
            pid: PROCESS.pid(),
            ..Info::default()
        };
        crate::signal::deliver::to_thread(thread, info);
        return Err(Error::EFBIG);
    }
    Ok(count.min((limit - at) as usize))
}

/// Writes one message's worth; waits while the file can take nothing. `done` bytes went before.
pub fn write_piece(
    thread: &Thread,
    file: &FileRef,
    piece: &[u8],
    offset: u64,
    done: usize,
) -> Result<usize> {
    let client = file.client();
    let at = if offset == CURRENT {
        CURRENT
    } else {
        offset + done as u64
    };
    let source = Source::File(file.server, file.handle);
    let sent = event::blocking(thread, source, file.non_blocking(), || {
        client.write(at, piece)
    });
    match sent {
        Ok(sent) => Ok((sent as usize).min(piece.len())),
        Err(error) => Err(note_broken(thread, error)),
    }
}

/// EPIPE comes with SIGPIPE.
pub fn note_broken(thread: &Thread, error: Error) -> Error {
    if error == Error::EPIPE {
        let info = Info {
            signal: SIGPIPE,
            code: code::SI_USER,
            pid: PROCESS.pid(),
            ..Info::default()
        };
        crate::signal::deliver::to_thread(thread, info);
    }
    error
}

/// read(2).
pub fn read(thread: &Thread, fd: Fd, buffer: Out, count: Size) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    read_file(thread, &file, buffer.0, count.0 as usize, CURRENT).map(|n| n as u64)
}

/// write(2).
pub fn write(thread: &Thread, fd: Fd, buffer: In, count: Size) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    write_file(thread, &file, buffer.0, count.0 as usize, CURRENT).map(|n| n as u64)
}

/// As [`check_offset`], and the transfer must not go beyond the greatest offset.
fn check_range(file: &OpenFile, offset: i64, count: u64) -> Result<u64> {
    let start = check_offset(file, offset)?;
    if count > i64::MAX as u64 || offset.checked_add(count as i64).is_none() {
        Err(Error::EINVAL)
    } else {
        Ok(start)
    }
}

/// EINVAL for a negative offset, ESPIPE for a file without offsets.
pub fn check_offset(file: &OpenFile, offset: i64) -> Result<u64> {
    let offset = u64::try_from(offset).map_err(|_| Error::EINVAL)?;
    if matches!(
        file.kind,
        FileKind::Pipe | FileKind::Terminal | FileKind::Marker
    ) || file.kind.is_socket()
        || !matches!(file.backing, Backing::Server)
    {
        return Err(Error::ESPIPE);
    }
    Ok(offset)
}

/// pread64(2).
pub fn pread64(thread: &Thread, fd: Fd, buffer: Out, count: Size, offset: Long) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    let offset = check_range(&file, offset.0, count.0)?;
    read_file(thread, &file, buffer.0, count.0 as usize, offset).map(|n| n as u64)
}

/// pwrite64(2).
pub fn pwrite64(thread: &Thread, fd: Fd, buffer: In, count: Size, offset: Long) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    let offset = check_range(&file, offset.0, count.0)?;
    write_file(thread, &file, buffer.0, count.0 as usize, offset).map(|n| n as u64)
}

/// Reads into the library's own memory (exec, sendfile).
pub fn read_own(thread: &Thread, file: &FileRef, to: &mut [u8], offset: u64) -> Result<usize> {
    match file.kind {
        FileKind::Null => return Ok(0),
        FileKind::Zero | FileKind::Full => {
            to.fill(0);
            return Ok(to.len());
        }
        FileKind::Directory => return Err(Error::EISDIR),
        FileKind::Marker => return Err(Error::EINVAL),
        _ => {}
    }
    let client = file.served()?;
    let wanted = to.len().min(CHUNK);
    event::blocking(
        thread,
        Source::File(file.server, file.handle),
        file.non_blocking(),
        || {
            client
                .read(offset, &mut to[..wanted])
                .map(|(_, length)| length)
                .map_err(|(error, _)| error)
        },
    )
}

/// Writes from the library's own memory, all of it unless an error comes between.
fn write_own(thread: &Thread, file: &FileRef, data: &[u8], offset: u64) -> Result<usize> {
    match file.kind {
        FileKind::Null | FileKind::Zero => return Ok(data.len()),
        FileKind::Full => return Err(Error::ENOSPC),
        FileKind::Marker => return Ok(super::marker::log(thread, data)),
        _ => {}
    }
    file.served()?;
    let mut done = 0;
    while done < data.len() {
        match write_piece(thread, file, &data[done..], offset, done) {
            Ok(sent) => done += sent,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Copies up to `count` bytes between files; offsets of [`CURRENT`] move with the files.
fn transfer(
    thread: &Thread,
    input: &FileRef,
    output: &FileRef,
    mut from: u64,
    mut to: u64,
    count: usize,
) -> Result<usize> {
    input.check_readable()?;
    output.check_writable()?;
    if Arc::ptr_eq(input, output) {
        input.publish();
    }
    // Always in the same order, so that two threads do not wait for each other.
    let (mut in_offset, mut out_offset) = if Arc::as_ptr(input) < Arc::as_ptr(output) {
        let first = own_offset(input, from);
        (first, own_offset(output, to))
    } else {
        let first = own_offset(output, to);
        (own_offset(input, from), first)
    };
    from = in_offset.as_ref().map_or(from, |taken| taken.at);
    to = out_offset.as_ref().map_or(to, |taken| taken.at);
    let mut buffer = thread.scratch.bulk.borrow_mut();
    let mut done = 0;
    while done < count {
        let wanted = (count - done).min(CHUNK);
        let step = read_own(thread, input, &mut buffer[..wanted], from).and_then(|got| {
            Ok((
                got,
                if got == 0 {
                    0
                } else {
                    write_own(thread, output, &buffer[..got], to)?
                },
            ))
        });
        match step {
            Ok((got, sent)) => {
                done += sent;
                from = if from == CURRENT {
                    from
                } else {
                    from + sent as u64
                };
                to = if to == CURRENT { to } else { to + sent as u64 };
                if sent < got && from == CURRENT {
                    // Take back what was read but could not be written.
                    let _ = input.client().seek(sent as i64 - got as i64, 1);
                }
                if got == 0 || sent < got {
                    break;
                }
            }
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    for taken in [&mut in_offset, &mut out_offset].into_iter().flatten() {
        taken.at += done as u64;
    }
    Ok(done)
}

/// sendfile(2).
pub fn sendfile(thread: &Thread, out: Fd, input: Fd, offset: Out, count: Size) -> Result<u64> {
    let (output, input) = (PROCESS.file(out.0)?, PROCESS.file(input.0)?);
    if output.flags() & flag::O_APPEND != 0 && !matches!(output.kind, FileKind::Null) {
        return Err(Error::EINVAL);
    }
    if matches!(
        input.kind,
        FileKind::Pipe | FileKind::Terminal | FileKind::Directory
    ) || input.kind.is_socket()
    {
        return Err(Error::EINVAL);
    }
    let count = (count.0 as usize).min(MOST);
    if offset.0.is_null() {
        return transfer(thread, &input, &output, CURRENT, CURRENT, count).map(|n| n as u64);
    }
    let at = check_offset(&input, user::get_i64(offset.0)?)?;
    let done = transfer(thread, &input, &output, at, CURRENT, count)?;
    user::put_u64(offset.0, at + done as u64)?;
    Ok(done as u64)
}

/// copy_file_range(2).
pub fn copy_file_range(
    thread: &Thread,
    input: Fd,
    in_offset: Out,
    output: Fd,
    out_offset: Out,
    count: Size,
    flags: crate::table::Flags,
) -> Result<u64> {
    if flags.0 != 0 {
        return Err(Error::EINVAL);
    }
    let (input, output) = (PROCESS.file(input.0)?, PROCESS.file(output.0)?);
    for file in [&input, &output] {
        match file.kind {
            FileKind::Regular => {}
            FileKind::Directory => return Err(Error::EISDIR),
            _ => return Err(Error::EINVAL),
        }
    }
    if output.flags() & flag::O_APPEND != 0 {
        return Err(Error::EBADF);
    }
    let start = |file: &OpenFile, at: User| {
        if at.is_null() {
            Ok(CURRENT)
        } else {
            check_offset(file, user::get_i64(at)?)
        }
    };
    let (from, to) = (start(&input, in_offset.0)?, start(&output, out_offset.0)?);
    let done = transfer(
        thread,
        &input,
        &output,
        from,
        to,
        (count.0 as usize).min(MOST),
    )?;
    for (at, offset) in [(in_offset.0, from), (out_offset.0, to)] {
        if !at.is_null() {
            user::put_u64(at, offset + done as u64)?;
        }
    }
    Ok(done as u64)
}
