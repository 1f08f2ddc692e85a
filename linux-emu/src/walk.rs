//! From a path to the server that can deal with it.
//!
//! The servers walk; the library only decides where a walk begins and follows the redirects with which one
//! leaves a file system (see `k42_api::files::redirect`). A call is therefore written as a closure that
//! asks one server about one directory handle and path, and is repeated until a server answers.

use crate::file::FileRef;
use crate::mount::{MountTable, parent_of};
use crate::process::{NAMES, PROCESS};
use crate::thread::big_buffer;
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use k42_abi::{Error, Handle, ProcessId, Result};
use k42_api::files::{FileSystemClient, redirect};

/// The directory argument that means the current directory.
pub const AT_FDCWD: i32 = -100;
/// Most redirects in one walk.
const MOST_REDIRECTS: usize = 40;
/// Longest path.
pub const PATH_MAX: usize = 4096;

/// What a stub with room for a redirect answers.
pub type Answer<R> = core::result::Result<(R, usize), (Error, usize)>;

/// Where a walk goes on. The path is the caller's own as long as no redirect has changed it.
pub struct Position<'p> {
    /// The server to ask.
    pub server: ProcessId,
    /// The directory there.
    pub directory: Handle,
    /// The path from there.
    pub path: Cow<'p, [u8]>,
    /// Keeps the directory open meanwhile.
    _keep: Option<FileRef>,
}

/// How a walk can end beside a server's answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// An error.
    Error(Error),
    /// A magic link to one of the process's own descriptors.
    Descriptor(i32),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Stop {
    /// The error for calls that cannot do anything with a descriptor.
    pub fn error(self) -> Error {
        match self {
            Self::Error(error) => error,
            Self::Descriptor(_) => Error::EXDEV,
        }
    }
}

/// The server for an absolute path, and how much of the path is done when it is asked; by the cached mount table if that
/// is still right.
fn route(path: &[u8]) -> Result<(ProcessId, usize)> {
    let by = |table: &MountTable| {
        let found = table.route(path);
        found.map_or((ProcessId::KFS, 0), |(mount, used)| (mount.server, used))
    };
    if !PROCESS.mounts_changed.load(Ordering::Acquire)
        && let Some(table) = PROCESS.mounts.lock().as_ref()
    {
        note_letters(table);
        return Ok(by(table));
    }
    Ok(by(&*mounts()?))
}

/// Whether `path` certainly begins in the root file system, of which KFS is the server. Says so without a lock for most
/// paths; the others go by the mount table.
fn in_root_files(path: &[u8]) -> bool {
    match path {
        [b'/', first, ..] => {
            PROCESS.elsewhere.lacks(*first) && !PROCESS.mounts_changed.load(Ordering::Acquire)
        }
        _ => false,
    }
}

/// Notes for [`in_root_files`] what `table` says, which is locked. A process with a root of its own notes nothing.
fn note_letters(table: &MountTable) {
    if !PROCESS.elsewhere.is_known() {
        let directories = PROCESS.directories.lock();
        if directories.root.is_none()
            && let Some(letters) = table.first_letters()
        {
            PROCESS.elsewhere.set(&letters);
        }
    }
}

/// The mount table, from the cache if it is still right.
pub fn mounts() -> Result<Arc<MountTable>> {
    if !PROCESS.mounts_changed.load(Ordering::Acquire)
        && let Some(table) = PROCESS.mounts.lock().as_ref()
    {
        return Ok(table.clone());
    }
    PROCESS.elsewhere.forget();
    // Before the question: what changes from now on is either in the answer or sets this again.
    PROCESS.mounts_changed.store(false, Ordering::Release);
    let mut bytes = big_buffer(8000)?;
    let (_version, length) = NAMES.mounts(&mut bytes).map_err(|(error, _)| error)?;
    let table = Arc::try_new(MountTable::parse(&bytes[..length])?).map_err(|_| Error::ENOMEM)?;
    let mut mounts = PROCESS.mounts.lock();
    *mounts = Some(table.clone());
    // Somebody may have noted the old table's meanwhile.
    PROCESS.elsewhere.forget();
    Ok(table)
}

fn copy(path: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve_exact(path.len())
        .map_err(|_| Error::ENOMEM)?;
    out.extend_from_slice(path);
    Ok(out)
}

/// What is left of `path` from `start` on, or `if_empty` if that is nothing.
fn from<'p>(path: Cow<'p, [u8]>, start: usize, if_empty: &'static [u8]) -> Result<Cow<'p, [u8]>> {
    if start == path.len() {
        return Ok(Cow::Borrowed(if_empty));
    }
    Ok(match path {
        Cow::Borrowed(path) => Cow::Borrowed(&path[start..]),
        Cow::Owned(path) if start == 0 => Cow::Owned(path),
        Cow::Owned(path) => Cow::Owned(copy(&path[start..])?),
    })
}

/// What is left of `path` below the directory `above`: nothing, or something that begins with a slash. `None`: it is not
/// below.
pub fn below<'p>(above: &[u8], path: &'p [u8]) -> Option<&'p [u8]> {
    let above = above.strip_suffix(b"/").unwrap_or(above);
    let rest = path.strip_prefix(above)?;
    match rest {
        [] | [b'/', ..] => Some(if rest == b"/" { b"" } else { rest }),
        _ => None,
    }
}

/// Joins two pieces of a path.
fn join(first: &[u8], rest: &[u8]) -> Result<Vec<u8>> {
    if first.len() + rest.len() + 1 >= PATH_MAX {
        return Err(Error::ENAMETOOLONG);
    }
    let mut out = copy(first)?;
    out.try_reserve(rest.len() + 1).map_err(|_| Error::ENOMEM)?;
    if !rest.is_empty() {
        out.push(b'/');
        out.extend_from_slice(rest);
    }
    Ok(out)
}

impl<'p> Position<'p> {
    /// Where `path` begins, seen from descriptor `directory`.
    #[inline]
    pub fn start(directory: i32, path: &'p [u8]) -> Result<Self> {
        if in_root_files(path) {
            return Ok(Self::root_files(path));
        }
        Self::start_anywhere(directory, path)
    }

    /// From the root of the root file system.
    fn root_files(path: &'p [u8]) -> Self {
        Self {
            server: ProcessId::KFS,
            directory: Handle::ROOT,
            path: Cow::Borrowed(path),
            _keep: None,
        }
    }

    fn start_anywhere(directory: i32, path: &'p [u8]) -> Result<Self> {
        if path.first() == Some(&b'/') {
            return Self::absolute(Cow::Borrowed(path));
        }
        let base = if directory == AT_FDCWD {
            let current = PROCESS.directories.lock().current.clone();
            match current {
                Some(current) => current,
                None => return Self::absolute(Cow::Owned(join(b"/", path)?)),
            }
        } else {
            let base = PROCESS.file(directory)?;
            // What is not a directory is found out by its server; what has no server is none.
            if base.server == ProcessId::NONE && !path.is_empty() {
                return Err(Error::ENOTDIR);
            }
            base
        };
        Ok(Self {
            server: base.server,
            directory: base.handle,
            path: Cow::Borrowed(path),
            _keep: Some(base),
        })
    }

    /// From the process's root directory.
    fn absolute(path: Cow<'p, [u8]>) -> Result<Self> {
        let root = PROCESS.directories.lock().root.clone();
        if let Some(root) = root {
            let start = path.iter().position(|&b| b != b'/').unwrap_or(path.len());
            return Ok(Self {
                server: root.server,
                directory: root.handle,
                path: from(path, start, b".")?,
                _keep: Some(root),
            });
        }
        Self::from_true_root(path)
    }

    /// From the root of all file systems, by the mount table.
    fn from_true_root(path: Cow<'p, [u8]>) -> Result<Self> {
        let (server, used) = route(&path)?;
        Ok(Self {
            server,
            directory: Handle::ROOT,
            // A path that names the mount point itself names the root of the mount; a slash at its end stays.
            path: from(path, used, b"/")?,
            _keep: None,
        })
    }

    /// From the directory in which the file system of the present server is mounted, where a walk has come out of that.
    fn above_mount(&self, rest: &[u8]) -> Result<Position<'static>> {
        let table = mounts()?;
        let mount = crate::sys::directory::mount_of(&table, self.server)?.ok_or(Error::EIO)?;
        let above = parent_of(&mount.point);
        let root = PROCESS.directories.lock().root.clone();
        let Some(root) = root else {
            return Position::from_true_root(Cow::Owned(join(above, rest)?));
        };
        let mut path = Vec::new();
        if root.server != self.server {
            // It is known by which path one comes here from the true root: of that, what is below the process's own.
            let mut own = big_buffer(PATH_MAX)?;
            let length = crate::sys::directory::path_of(&root, &mut own)?;
            // Nobody comes here from there: the process stands outside its root.
            path = copy(below(&own[..length], above).ok_or(Error::ENOENT)?)?;
        }
        // Else the root is in there, and nothing is above it.
        path = join(&path, rest)?;
        let start = path.iter().position(|&b| b != b'/').unwrap_or(path.len());
        Ok(Position {
            server: root.server,
            directory: root.handle,
            path: from(Cow::Owned(path), start, b".")?,
            _keep: Some(root),
        })
    }

    /// The stub of the server.
    pub fn client(&self) -> FileSystemClient {
        FileSystemClient::root(self.server)
    }

    /// Goes where a redirect says.
    fn follow(&mut self, rest: &[u8]) -> core::result::Result<(), Stop> {
        let (header, path) = rest.split_at_checked(redirect::HEADER).ok_or(Error::EIO)?;
        let id = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
        *self = match header[0] & 0x7f {
            redirect::MOUNT => {
                let table = mounts()?;
                let mount = table.by_id(id).ok_or(Error::EIO)?;
                Self {
                    server: mount.server,
                    directory: Handle::ROOT,
                    path: Cow::Owned(join(b"", path)?),
                    _keep: None,
                }
            }
            redirect::PARENT => self.above_mount(path)?,
            redirect::ABSOLUTE => Self::absolute(Cow::Owned(copy(path)?))?,
            redirect::MAGIC => match path.strip_prefix(b"fd:") {
                Some(number) => {
                    let text = core::str::from_utf8(number).map_err(|_| Error::EIO)?;
                    let (number, rest) = text.split_once('/').unwrap_or((text, ""));
                    let fd = number.parse().map_err(|_| Error::EIO)?;
                    if rest.is_empty() {
                        return Err(Stop::Descriptor(fd));
                    }
                    let from = Position::start(fd, rest.as_bytes())?;
                    Self {
                        server: from.server,
                        directory: from.directory,
                        path: Cow::Owned(copy(&from.path)?),
                        _keep: from._keep,
                    }
                }
                None => Self::absolute(Cow::Owned(copy(path)?))?,
            },
            _ => return Err(Error::EIO.into()),
        };
        if self.path.is_empty() {
            self.path = Cow::Borrowed(b"/");
        }
        Ok(())
    }
}

/// Asks the servers about `path`, seen from descriptor `directory`, until one answers; the answer, and
/// who gave it. `rest` is scratch memory for redirects.
#[inline]
pub fn walk<R>(
    directory: i32,
    path: &[u8],
    rest: &mut [u8],
    mut ask: impl FnMut(FileSystemClient, Handle, &[u8], &mut [u8]) -> Answer<R>,
) -> core::result::Result<(R, ProcessId), Stop> {
    if !in_root_files(path) {
        return walk_from(Position::start_anywhere(directory, path)?, rest, &mut ask);
    }
    match ask(ROOT_FILES, Handle::ROOT, path, rest) {
        Ok((answer, _)) => Ok((answer, ProcessId::KFS)),
        Err((Error::CROSS_MOUNT, length)) => {
            let mut position = Position::root_files(path);
            position.follow(&rest[..length])?;
            walk_from(position, rest, &mut ask)
        }
        Err((error, _)) => Err(Stop::Error(error)),
    }
}

/// The server of the root file system.
const ROOT_FILES: FileSystemClient = FileSystemClient::root(ProcessId::KFS);

/// What a walk asks a server.
type Ask<'a, R> = dyn FnMut(FileSystemClient, Handle, &[u8], &mut [u8]) -> Answer<R> + 'a;

/// Goes on asking at a position.
fn walk_from<R>(
    mut position: Position<'_>,
    rest: &mut [u8],
    ask: &mut Ask<'_, R>,
) -> core::result::Result<(R, ProcessId), Stop> {
    for _ in 0..MOST_REDIRECTS {
        match ask(position.client(), position.directory, &position.path, rest) {
            Ok((answer, _)) => return Ok((answer, position.server)),
            Err((Error::CROSS_MOUNT, length)) => position.follow(&rest[..length])?,
            Err((error, _)) => return Err(Stop::Error(error)),
        }
    }
    Err(Stop::Error(Error::ELOOP))
}

/// The same for a call about two paths, which have to be on one file system in the end (EXDEV).
pub fn walk_two<R>(
    old: (i32, &[u8]),
    new: (i32, &[u8]),
    rest: &mut [u8],
    mut ask: impl FnMut(FileSystemClient, (Handle, &[u8]), (Handle, &[u8]), &mut [u8]) -> Answer<R>,
) -> core::result::Result<R, Stop> {
    let mut from = Position::start(old.0, old.1)?;
    let mut to = Position::start(new.0, new.1)?;
    for _ in 0..MOST_REDIRECTS {
        if from.server != to.server {
            return Err(Stop::Error(Error::EXDEV));
        }
        match ask(
            from.client(),
            (from.directory, &from.path),
            (to.directory, &to.path),
            rest,
        ) {
            Ok((answer, _)) => return Ok(answer),
            Err((Error::CROSS_MOUNT, length)) => {
                let about_new = rest.first().is_some_and(|&kind| kind & 0x80 != 0);
                if about_new {
                    to.follow(&rest[..length])?
                } else {
                    from.follow(&rest[..length])?
                }
            }
            Err((error, _)) => return Err(Stop::Error(error)),
        }
    }
    Err(Stop::Error(Error::ELOOP))
}
