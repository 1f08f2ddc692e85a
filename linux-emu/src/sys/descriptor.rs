//! Calls about descriptors and open files.

use super::path::{NO_CHANGE, owner};
use crate::event::{self, Source};
use crate::file::{self, Backing, FileRef, OpenFile, flag};
use crate::process::{PROCESS, ROOT_FILES};
use crate::table::{Addr, Bits, Fd, Flags, Int, Long, Mode, Out};
use crate::thread::Thread;
use crate::user::{self, User};
use alloc::sync::Arc;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, Ordering};
use k42_abi::{Error, Handle, ProcessId, Result};
use k42_api::files::{FileKind, LENGTH_MAX, SetAttributes, set};

/// Closes a descriptor's file when this was the last reference, and tells what its server says.
pub fn finish(mut file: FileRef) -> Result<()> {
    if file.kind == FileKind::Regular {
        release_locks(&file);
    }
    Arc::get_mut(&mut file).map_or(Ok(()), OpenFile::close)
}

/// POSIX record locks go with any close of the file by the process; only if it has taken one.
fn release_locks(file: &FileRef) {
    if file.locked() {
        let _ = file.client().lock(0, u32::from(F_UNLCK), 0, 0, false);
    }
}

/// close(2).
pub fn close(_: &Thread, fd: Fd) -> Result<u64> {
    let file = PROCESS.files.lock().remove(fd.0)?;
    match finish(file) {
        // The descriptor is gone whatever the server says; only what Linux documents is passed on.
        Err(error @ (Error::EIO | Error::ENOSPC | Error::EINTR)) => Err(error),
        _ => Ok(0),
    }
}

/// close_range(2).
pub fn close_range(_: &Thread, first: Flags, last: Flags, flags: Flags) -> Result<u64> {
    const CLOSE_RANGE_UNSHARE: u32 = 2;
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    if first.0 > last.0 || flags.0 & !(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) != 0 {
        return Err(Error::EINVAL);
    }
    let last = last.0.min(i32::MAX as u32 - 1) as i32;
    let first = first.0.min(i32::MAX as u32) as i32;
    if flags.0 & CLOSE_RANGE_CLOEXEC != 0 {
        let mut files = PROCESS.files.lock();
        let mut fd = first;
        while fd <= last && (fd as usize) < crate::fd::MAXIMUM {
            let _ = files.set_close_on_exec(fd, true);
            fd += 1;
        }
        return Ok(0);
    }
    loop {
        let next = PROCESS.files.lock().remove_first(first, |fd, _| fd <= last);
        let Some((_, file)) = next else { return Ok(0) };
        let _ = finish(file);
    }
}

/// dup(2).
pub fn dup(_: &Thread, fd: Fd) -> Result<u64> {
    let mut files = PROCESS.files.lock();
    let file = files.get(fd.0)?.clone();
    files.insert(file, 0, false).map(|fd| fd as u64)
}

fn dup_to(old: i32, new: i32, close_on_exec: bool) -> Result<u64> {
    let replaced = {
        let mut files = PROCESS.files.lock();
        let file = files.get(old)?.clone();
        files.insert_at(file, new, close_on_exec)?
    };
    if let Some(file) = replaced {
        let _ = finish(file);
    }
    Ok(new as u64)
}

/// dup2(2).
pub fn dup2(_: &Thread, old: Fd, new: Fd) -> Result<u64> {
    if old == new {
        PROCESS.files.lock().get(old.0)?;
        return Ok(new.0 as u64);
    }
    dup_to(old.0, new.0, false)
}

/// dup3(2).
pub fn dup3(_: &Thread, old: Fd, new: Fd, flags: Flags) -> Result<u64> {
    if old == new || flags.0 & !flag::O_CLOEXEC != 0 {
        return Err(Error::EINVAL);
    }
    dup_to(old.0, new.0, flags.0 & flag::O_CLOEXEC != 0)
}

/// pipe2(2).
pub fn pipe2(_: &Thread, ends: Out, flags: Flags) -> Result<u64> {
    if flags.0 & !(flag::O_CLOEXEC | flag::O_NONBLOCK | flag::O_DIRECT) != 0
        || flags.0 & flag::O_DIRECT != 0
    {
        return Err(Error::EINVAL);
    }
    const S_IFIFO: u32 = 0o010_600;
    ends.0.check(8)?;
    let status = flags.0 & flag::O_NONBLOCK;
    let [reading, writing] = ROOT_FILES.pipe(status)?;
    let end = |handle, access| {
        file::share(|| {
            OpenFile::new(
                ROOT_FILES.target,
                Handle(handle),
                FileKind::Pipe,
                access | status,
                S_IFIFO,
            )
        })
    };
    let (input, output) = (end(reading, flag::O_RDONLY)?, end(writing, flag::O_WRONLY)?);
    let close_on_exec = flags.0 & flag::O_CLOEXEC != 0;
    let first = PROCESS.add_file(input, close_on_exec)?;
    let second = match PROCESS.add_file(output, close_on_exec) {
        Ok(second) => second,
        Err(error) => {
            let undone = PROCESS.files.lock().remove(first);
            drop(undone);
            return Err(error);
        }
    };
    let put = user::put_i32(ends.0, first).and_then(|()| user::put_i32(ends.0.add(4), second));
    if put.is_err() {
        for fd in [first, second] {
            let undone = PROCESS.files.lock().remove(fd);
            drop(undone);
        }
        return Err(Error::EFAULT);
    }
    Ok(0)
}

/// pipe(2).
pub fn pipe(thread: &Thread, ends: Out) -> Result<u64> {
    pipe2(thread, ends, Flags(0))
}

const SEEK_SET: u32 = 0;
const SEEK_CUR: u32 = 1;
const SEEK_HOLE: u32 = 4;

fn seek(fd: i32, offset: i64, whence: u32) -> Result<u64> {
    let file = PROCESS.file(fd)?;
    if whence > SEEK_HOLE {
        return Err(Error::EINVAL);
    }
    if !matches!(file.backing, Backing::Server)
        || matches!(file.kind, FileKind::Pipe | FileKind::Terminal)
        || file.kind.is_socket()
    {
        return Err(Error::ESPIPE);
    }
    if file.kind == FileKind::Path {
        return Err(Error::EBADF);
    }
    let Some(mut taken) = file.offset.take() else {
        return file.client().seek(offset, whence);
    };
    taken.at = match whence {
        SEEK_SET | SEEK_CUR => {
            let base = if whence == SEEK_SET { 0 } else { taken.at };
            let at = base.checked_add_signed(offset);
            at.filter(|&at| at <= LENGTH_MAX).ok_or(Error::EINVAL)?
        }
        // About the data: where the server's own offset is does not matter, but it moves.
        _ => file.client().seek(offset, whence)?,
    };
    if whence > SEEK_CUR {
        taken.note_told();
    }
    Ok(taken.at)
}

/// lseek(2).
pub fn lseek(_: &Thread, fd: Fd, offset: Long, whence: Flags) -> Result<u64> {
    seek(fd.0, offset.0, whence.0)
}

/// _llseek(2).
pub fn llseek(
    _: &Thread,
    fd: Fd,
    high: Flags,
    low: Flags,
    result: Out,
    whence: Flags,
) -> Result<u64> {
    let at = seek(
        fd.0,
        (u64::from(high.0) << 32 | u64::from(low.0)) as i64,
        whence.0,
    )?;
    user::put_u64(result.0, at).map(|()| 0)
}

/// fchmod(2).
pub fn fchmod(_: &Thread, fd: Fd, mode: Mode) -> Result<u64> {
    let new = SetAttributes {
        which: set::MODE,
        mode: mode.0 & 0o7777,
        ..NO_CHANGE
    };
    PROCESS
        .file(fd.0)?
        .served()?
        .set_attributes(new)
        .map(|()| 0)
}

/// fchown(2).
pub fn fchown(_: &Thread, fd: Fd, uid: Flags, gid: Flags) -> Result<u64> {
    PROCESS
        .file(fd.0)?
        .served()?
        .set_attributes(owner(uid.0, gid.0))
        .map(|()| 0)
}

/// ftruncate(2).
pub fn ftruncate(_: &Thread, fd: Fd, length: Long) -> Result<u64> {
    let size = u64::try_from(length.0).map_err(|_| Error::EINVAL)?;
    let file = PROCESS.file(fd.0)?;
    if file.kind != FileKind::Regular || file.check_writable().is_err() {
        return Err(if file.kind == FileKind::Path {
            Error::EBADF
        } else {
            Error::EINVAL
        });
    }
    file.client()
        .set_attributes(SetAttributes {
            which: set::SIZE,
            size,
            ..NO_CHANGE
        })
        .map(|()| 0)
}

/// fallocate(2).
pub fn fallocate(_: &Thread, fd: Fd, mode: Int, offset: Long, length: Long) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    file.check_writable()?;
    let offset = u64::try_from(offset.0).map_err(|_| Error::EINVAL)?;
    let length = u64::try_from(length.0)
        .ok()
        .filter(|&l| l > 0)
        .ok_or(Error::EINVAL)?;
    match file.kind {
        FileKind::Regular => file
            .client()
            .allocate(mode.0 as u32, offset, length)
            .map(|()| 0),
        FileKind::Pipe => Err(Error::ESPIPE),
        _ => Err(Error::ENODEV),
    }
}

fn sync_file(fd: i32, data_only: bool) -> Result<u64> {
    let file = PROCESS.file(fd)?;
    match file.kind {
        FileKind::Regular | FileKind::Directory => file.client().sync(data_only).map(|()| 0),
        FileKind::Path => Err(Error::EBADF),
        _ => Err(Error::EINVAL),
    }
}

/// fsync(2).
pub fn fsync(_: &Thread, fd: Fd) -> Result<u64> {
    sync_file(fd.0, false)
}

/// fdatasync(2).
pub fn fdatasync(_: &Thread, fd: Fd) -> Result<u64> {
    sync_file(fd.0, true)
}

/// sync(2).
pub fn sync(_: &Thread) -> Result<u64> {
    ROOT_FILES.sync().map(|()| 0)
}

/// syncfs(2).
pub fn syncfs(_: &Thread, fd: Fd) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    file.served()?;
    k42_api::files::FileSystemClient::root(file.server)
        .sync()
        .map(|()| 0)
}

/// fadvise64(2): everything is in memory, so advice changes nothing.
pub fn fadvise64(_: &Thread, fd: Fd, _offset: Long, length: Long, advice: Int) -> Result<u64> {
    const NO_REUSE: i32 = 5;
    let file = PROCESS.file(fd.0)?;
    match file.kind {
        FileKind::Path => Err(Error::EBADF),
        FileKind::Pipe => Err(Error::ESPIPE),
        _ if length.0 < 0 || !(0..=NO_REUSE).contains(&advice.0) => Err(Error::EINVAL),
        _ => Ok(0),
    }
}

const F_DUPFD: i32 = 0;
const F_GETFD: i32 = 1;
const F_SETFD: i32 = 2;
const F_GETFL: i32 = 3;
const F_SETFL: i32 = 4;
const F_GETLK: i32 = 5;
const F_SETLK: i32 = 6;
const F_SETLKW: i32 = 7;
const F_SETOWN: i32 = 8;
const F_GETOWN: i32 = 9;
const F_SETSIG: i32 = 10;
const F_GETSIG: i32 = 11;
const F_SETOWN_EX: i32 = 15;
const F_GETOWN_EX: i32 = 16;
const F_DUPFD_CLOEXEC: i32 = 1030;
const F_GETPIPE_SZ: i32 = 1032;
const F_UNLCK: u16 = 2;
const FD_CLOEXEC: u64 = 1;

/// fcntl(2).
pub fn fcntl(thread: &Thread, fd: Fd, command: Int, argument: Bits) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    let path_only = file.kind == FileKind::Path && file.flags() & flag::O_PATH != 0;
    if path_only
        && !matches!(
            command.0,
            F_DUPFD | F_DUPFD_CLOEXEC | F_GETFD | F_SETFD | F_GETFL
        )
    {
        return Err(Error::EBADF);
    }
    match command.0 {
        F_DUPFD | F_DUPFD_CLOEXEC => {
            let from = i32::try_from(argument.0).map_err(|_| Error::EINVAL)?;
            PROCESS
                .files
                .lock()
                .insert(file, from, command.0 == F_DUPFD_CLOEXEC)
                .map(|fd| fd as u64)
        }
        F_GETFD => PROCESS.files.lock().close_on_exec(fd.0).map(u64::from),
        F_SETFD => PROCESS
            .files
            .lock()
            .set_close_on_exec(fd.0, argument.0 & FD_CLOEXEC != 0)
            .map(|()| 0),
        F_GETFL => Ok(u64::from(shared_flags(&file)?)),
        F_SETFL => set_flags(&file, argument.0 as u32).map(|()| 0),
        F_GETLK | F_SETLK | F_SETLKW => lock(thread, &file, command.0, User(argument.0)),
        // Nobody is signalled, so nobody can be named for it.
        F_SETOWN | F_SETSIG | F_SETOWN_EX => Err(refuse_async()),
        F_GETOWN | F_GETSIG => Ok(0),
        // A kind and a number, both zero.
        F_GETOWN_EX => user::put_u64(User(argument.0), 0).map(|()| 0),
        F_GETPIPE_SZ if file.kind == FileKind::Pipe => Ok(65536),
        F_GETPIPE_SZ => Err(Error::EBADF),
        _ => Err(Error::EINVAL),
    }
}

/// The flags as the server has them: another process may have changed those that are shared.
fn shared_flags(file: &FileRef) -> Result<u32> {
    if file.server != ProcessId::NONE
        && file.kind != FileKind::Path
        && let Ok(now) = file.client().flags(0, 0)
    {
        const SHARED: u32 = flag::O_APPEND | flag::O_NONBLOCK;
        file.set_flags(file.flags() & flag::SETTABLE & !SHARED | now & SHARED);
    }
    Ok(file.flags())
}

/// There are no signals for input and output that have become possible. Says so once in the log.
fn refuse_async() -> Error {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        let mut line = crate::strace::Line::new();
        let _ = write!(
            line,
            "[{}] linux-emu: O_ASYNC and F_SETOWN are not supported",
            PROCESS.pid()
        );
        crate::port::log(line.finish());
    }
    Error::EINVAL
}

fn set_flags(file: &FileRef, mut value: u32) -> Result<()> {
    const SHARED: u32 = flag::O_APPEND | flag::O_NONBLOCK;
    if value & flag::O_ASYNC != 0 {
        // Where input and output are always possible the flag is nothing, in Linux as well.
        if !matches!(file.kind, FileKind::Regular | FileKind::Directory) {
            return Err(refuse_async());
        }
        value &= !flag::O_ASYNC;
    }
    if value & flag::O_APPEND != 0 {
        // Where a write ends up is the server's to say from now on.
        file.publish();
    }
    if file.server != ProcessId::NONE {
        file.client().flags(SHARED, value & SHARED)?;
    }
    file.set_flags(value);
    Ok(())
}

/// Record locks: `struct flock` is type, whence (16 bits each), start, length, pid.
fn lock(thread: &Thread, file: &FileRef, command: i32, at: User) -> Result<u64> {
    let (kind, whence) = (user::get_u16(at)?, user::get_u16(at.add(2))?);
    let (start, length) = (user::get_i64(at.add(8))?, user::get_i64(at.add(16))?);
    if kind > F_UNLCK || whence > 2 {
        return Err(Error::EINVAL);
    }
    if command != F_GETLK {
        match kind {
            0 => file.check_readable()?,
            1 => file.check_writable()?,
            _ => {}
        }
    }
    let base = match whence {
        0 => 0,
        1 => position(file)? as i64,
        _ => file.served()?.attributes()?.size as i64,
    };
    let start = base.checked_add(start).ok_or(Error::EOVERFLOW)?;
    let (start, length) = if length < 0 {
        (start + length, -length)
    } else {
        (start, length)
    };
    let start = u64::try_from(start).map_err(|_| Error::EINVAL)?;
    let client = file.served()?;
    let source = Source::File(file.server, file.handle);
    if command == F_GETLK {
        let [kind, start, length, pid] =
            client.lock(1, u32::from(kind), start, length as u64, false)?;
        user::put_u16(at, kind as u16)?;
        if kind != u64::from(F_UNLCK) {
            user::put_u16(at.add(2), SEEK_SET as u16)?;
            user::put_u64(at.add(8), start)?;
            user::put_u64(at.add(16), length)?;
            user::put_i32(at.add(24), pid as i32)?;
        }
        return Ok(0);
    }
    let wait = command == F_SETLKW;
    file.note_lock();
    event::blocking(thread, source, !wait, || {
        client.lock(0, u32::from(kind), start, length as u64, wait)
    })
    .map(|_| 0)
}

/// The file's offset.
pub fn position(file: &OpenFile) -> Result<u64> {
    match file.offset.take() {
        Some(taken) => Ok(taken.at),
        None => file.served()?.seek(0, SEEK_CUR),
    }
}

/// flock(2).
pub fn flock(thread: &Thread, fd: Fd, operation: Int) -> Result<u64> {
    const LOCK_NB: i32 = 4;
    let file = PROCESS.file(fd.0)?;
    let kind = match operation.0 & !LOCK_NB {
        kind @ (1 | 2 | 8) => kind as u32,
        _ => return Err(Error::EINVAL),
    };
    let client = file.served()?;
    let wait = operation.0 & LOCK_NB == 0;
    event::blocking(
        thread,
        Source::File(file.server, file.handle),
        !wait,
        || client.lock(2, kind, 0, 0, wait),
    )
    .map(|_| 0)
}

const FIONCLEX: u32 = 0x2000_6602;
const FIOCLEX: u32 = 0x2000_6601;
const FIONBIO: u32 = 0x8004_667e;
const FIONREAD: u32 = 0x4004_667f;

/// ioctl(2). What the number says about direction and size (Power's layout: 3 bits of direction, 13 of size)
/// decides what is copied; the older terminal numbers that say nothing are listed.
pub fn ioctl(thread: &Thread, fd: Fd, request: Flags, argument: Addr) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    if file.kind == FileKind::Path {
        return Err(Error::EBADF);
    }
    let at = User(argument.0);
    match request.0 {
        FIOCLEX | FIONCLEX => {
            return PROCESS
                .files
                .lock()
                .set_close_on_exec(fd.0, request.0 == FIOCLEX)
                .map(|()| 0);
        }
        FIONBIO => {
            let on = user::get_i32(at)? != 0;
            let flags = if on {
                file.flags() | flag::O_NONBLOCK
            } else {
                file.flags() & !flag::O_NONBLOCK
            };
            return set_flags(&file, flags).map(|()| 0);
        }
        _ => {}
    }
    let Ok(client) = file.served() else {
        return Err(Error::ENOTTY);
    };
    if request.0 == FIONREAD {
        // It counts from the offset.
        file.publish();
    }
    let shape = crate::ioctl::shape(request.0);
    let mut input = [0u8; crate::ioctl::MOST];
    let given = match shape.input {
        crate::ioctl::Input::Value => {
            input[..8].copy_from_slice(&argument.0.to_ne_bytes());
            8
        }
        crate::ioctl::Input::Memory(bytes) => {
            user::copy_in(at, &mut input[..bytes])?;
            bytes
        }
    };
    let mut output = [0u8; crate::ioctl::MOST];
    let source = Source::File(file.server, file.handle);
    let (result, length) = event::blocking(thread, source, false, || {
        client
            .ioctl(request.0, &input[..given], &mut output[..shape.output])
            .map_err(|(error, _)| error)
    })?;
    if length > 0 {
        user::copy_out(at, &output[..length])?;
    }
    Ok(u64::from(result))
}
