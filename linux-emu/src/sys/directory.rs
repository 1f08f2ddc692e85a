//! Directories and names: where the process is, what is in a directory, making and removing names.

use super::path::{ask, at, with_path};
use crate::file::{self, Backing, FileRef, OpenFile, flag};
use crate::mount::{Mount, MountTable};
use crate::process::{PROCESS, ROOT_FILES};
use crate::table::{Dir, Fd, Flags, Mode, Out, Path, Size};
use crate::thread::{Thread, big_buffer};
use crate::user::{self, User};
use crate::walk::{AT_FDCWD, PATH_MAX, Stop, below, mounts, walk, walk_two};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use k42_abi::{Error, ProcessId, Result};
use k42_api::files::{FileKind, path_flag};

const X_OK: u32 = 1;
const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;

/// Opens a directory to be current or root; ENOTDIR, EACCES if it cannot be searched.
fn open_directory(path: &[u8], rest: &mut [u8]) -> Result<FileRef> {
    let flags = flag::O_PATH | flag::O_DIRECTORY | flag::O_CLOEXEC;
    let (opened, server) = walk(AT_FDCWD, path, rest, |s, d, p, rest| {
        s.open(d, p, flags, 0, rest)
    })
    .map_err(Stop::error)?;
    let file =
        file::share(|| OpenFile::new(server, opened.handle, FileKind::Path, flags, opened.mode))?;
    check_search(&file, rest)?;
    Ok(file)
}

fn check_search(directory: &FileRef, rest: &mut [u8]) -> Result<()> {
    if directory.mode & S_IFMT != S_IFDIR || directory.server == ProcessId::NONE {
        return Err(Error::ENOTDIR);
    }
    let files = k42_api::files::FileSystemClient::root(directory.server);
    files
        .access(directory.handle, b"", X_OK, path_flag::EMPTY, rest)
        .map(|_| ())
        .map_err(|(error, _)| error)
}

/// chdir(2).
pub fn chdir(thread: &Thread, path: Path) -> Result<u64> {
    let file = with_path(thread, path.0, false, |path, rest| {
        open_directory(path, rest).map_err(Stop::Error)
    })
    .map_err(Stop::error)?;
    let old = PROCESS.directories.lock().current.replace(file);
    drop(old);
    Ok(0)
}

/// fchdir(2).
pub fn fchdir(thread: &Thread, fd: Fd) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    check_search(&file, &mut thread.scratch.rest.borrow_mut()[..])?;
    let old = PROCESS.directories.lock().current.replace(file);
    drop(old);
    Ok(0)
}

/// chroot(2).
pub fn chroot(thread: &Thread, path: Path) -> Result<u64> {
    let file = with_path(thread, path.0, false, |path, rest| {
        open_directory(path, rest).map_err(Stop::Error)
    })
    .map_err(Stop::error)?;
    PROCESS.require_root()?;
    // The server keeps the process below; what is on another server, its walks cannot leave but by us.
    if file.server == ProcessId::KFS {
        ROOT_FILES.set_root(file.handle)?;
    }
    let mut directories = PROCESS.directories.lock();
    let old = directories.root.replace(file);
    PROCESS.elsewhere.forget();
    drop(directories);
    drop(old);
    Ok(0)
}

/// The mount of `server` that the process sees. If there are several: one that is below the process's root, else the first.
pub fn mount_of(table: &MountTable, server: ProcessId) -> Result<Option<&Mount>> {
    let mut all = table.of_server(server);
    let first = all.next();
    if all.next().is_none() {
        return Ok(first);
    }
    let root = PROCESS.directories.lock().root.clone();
    let Some(root) = root.filter(|root| root.server == ProcessId::KFS) else {
        return Ok(first);
    };
    let mut own = big_buffer(PATH_MAX)?;
    let length = path_of(&root, &mut own)?;
    let seen = |mount: &&Mount| below(&own[..length], &mount.point).is_some();
    Ok(table.of_server(server).find(seen).or(first))
}

/// Absolute path of an open file, mount point included; its length in `out`. ENOENT if it was unlinked.
pub fn path_of(file: &OpenFile, out: &mut [u8]) -> Result<usize> {
    let table: alloc::sync::Arc<MountTable> = mounts()?;
    let point: &[u8] = mount_of(&table, file.server)?.map_or(b"", |mount| {
        mount.point.strip_suffix(b"/").unwrap_or(&mount.point)
    });
    let (head, tail) = out.split_at_mut_checked(point.len()).ok_or(Error::ERANGE)?;
    head.copy_from_slice(point);
    let (_, length) = file.served()?.path(tail).map_err(|(error, _)| error)?;
    // The root of a mount calls itself `/`.
    let length = if length == 1 && !point.is_empty() {
        0
    } else {
        length
    };
    Ok(point.len() + length)
}

/// getcwd(2): length with the NUL.
pub fn getcwd(thread: &Thread, buffer: Out, size: Size) -> Result<u64> {
    let mut path = thread.scratch.path.borrow_mut();
    let length = current_path(&mut path[..PATH_MAX - 1])?;
    path[length] = 0;
    if size.0 < length as u64 + 1 {
        return Err(Error::ERANGE);
    }
    user::copy_out(buffer.0, &path[..=length])?;
    Ok(length as u64 + 1)
}

/// Path of the current directory, seen from the process's root; its length.
fn current_path(out: &mut [u8]) -> Result<usize> {
    const OUTSIDE: &[u8] = b"(unreachable)";
    let (current, root) = {
        let directories = PROCESS.directories.lock();
        (directories.current.clone(), directories.root.clone())
    };
    let length = match current {
        Some(file) => path_of(&file, out)?,
        None => {
            *out.first_mut().ok_or(Error::ERANGE)? = b'/';
            1
        }
    };
    let Some(root) = root else { return Ok(length) };
    let mut above = big_buffer(PATH_MAX)?;
    let cut = path_of(&root, &mut above)?;
    match below(&above[..cut], &out[..length]).map(<[u8]>::len) {
        Some(0) => {
            out[0] = b'/';
            Ok(1)
        }
        Some(rest) => {
            out.copy_within(length - rest..length, 0);
            Ok(rest)
        }
        None if OUTSIDE.len() + length > out.len() => Err(Error::ERANGE),
        None => {
            out.copy_within(..length, OUTSIDE.len());
            out[..OUTSIDE.len()].copy_from_slice(OUTSIDE);
            Ok(OUTSIDE.len() + length)
        }
    }
}

/// getdents64(2).
pub fn getdents64(thread: &Thread, fd: Fd, buffer: Out, size: Size) -> Result<u64> {
    let file = PROCESS.file(fd.0)?;
    if file.kind != FileKind::Directory {
        return Err(if file.kind == FileKind::Path {
            Error::EBADF
        } else {
            Error::ENOTDIR
        });
    }
    let mut bulk = thread.scratch.bulk.borrow_mut();
    let room = (size.0 as usize).min(bulk.len() - 64);
    // The directory's offset moves: the buffer must be one.
    user::probe(buffer.0, room)?;
    let (_, length) = file
        .client()
        .read_directory(&mut bulk[..room])
        .map_err(|(error, _)| error)?;
    user::copy_out(buffer.0, &bulk[..length])?;
    Ok(length as u64)
}

/// mknodat(2).
pub fn mknodat(
    thread: &Thread,
    directory: Dir,
    path: Path,
    mode: Mode,
    device: Flags,
) -> Result<u64> {
    let kind = if mode.0 & S_IFMT == 0 {
        S_IFREG
    } else {
        mode.0 & S_IFMT
    };
    if kind == S_IFDIR {
        return Err(Error::EPERM);
    }
    make(
        thread,
        directory.0,
        path,
        kind | mode.0 & 0o7777,
        u64::from(device.0),
    )
}

/// mknod(2).
pub fn mknod(thread: &Thread, path: Path, mode: Mode, device: Flags) -> Result<u64> {
    mknodat(thread, Dir(AT_FDCWD), path, mode, device)
}

fn make(thread: &Thread, directory: i32, path: Path, mode: u32, device: u64) -> Result<u64> {
    let mode = mode & !PROCESS.umask.load(Ordering::Relaxed);
    ask(thread, directory, path.0, false, |s, d, p, rest| {
        s.make_node(d, p, mode, device, rest)
    })
    .map_err(Stop::error)?;
    Ok(0)
}

/// mkdirat(2).
pub fn mkdirat(thread: &Thread, directory: Dir, path: Path, mode: Mode) -> Result<u64> {
    make(thread, directory.0, path, S_IFDIR | mode.0 & 0o1777, 0)
}

/// mkdir(2).
pub fn mkdir(thread: &Thread, path: Path, mode: Mode) -> Result<u64> {
    mkdirat(thread, Dir(AT_FDCWD), path, mode)
}

/// unlinkat(2).
pub fn unlinkat(thread: &Thread, directory: Dir, path: Path, flags: Flags) -> Result<u64> {
    if flags.0 & !at::REMOVEDIR != 0 {
        return Err(Error::EINVAL);
    }
    let how = if flags.0 & at::REMOVEDIR != 0 {
        path_flag::DIRECTORY
    } else {
        0
    };
    ask(thread, directory.0, path.0, false, |s, d, p, rest| {
        s.unlink(d, p, how, rest)
    })
    .map_err(Stop::error)?;
    Ok(0)
}

/// unlink(2).
pub fn unlink(thread: &Thread, path: Path) -> Result<u64> {
    unlinkat(thread, Dir(AT_FDCWD), path, Flags(0))
}

/// rmdir(2).
pub fn rmdir(thread: &Thread, path: Path) -> Result<u64> {
    unlinkat(thread, Dir(AT_FDCWD), path, Flags(at::REMOVEDIR))
}

/// Runs `then` with two path arguments.
fn with_two<R>(
    thread: &Thread,
    old: Path,
    new: Path,
    old_may_be_empty: bool,
    then: impl FnOnce(&[u8], &[u8], &mut [u8]) -> core::result::Result<R, Stop>,
) -> Result<R> {
    with_path(thread, old.0, old_may_be_empty, |first, rest| {
        let mut buffer = thread.scratch.other_path.borrow_mut();
        let length = user::copy_string(new.0, &mut buffer[..], Error::ENAMETOOLONG)?;
        if length == 0 {
            return Err(Error::ENOENT.into());
        }
        then(first, &buffer[..length], rest)
    })
    .map_err(Stop::error)
}

/// linkat(2).
pub fn linkat(
    thread: &Thread,
    old_directory: Dir,
    old: Path,
    new_directory: Dir,
    new: Path,
    flags: Flags,
) -> Result<u64> {
    if flags.0 & !(at::SYMLINK_FOLLOW | at::EMPTY_PATH) != 0 {
        return Err(Error::EINVAL);
    }
    let mut how = if flags.0 & at::SYMLINK_FOLLOW == 0 {
        path_flag::NO_FOLLOW
    } else {
        0
    };
    if flags.0 & at::EMPTY_PATH != 0 {
        how |= path_flag::EMPTY;
    }
    with_two(
        thread,
        old,
        new,
        how & path_flag::EMPTY != 0,
        |old, new, rest| {
            walk_two(
                (old_directory.0, old),
                (new_directory.0, new),
                rest,
                |s, (od, op), (nd, np), rest| s.link(od, op, nd, np, how, rest),
            )
        },
    )?;
    Ok(0)
}

/// link(2).
pub fn link(thread: &Thread, old: Path, new: Path) -> Result<u64> {
    linkat(thread, Dir(AT_FDCWD), old, Dir(AT_FDCWD), new, Flags(0))
}

/// renameat2(2).
pub fn renameat2(
    thread: &Thread,
    old_directory: Dir,
    old: Path,
    new_directory: Dir,
    new: Path,
    flags: Flags,
) -> Result<u64> {
    // RENAME_NOREPLACE, RENAME_EXCHANGE; both at once mean nothing.
    if flags.0 & !3 != 0 || flags.0 == 3 {
        return Err(Error::EINVAL);
    }
    with_two(thread, old, new, false, |old, new, rest| {
        walk_two(
            (old_directory.0, old),
            (new_directory.0, new),
            rest,
            |s, (od, op), (nd, np), rest| s.rename(od, op, nd, np, flags.0, rest),
        )
    })?;
    Ok(0)
}

/// renameat(2).
pub fn renameat(
    thread: &Thread,
    old_directory: Dir,
    old: Path,
    new_directory: Dir,
    new: Path,
) -> Result<u64> {
    renameat2(thread, old_directory, old, new_directory, new, Flags(0))
}

/// rename(2).
pub fn rename(thread: &Thread, old: Path, new: Path) -> Result<u64> {
    renameat2(thread, Dir(AT_FDCWD), old, Dir(AT_FDCWD), new, Flags(0))
}

/// symlinkat(2).
pub fn symlinkat(thread: &Thread, target: Path, directory: Dir, path: Path) -> Result<u64> {
    with_two(thread, target, path, false, |target, path, rest| {
        walk(directory.0, path, rest, |s, d, p, rest| {
            s.symlink(target, d, p, rest)
        })
        .map(|_| ())
    })?;
    Ok(0)
}

/// symlink(2).
pub fn symlink(thread: &Thread, target: Path, path: Path) -> Result<u64> {
    symlinkat(thread, target, Dir(AT_FDCWD), path)
}

/// readlinkat(2).
pub fn readlinkat(
    thread: &Thread,
    directory: Dir,
    path: Path,
    buffer: Out,
    size: Size,
) -> Result<u64> {
    if size.0 as i32 <= 0 {
        return Err(Error::EINVAL);
    }
    with_path(thread, path.0, true, |path, rest| {
        if path.is_empty() && directory.0 == AT_FDCWD {
            return Err(Error::ENOENT.into());
        }
        // The text comes back where a redirect would.
        let mut position_rest = big_buffer(PATH_MAX + 64)?;
        let mut length = 0;
        let walked = walk(
            directory.0,
            path,
            &mut position_rest,
            |s, d, p, redirect| {
                let answer = s.read_link(d, p, rest);
                match answer {
                    Ok((value, filled)) => {
                        length = filled;
                        Ok((value, 0))
                    }
                    Err((error, filled)) => {
                        redirect[..filled].copy_from_slice(&rest[..filled]);
                        Err((error, filled))
                    }
                }
            },
        );
        match walked {
            Ok(_) => {}
            Err(Stop::Descriptor(AT_FDCWD)) => length = current_path(rest)?,
            Err(Stop::Descriptor(fd)) => length = describe(&*PROCESS.file(fd)?, rest)?,
            Err(stop) => return Err(stop),
        }
        let length = length.min(size.0 as usize);
        user::copy_out(buffer.0, &rest[..length])?;
        Ok(length as u64)
    })
    .map_err(Stop::error)
}

/// What a link in /proc/self/fd reads: a path, or the kind of a file that has none.
fn describe(file: &OpenFile, out: &mut [u8]) -> Result<usize> {
    use core::fmt::Write;
    if let Ok(length) = path_of(file, out) {
        return Ok(length);
    }
    let mut line = crate::strace::Line::new();
    let kind = match (&file.backing, file.kind) {
        (Backing::Epoll(_), _) => "anon_inode:[eventpoll]",
        (Backing::Counter(_), _) => "anon_inode:[eventfd]",
        (Backing::Timer(_), _) => "anon_inode:[timerfd]",
        (Backing::Signals(_), _) => "anon_inode:[signalfd]",
        (_, FileKind::Pipe | FileKind::StreamSocket | FileKind::MessageSocket) => {
            let what = if file.kind.is_socket() {
                "socket"
            } else {
                "pipe"
            };
            let inode = file
                .client()
                .attributes()
                .map_or(0, |attributes| attributes.inode);
            let _ = write!(line, "{what}:[{inode}]");
            ""
        }
        _ => return Err(Error::ENOENT),
    };
    let _ = line.write_str(kind);
    let text = line.finish().trim_ascii_end().as_bytes();
    out.get_mut(..text.len())
        .ok_or(Error::ERANGE)?
        .copy_from_slice(text);
    Ok(text.len())
}

/// readlink(2).
pub fn readlink(thread: &Thread, path: Path, buffer: Out, size: Size) -> Result<u64> {
    readlinkat(thread, Dir(AT_FDCWD), path, buffer, size)
}

/// mount(2): what the name server offers; only file systems that a server is running for.
pub fn mount(
    thread: &Thread,
    source: Path,
    target: Path,
    kind: Path,
    flags: Flags,
    _data: crate::table::In,
) -> Result<u64> {
    PROCESS.require_root()?;
    let text = |at: User| {
        if at.is_null() {
            Ok(Vec::new())
        } else {
            user::string(at, PATH_MAX, Error::ENAMETOOLONG)
        }
    };
    let (source, kind) = (text(source.0)?, text(kind.0)?);
    let (source, kind) = (core::str::from_utf8(&source), core::str::from_utf8(&kind));
    let (Ok(source), Ok(kind)) = (source, kind) else {
        return Err(Error::EINVAL);
    };
    let server = mounts()?
        .server_of_kind(kind.as_bytes())
        .ok_or(Error::ENODEV)?;
    let directory = with_path(thread, target.0, false, |path, rest| {
        open_directory(path, rest).map_err(Stop::Error)
    })
    .map_err(Stop::error)?;
    let mut path = big_buffer(PATH_MAX)?;
    let length = path_of(&directory, &mut path)?;
    let point = core::str::from_utf8(&path[..length]).map_err(|_| Error::EINVAL)?;
    crate::process::NAMES.mount(
        server,
        kind,
        source,
        point,
        directory.server,
        directory.handle,
        flags.0,
    )?;
    PROCESS.mounts_changed.store(true, Ordering::Release);
    Ok(0)
}

/// umount2(2).
pub fn umount2(thread: &Thread, target: Path, flags: Flags) -> Result<u64> {
    PROCESS.require_root()?;
    with_path(thread, target.0, false, |path, _| {
        // The table has mount points by their whole paths.
        let mut whole = big_buffer(PATH_MAX)?;
        let mut length = 0;
        if path.first() != Some(&b'/') {
            length = current_path(&mut whole)?;
            *whole.get_mut(length).ok_or(Error::ENAMETOOLONG)? = b'/';
            length += 1;
        }
        let room = whole.get_mut(length..length + path.len());
        room.ok_or(Error::ENAMETOOLONG)?.copy_from_slice(path);
        length += path.len();
        let point = core::str::from_utf8(&whole[..length]).map_err(|_| Error::EINVAL)?;
        crate::process::NAMES
            .unmount(point, flags.0)
            .map_err(Stop::Error)
    })
    .map_err(Stop::error)?;
    PROCESS.mounts_changed.store(true, Ordering::Release);
    Ok(0)
}
