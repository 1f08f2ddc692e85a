//! Calls about files by path: open, stat, access, attributes, statfs.

use crate::file::{self, FileRef, OpenFile, flag};
use crate::process::{PROCESS, SERVER};
use crate::table::{Bits, Dir, Flags, Int, Long, Mode, Out, Path};
use crate::thread::Thread;
use crate::user::{self, User};
use crate::walk::{AT_FDCWD, Answer, Stop, walk};
use crate::wire;
use core::sync::atomic::Ordering;
use k42_abi::{Error, Handle, ProcessId, Result};
use k42_api::files::{
    Attributes, FileKind, FileSystemClient, FileSystemInfo, SetAttributes, path_flag, set,
};

/// AT_* flags.
pub mod at {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const SYMLINK_NOFOLLOW: u32 = 0x100;
    pub const EACCESS: u32 = 0x200;
    pub const REMOVEDIR: u32 = 0x200;
    pub const SYMLINK_FOLLOW: u32 = 0x400;
    pub const NO_AUTOMOUNT: u32 = 0x800;
    pub const EMPTY_PATH: u32 = 0x1000;
    pub const STATX_SYNC: u32 = 0x6000;
}

/// Runs `then` with the path argument, in the thread's scratch memory. An empty path is ENOENT unless
/// `may_be_empty`.
pub fn with_path<R>(
    thread: &Thread,
    path: User,
    may_be_empty: bool,
    then: impl FnOnce(&[u8], &mut [u8]) -> core::result::Result<R, Stop>,
) -> core::result::Result<R, Stop> {
    let mut buffer = thread.scratch.path.borrow_mut();
    let length = user::copy_string(path, &mut buffer[..], Error::ENAMETOOLONG)?;
    if length == 0 && !may_be_empty {
        return Err(Error::ENOENT.into());
    }
    let mut rest = thread.scratch.rest.borrow_mut();
    then(&buffer[..length], &mut rest[..])
}

/// [`with_path`] and [`walk`] in one, for calls that ask about one path.
pub fn ask<R>(
    thread: &Thread,
    directory: i32,
    path: User,
    may_be_empty: bool,
    question: impl FnMut(FileSystemClient, Handle, &[u8], &mut [u8]) -> Answer<R>,
) -> core::result::Result<(R, ProcessId), Stop> {
    with_path(thread, path, may_be_empty, |path, rest| {
        walk(directory, path, rest, question)
    })
}

/// Opens `path`; the open file.
pub fn open_path(
    directory: i32,
    path: &[u8],
    rest: &mut [u8],
    flags: u32,
    mode: u32,
) -> Result<FileRef> {
    let flags = flags | flag::O_LARGEFILE;
    let mode = if flags & flag::O_CREAT != 0 {
        mode & 0o7777 & !PROCESS.umask.load(Ordering::Relaxed)
    } else {
        0
    };
    let opened = walk(directory, path, rest, |server, directory, path, rest| {
        server.open(directory, path, flags, mode, rest)
    });
    match opened {
        Ok((opened, server)) => {
            let kind = if flags & flag::O_PATH != 0 {
                FileKind::Path
            } else {
                opened.kind
            };
            file::share(|| OpenFile::new(server, opened.handle, kind, flags, opened.mode))
        }
        Err(Stop::Descriptor(fd)) => reopen(fd, flags),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// Opens what one of the process's descriptors stands for (/proc/self/fd/N, /dev/fd/N). A file with a
/// path is opened anew; what has none (a pipe) is shared.
fn reopen(fd: i32, flags: u32) -> Result<FileRef> {
    let open = PROCESS.file(fd)?;
    if matches!(
        open.kind,
        FileKind::Regular | FileKind::Directory | FileKind::Path
    ) {
        let mut path = crate::thread::big_buffer(crate::walk::PATH_MAX)?;
        let length = super::directory::path_of(&open, &mut path)?;
        let mut rest = crate::thread::big_buffer(crate::walk::PATH_MAX + 64)?;
        let flags = flags & !(flag::O_EXCL | flag::O_CREAT);
        return match walk(AT_FDCWD, &path[..length], &mut rest, |s, d, p, rest| {
            s.open(d, p, flags, 0, rest)
        }) {
            Ok((o, server)) => {
                file::share(|| OpenFile::new(server, o.handle, o.kind, flags, o.mode))
            }
            Err(stop) => Err(stop.error()),
        };
    }
    let wanted = flags & flag::O_ACCMODE;
    if wanted != flag::O_WRONLY {
        open.check_readable().map_err(|_| Error::EACCES)?;
    }
    if wanted != flag::O_RDONLY {
        open.check_writable().map_err(|_| Error::EACCES)?;
    }
    Ok(open)
}

/// openat(2).
pub fn openat(
    thread: &Thread,
    directory: Dir,
    path: Path,
    flags: Flags,
    mode: Mode,
) -> Result<u64> {
    let flags = flags.0;
    let file = with_path(thread, path.0, false, |path, rest| {
        let opened = match open_path(directory.0, path, rest, flags, mode.0) {
            Err(Error::WOULD_BLOCK) => open_fifo(thread, directory.0, path, rest, flags, mode.0),
            opened => opened,
        };
        opened.map_err(Stop::Error)
    })
    .map_err(Stop::error)?;
    PROCESS
        .add_file(file, flags & flag::O_CLOEXEC != 0)
        .map(|fd| fd as u64)
}

/// Opens a FIFO that waits for its other end; the server has noted this process and says when to ask again.
#[cold]
#[inline(never)]
fn open_fifo(
    thread: &Thread,
    directory: i32,
    path: &[u8],
    rest: &mut [u8],
    flags: u32,
    mode: u32,
) -> Result<FileRef> {
    let open = || open_path(directory, path, rest, flags, mode);
    crate::event::blocking(thread, crate::event::Source::Any, false, open)
}

/// open(2).
pub fn open(thread: &Thread, path: Path, flags: Flags, mode: Mode) -> Result<u64> {
    openat(thread, Dir(AT_FDCWD), path, flags, mode)
}

/// creat(2).
pub fn creat(thread: &Thread, path: Path, mode: Mode) -> Result<u64> {
    openat(
        thread,
        Dir(AT_FDCWD),
        path,
        Flags(flag::O_CREAT | flag::O_WRONLY | flag::O_TRUNC),
        mode,
    )
}

/// openat2(2), with the flags that openat knows.
pub fn openat2(
    thread: &Thread,
    directory: Dir,
    path: Path,
    how: crate::table::In,
    size: crate::table::Size,
) -> Result<u64> {
    if size.0 < 24 {
        return Err(Error::EINVAL);
    }
    let (flags, mode, resolve) = (
        user::get_u64(how.0)?,
        user::get_u64(how.0.add(8))?,
        user::get_u64(how.0.add(16))?,
    );
    if size.0 > 24
        && user::bytes(how.0.add(24), (size.0 as usize - 24).min(4096))?
            .iter()
            .any(|&b| b != 0)
    {
        return Err(Error::E2BIG);
    }
    if resolve != 0 || flags > u64::from(u32::MAX) {
        return Err(Error::EINVAL);
    }
    openat(
        thread,
        directory,
        path,
        Flags(flags as u32),
        Mode(mode as u32),
    )
}

/// Calls `tell` with the attributes of a path, or of the descriptor itself if the path is empty and `flags` allow that.
/// They are told and not given back because they are many words, which would be copied at every step.
fn attributes(
    thread: &Thread,
    directory: i32,
    path: User,
    flags: u32,
    tell: impl Fn(&Attributes) -> Result<()>,
) -> Result<u64> {
    let empty = flags & at::EMPTY_PATH != 0;
    let no_follow = if flags & at::SYMLINK_NOFOLLOW != 0 {
        path_flag::NO_FOLLOW
    } else {
        0
    };
    let of_file = |fd| tell(&file_attributes(&*PROCESS.file(fd)?)?).map(|()| 0);
    if empty && directory != AT_FDCWD && user::get_u8(path)? == 0 {
        return of_file(directory);
    }
    let empty = if empty { path_flag::EMPTY } else { 0 };
    let answer = ask(thread, directory, path, empty != 0, |s, d, p, rest| {
        // Told where they lie: they are too many to be moved.
        match &s.stat(d, p, no_follow | empty, rest) {
            Ok((attributes, length)) => match tell(attributes) {
                Ok(()) => Ok(((), *length)),
                Err(error) => Err((error, 0)),
            },
            Err(refused) => Err(*refused),
        }
    });
    match answer {
        Ok(_) => Ok(0),
        Err(Stop::Descriptor(fd)) => of_file(fd),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// Attributes of an open file.
pub fn file_attributes(file: &OpenFile) -> Result<Attributes> {
    if file.server != ProcessId::NONE {
        return file.client().attributes();
    }
    // An anonymous inode, as epoll and eventfd have.
    Ok(Attributes {
        device: 0xe,
        inode: 1,
        mode: 0o600,
        links: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        size: 0,
        blocks: 0,
        block_size: 4096,
        accessed: 0,
        modified: 0,
        changed: 0,
        created: 0,
    })
}

/// newfstatat(2).
pub fn newfstatat(
    thread: &Thread,
    directory: Dir,
    path: Path,
    buffer: Out,
    flags: Flags,
) -> Result<u64> {
    if flags.0 & !(at::SYMLINK_NOFOLLOW | at::NO_AUTOMOUNT | at::EMPTY_PATH) != 0 {
        return Err(Error::EINVAL);
    }
    attributes(thread, directory.0, path.0, flags.0, |attributes| {
        user::copy_out(buffer.0, &wire::stat(attributes).0)
    })
}

/// stat(2).
pub fn stat(thread: &Thread, path: Path, buffer: Out) -> Result<u64> {
    newfstatat(thread, Dir(AT_FDCWD), path, buffer, Flags(0))
}

/// lstat(2).
pub fn lstat(thread: &Thread, path: Path, buffer: Out) -> Result<u64> {
    newfstatat(
        thread,
        Dir(AT_FDCWD),
        path,
        buffer,
        Flags(at::SYMLINK_NOFOLLOW),
    )
}

/// fstat(2).
pub fn fstat(_: &Thread, fd: crate::table::Fd, buffer: Out) -> Result<u64> {
    let attributes = file_attributes(&*PROCESS.file(fd.0)?)?;
    user::copy_out(buffer.0, &wire::stat(&attributes).0).map(|()| 0)
}

/// statx(2).
pub fn statx(
    thread: &Thread,
    directory: Dir,
    path: Path,
    flags: Flags,
    mask: Flags,
    buffer: Out,
) -> Result<u64> {
    let known = at::SYMLINK_NOFOLLOW | at::NO_AUTOMOUNT | at::EMPTY_PATH | at::STATX_SYNC;
    if flags.0 & !known != 0 || flags.0 & at::STATX_SYNC == at::STATX_SYNC || mask.0 & 1 << 31 != 0
    {
        return Err(Error::EINVAL);
    }
    attributes(thread, directory.0, path.0, flags.0, |attributes| {
        user::copy_out(buffer.0, &wire::statx(attributes).0)
    })
}

/// faccessat2(2).
pub fn faccessat2(
    thread: &Thread,
    directory: Dir,
    path: Path,
    mode: Int,
    flags: Flags,
) -> Result<u64> {
    if mode.0 & !7 != 0 || flags.0 & !(at::EACCESS | at::SYMLINK_NOFOLLOW | at::EMPTY_PATH) != 0 {
        return Err(Error::EINVAL);
    }
    let mut how = if flags.0 & at::EACCESS == 0 {
        path_flag::REAL_IDS
    } else {
        0
    };
    if flags.0 & at::SYMLINK_NOFOLLOW != 0 {
        how |= path_flag::NO_FOLLOW;
    }
    if flags.0 & at::EMPTY_PATH != 0 {
        how |= path_flag::EMPTY;
    }
    let answer = ask(
        thread,
        directory.0,
        path.0,
        how & path_flag::EMPTY != 0,
        |s, d, p, rest| s.access(d, p, mode.0 as u32, how, rest),
    );
    match answer {
        Ok(_) => Ok(0),
        Err(Stop::Descriptor(fd)) => PROCESS.file(fd).map(|_| 0),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// faccessat(2).
pub fn faccessat(thread: &Thread, directory: Dir, path: Path, mode: Int) -> Result<u64> {
    faccessat2(thread, directory, path, mode, Flags(0))
}

/// access(2).
pub fn access(thread: &Thread, path: Path, mode: Int) -> Result<u64> {
    faccessat2(thread, Dir(AT_FDCWD), path, mode, Flags(0))
}

/// Nothing to change yet.
pub const NO_CHANGE: SetAttributes = SetAttributes {
    which: 0,
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    accessed: 0,
    modified: 0,
};

fn change(
    thread: &Thread,
    directory: i32,
    path: User,
    how: u32,
    new: SetAttributes,
) -> Result<u64> {
    match ask(
        thread,
        directory,
        path,
        how & path_flag::EMPTY != 0,
        |s, d, p, rest| s.set_attributes(d, p, how, new, rest),
    ) {
        Ok(_) => Ok(0),
        Err(Stop::Descriptor(fd)) => PROCESS.file(fd)?.served()?.set_attributes(new).map(|()| 0),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// fchmodat(2).
pub fn fchmodat(thread: &Thread, directory: Dir, path: Path, mode: Mode) -> Result<u64> {
    change(
        thread,
        directory.0,
        path.0,
        0,
        SetAttributes {
            which: set::MODE,
            mode: mode.0 & 0o7777,
            ..NO_CHANGE
        },
    )
}

/// chmod(2).
pub fn chmod(thread: &Thread, path: Path, mode: Mode) -> Result<u64> {
    fchmodat(thread, Dir(AT_FDCWD), path, mode)
}

/// Owner and group to change; -1 leaves one as it is.
pub fn owner(uid: u32, gid: u32) -> SetAttributes {
    let which =
        if uid == u32::MAX { 0 } else { set::UID } | if gid == u32::MAX { 0 } else { set::GID };
    SetAttributes {
        which,
        uid,
        gid,
        ..NO_CHANGE
    }
}

/// fchownat(2).
pub fn fchownat(
    thread: &Thread,
    directory: Dir,
    path: Path,
    uid: Flags,
    gid: Flags,
    flags: Flags,
) -> Result<u64> {
    if flags.0 & !(at::SYMLINK_NOFOLLOW | at::EMPTY_PATH) != 0 {
        return Err(Error::EINVAL);
    }
    let mut how = if flags.0 & at::SYMLINK_NOFOLLOW != 0 {
        path_flag::NO_FOLLOW
    } else {
        0
    };
    if flags.0 & at::EMPTY_PATH != 0 {
        how |= path_flag::EMPTY;
    }
    change(thread, directory.0, path.0, how, owner(uid.0, gid.0))
}

/// chown(2).
pub fn chown(thread: &Thread, path: Path, uid: Flags, gid: Flags) -> Result<u64> {
    fchownat(thread, Dir(AT_FDCWD), path, uid, gid, Flags(0))
}

/// lchown(2).
pub fn lchown(thread: &Thread, path: Path, uid: Flags, gid: Flags) -> Result<u64> {
    fchownat(
        thread,
        Dir(AT_FDCWD),
        path,
        uid,
        gid,
        Flags(at::SYMLINK_NOFOLLOW),
    )
}

/// truncate(2).
pub fn truncate(thread: &Thread, path: Path, length: Long) -> Result<u64> {
    let size = u64::try_from(length.0).map_err(|_| Error::EINVAL)?;
    change(
        thread,
        AT_FDCWD,
        path.0,
        0,
        SetAttributes {
            which: set::SIZE,
            size,
            ..NO_CHANGE
        },
    )
}

const UTIME_NOW: u64 = 0x3fff_ffff;
const UTIME_OMIT: u64 = 0x3fff_fffe;

/// utimensat(2).
pub fn utimensat(
    thread: &Thread,
    directory: Dir,
    path: Path,
    times: crate::table::In,
    flags: Flags,
) -> Result<u64> {
    if flags.0 & !(at::SYMLINK_NOFOLLOW | at::EMPTY_PATH) != 0 {
        return Err(Error::EINVAL);
    }
    let mut new = NO_CHANGE;
    if times.0.is_null() {
        new.which = set::ACCESSED | set::MODIFIED | set::ACCESSED_NOW | set::MODIFIED_NOW;
    } else {
        for (index, bit, now) in [
            (0, set::ACCESSED, set::ACCESSED_NOW),
            (1, set::MODIFIED, set::MODIFIED_NOW),
        ] {
            let at = times.0.add(index * 16);
            let (seconds, ns) = (user::get_i64(at)?, user::get_u64(at.add(8))?);
            match ns {
                UTIME_OMIT => continue,
                UTIME_NOW => new.which |= bit | now,
                0..1_000_000_000 => new.which |= bit,
                _ => return Err(Error::EINVAL),
            }
            let time = seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(if ns < 1_000_000_000 { ns as i64 } else { 0 });
            if index == 0 {
                new.accessed = time
            } else {
                new.modified = time
            }
        }
        if new.which == 0 {
            return Ok(0);
        }
    }
    if path.0.is_null() {
        if directory.0 == AT_FDCWD {
            return Err(Error::EFAULT);
        }
        return PROCESS
            .file(directory.0)?
            .served()?
            .set_attributes(new)
            .map(|()| 0);
    }
    let mut how = if flags.0 & at::SYMLINK_NOFOLLOW != 0 {
        path_flag::NO_FOLLOW
    } else {
        0
    };
    if flags.0 & at::EMPTY_PATH != 0 {
        how |= path_flag::EMPTY;
    }
    change(thread, directory.0, path.0, how, new)
}

/// utimes(2), futimesat(2).
pub fn futimesat(
    thread: &Thread,
    directory: Dir,
    path: Path,
    times: crate::table::In,
) -> Result<u64> {
    let mut new = SetAttributes {
        which: set::ACCESSED | set::MODIFIED,
        ..NO_CHANGE
    };
    if times.0.is_null() {
        new.which |= set::ACCESSED_NOW | set::MODIFIED_NOW;
    } else {
        let mut both = [0i64; 2];
        for (index, time) in both.iter_mut().enumerate() {
            let at = times.0.add(index as u64 * 16);
            let (seconds, us) = (user::get_i64(at)?, user::get_i64(at.add(8))?);
            if !(0..1_000_000).contains(&us) {
                return Err(Error::EINVAL);
            }
            *time = seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(us * 1000);
        }
        [new.accessed, new.modified] = both;
    }
    change(thread, directory.0, path.0, 0, new)
}

/// utimes(2).
pub fn utimes(thread: &Thread, path: Path, times: crate::table::In) -> Result<u64> {
    futimesat(thread, Dir(AT_FDCWD), path, times)
}

/// utime(2).
pub fn utime(thread: &Thread, path: Path, times: crate::table::In) -> Result<u64> {
    let mut new = SetAttributes {
        which: set::ACCESSED | set::MODIFIED,
        ..NO_CHANGE
    };
    if times.0.is_null() {
        new.which |= set::ACCESSED_NOW | set::MODIFIED_NOW;
    } else {
        new.accessed = user::get_i64(times.0)?.saturating_mul(1_000_000_000);
        new.modified = user::get_i64(times.0.add(8))?.saturating_mul(1_000_000_000);
    }
    change(thread, AT_FDCWD, path.0, 0, new)
}

fn put_statfs(info: &FileSystemInfo, buffer: User) -> Result<u64> {
    user::copy_out(buffer, &wire::statfs(info)).map(|()| 0)
}

/// statfs(2).
pub fn statfs(thread: &Thread, path: Path, buffer: Out) -> Result<u64> {
    let (info, _) = ask(thread, AT_FDCWD, path.0, false, |s, d, p, rest| {
        s.statfs(d, p, rest)
    })
    .map_err(Stop::error)?;
    put_statfs(&info, buffer.0)
}

/// statfs64(2).
pub fn statfs64(thread: &Thread, path: Path, size: crate::table::Size, buffer: Out) -> Result<u64> {
    if size.0 != wire::STATFS as u64 {
        Err(Error::EINVAL)
    } else {
        statfs(thread, path, buffer)
    }
}

/// fstatfs(2).
pub fn fstatfs(_: &Thread, fd: crate::table::Fd, buffer: Out) -> Result<u64> {
    put_statfs(&PROCESS.file(fd.0)?.served()?.statfs()?, buffer.0)
}

/// fstatfs64(2).
pub fn fstatfs64(
    thread: &Thread,
    fd: crate::table::Fd,
    size: crate::table::Size,
    buffer: Out,
) -> Result<u64> {
    if size.0 != wire::STATFS as u64 {
        Err(Error::EINVAL)
    } else {
        fstatfs(thread, fd, buffer)
    }
}

/// umask(2).
pub fn umask(_: &Thread, mask: Mode) -> Result<u64> {
    let mask = mask.0 & 0o777;
    let old = PROCESS.umask.swap(mask, Ordering::Relaxed);
    if old != mask {
        // For /proc only.
        let _ = SERVER.set_option(k42_api::process::option::UMASK, u64::from(mask));
    }
    Ok(u64::from(old))
}

/// Extended attributes: no file system here has any.
pub fn no_attributes(_: &Thread, _path: Bits) -> Result<u64> {
    Err(Error::EOPNOTSUPP)
}
