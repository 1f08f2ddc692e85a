//! readv, writev and their relatives: several buffers, one file.
//!
//! A write gathers as many buffers as fit in a message first, so that a short writev to a pipe or a terminal is
//! one write, as on Linux.

use super::io::{CHUNK, MOST, check_offset, own_offset, read_file, write_file, write_piece};
use crate::file::{Backing, FileRef};
use crate::process::PROCESS;
use crate::table::{Fd, In, Int, Long};
use crate::thread::Thread;
use crate::user::{self, User};
use alloc::vec::Vec;
use k42_abi::{Error, Result};
use k42_api::files::{CURRENT, FileKind};

/// Most buffers (IOV_MAX).
const MOST_BUFFERS: i32 = 1024;

/// Reads the array of buffers. EINVAL if there are too many or they are too long together.
pub fn buffers(at: User, count: i32) -> Result<Vec<(User, usize)>> {
    if !(0..=MOST_BUFFERS).contains(&count) {
        return Err(Error::EINVAL);
    }
    let bytes = user::bytes(at, count as usize * 16)?;
    let mut out = Vec::new();
    out.try_reserve_exact(count as usize)
        .map_err(|_| Error::ENOMEM)?;
    let mut total = 0usize;
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
    for entry in bytes.chunks_exact(16) {
        let (base, length) = (User(word(&entry[..8])), word(&entry[8..]));
        if length > i64::MAX as u64 {
            return Err(Error::EINVAL);
        }
        base.check(length as usize)?;
        let length = (length as usize).min(MOST - total);
        total += length;
        out.push((base, length));
    }
    Ok(out)
}

fn read_all(
    thread: &Thread,
    file: &FileRef,
    buffers: &[(User, usize)],
    offset: u64,
) -> Result<u64> {
    let Some(mut taken) = own_offset(file, offset) else {
        return read_all_at(thread, file, buffers, offset);
    };
    let done = read_all_at(thread, file, buffers, taken.at)?;
    taken.at += done;
    Ok(done)
}

fn read_all_at(
    thread: &Thread,
    file: &FileRef,
    buffers: &[(User, usize)],
    offset: u64,
) -> Result<u64> {
    file.check_readable()?;
    if file.kind.is_socket() {
        return super::socket::read(thread, file, buffers);
    }
    let mut done = 0u64;
    for &(base, length) in buffers {
        if length == 0 {
            continue;
        }
        let at = if offset == CURRENT {
            CURRENT
        } else {
            offset + done
        };
        match read_file(thread, file, base, length, at) {
            Ok(got) => {
                done += got as u64;
                if got < length {
                    break;
                }
            }
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
        // More from a stream only if it is asked for anew: the next buffer must not block.
        if matches!(file.kind, FileKind::Pipe | FileKind::Terminal) {
            break;
        }
    }
    Ok(done)
}

fn write_all(
    thread: &Thread,
    file: &FileRef,
    buffers: &[(User, usize)],
    offset: u64,
) -> Result<u64> {
    let Some(mut taken) = own_offset(file, offset) else {
        return write_all_at(thread, file, buffers, offset);
    };
    let done = write_all_at(thread, file, buffers, taken.at)?;
    taken.at += done;
    Ok(done)
}

fn write_all_at(
    thread: &Thread,
    file: &FileRef,
    buffers: &[(User, usize)],
    offset: u64,
) -> Result<u64> {
    file.check_writable()?;
    if file.kind.is_socket() {
        return super::socket::write(thread, file, buffers);
    }
    let total: usize = buffers.iter().map(|(_, length)| length).sum();
    let plain = matches!(file.backing, Backing::Server)
        && !matches!(file.kind, FileKind::Null | FileKind::Zero | FileKind::Full);
    if plain && total > 0 && total <= CHUNK {
        let mut gathered = thread.scratch.bulk.borrow_mut();
        let mut at = 0;
        for &(base, length) in buffers {
            user::copy_in(base, &mut gathered[at..at + length])?;
            at += length;
        }
        if file.kind == FileKind::Marker {
            return Ok(super::marker::log(thread, &gathered[..total]) as u64);
        }
        let mut done = 0;
        while done < total {
            match write_piece(thread, file, &gathered[done..total], offset, done) {
                Ok(sent) => done += sent,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        return Ok(done as u64);
    }
    let mut done = 0u64;
    for &(base, length) in buffers {
        if length == 0 {
            continue;
        }
        let at = if offset == CURRENT {
            CURRENT
        } else {
            offset + done
        };
        match write_file(thread, file, base, length, at) {
            Ok(sent) => {
                done += sent as u64;
                if sent < length {
                    break;
                }
            }
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// readv(2).
pub fn readv(thread: &Thread, fd: Fd, vector: In, count: Int) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    read_all(thread, &file, &buffers(vector.0, count.0)?, CURRENT)
}

/// writev(2).
pub fn writev(thread: &Thread, fd: Fd, vector: In, count: Int) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    write_all(thread, &file, &buffers(vector.0, count.0)?, CURRENT)
}

/// preadv(2).
pub fn preadv(thread: &Thread, fd: Fd, vector: In, count: Int, offset: Long) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    let offset = check_offset(&file, offset.0)?;
    read_all(thread, &file, &buffers(vector.0, count.0)?, offset)
}

/// pwritev(2).
pub fn pwritev(thread: &Thread, fd: Fd, vector: In, count: Int, offset: Long) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    let offset = check_offset(&file, offset.0)?;
    write_all(thread, &file, &buffers(vector.0, count.0)?, offset)
}

/// Offset and flags of the second generation of calls: -1 is the file's own offset, no flag is known.
fn second(file: &FileRef, offset: i64, flags: u32) -> Result<u64> {
    if flags != 0 {
        return Err(Error::EOPNOTSUPP);
    }
    if offset == -1 {
        Ok(CURRENT)
    } else {
        check_offset(file, offset)
    }
}

/// preadv2(2).
pub fn preadv2(
    thread: &Thread,
    fd: Fd,
    vector: In,
    count: Int,
    offset: Long,
    _high: Long,
    flags: crate::table::Flags,
) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    let offset = second(&file, offset.0, flags.0)?;
    read_all(thread, &file, &buffers(vector.0, count.0)?, offset)
}

/// pwritev2(2).
pub fn pwritev2(
    thread: &Thread,
    fd: Fd,
    vector: In,
    count: Int,
    offset: Long,
    _high: Long,
    flags: crate::table::Flags,
) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    let offset = second(&file, offset.0, flags.0)?;
    write_all(thread, &file, &buffers(vector.0, count.0)?, offset)
}
