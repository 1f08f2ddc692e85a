//! File servers: KFS, /proc (in the process server) and /dev (in the console server) all offer
//! these interfaces.
//!
//! Paths are resolved by the server, from a directory handle of its own or from its root
//! ([`Handle::ROOT`]). A walk that leaves the file system ends with `Error::CROSS_MOUNT`, and `rest` holds a
//! [`redirect`]: where to go on, and with which path. The client library looks the mount up and asks again
//! there. Paths are bytes without NUL, at most 4095.

use k42_ipc::{Caller, Error, Handle, OutBuf, Result, Wire, interface, wire_struct};

/// First bytes of `rest` after CROSS_MOUNT: kind (u8), mount id (u32 little-endian), then the path that is left.
pub mod redirect {
    /// Go on at the root of the mount with the id given.
    pub const MOUNT: u8 = 1;
    /// Go on at the parent of this file system's mount point (the walk met `..` at the root).
    pub const PARENT: u8 = 2;
    /// Go on at the process's root directory: an absolute symbolic link. The path left starts with `/`.
    pub const ABSOLUTE: u8 = 3;
    /// A magic link of /proc (`/proc/self/fd/N`, `exe`, `cwd`): the path left names the object as the
    /// library knows it (`fd:N`, or a path).
    pub const MAGIC: u8 = 4;
    /// Bytes before the path.
    pub const HEADER: usize = 5;
}

/// What an open file is, so that the library can treat it by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum FileKind {
    /// Data with a length and offsets.
    Regular = 0,
    /// A directory.
    Directory = 1,
    /// A pipe or FIFO: no offsets.
    Pipe = 2,
    /// A terminal.
    Terminal = 3,
    /// /dev/null: the library needs no server for it.
    Null = 4,
    /// /dev/zero.
    Zero = 5,
    /// /dev/full.
    Full = 6,
    /// Any other character device.
    Device = 7,
    /// Opened with O_PATH.
    Path = 8,
    /// A file whose contents are made up when read (/proc).
    Generated = 9,
    /// A local socket that carries bytes.
    StreamSocket = 10,
    /// A local socket that carries messages.
    MessageSocket = 11,
    /// /dev/trace_marker: what is written there goes to the trace. The library needs no server for it.
    Marker = 12,
}

impl FileKind {
    /// Whether it is a socket.
    pub const fn is_socket(self) -> bool {
        matches!(self, Self::StreamSocket | Self::MessageSocket)
    }
}

impl Wire for FileKind {
    const WORDS: usize = 1;
    fn put(&self, words: &mut [u64]) {
        words[0] = *self as u64;
    }
    fn get(words: &[u64]) -> Result<Self> {
        Ok(match words[0] {
            0 => Self::Regular,
            1 => Self::Directory,
            2 => Self::Pipe,
            3 => Self::Terminal,
            4 => Self::Null,
            5 => Self::Zero,
            6 => Self::Full,
            7 => Self::Device,
            8 => Self::Path,
            9 => Self::Generated,
            10 => Self::StreamSocket,
            11 => Self::MessageSocket,
            12 => Self::Marker,
            _ => return Err(Error::BAD_MESSAGE),
        })
    }
}

wire_struct! {
    /// What stat(2) and statx(2) tell. Times are nanoseconds since 1970.
    pub struct Attributes {
        /// Device of the file system.
        pub device: u64,
        /// Inode number.
        pub inode: u64,
        /// Type and permission bits (Linux's S_IF*).
        pub mode: u32,
        /// Links.
        pub links: u32,
        /// Owner.
        pub uid: u32,
        /// Group.
        pub gid: u32,
        /// Device that a device node stands for.
        pub rdev: u64,
        /// Length in bytes.
        pub size: u64,
        /// 512-byte blocks used.
        pub blocks: u64,
        /// Preferred block size.
        pub block_size: u32,
        /// Last access.
        pub accessed: i64,
        /// Last change of data.
        pub modified: i64,
        /// Last change of attributes.
        pub changed: i64,
        /// Birth.
        pub created: i64,
    }
}

wire_struct! {
    /// Result of an open.
    pub struct Opened {
        /// Handle of the open file.
        pub handle: Handle,
        /// What it is.
        pub kind: FileKind,
        /// Type and permission bits.
        pub mode: u32,
    }
}

wire_struct! {
    /// What to change; see [`set`].
    pub struct SetAttributes {
        /// Which of the fields count.
        pub which: u32,
        /// Permission bits.
        pub mode: u32,
        /// Owner.
        pub uid: u32,
        /// Group.
        pub gid: u32,
        /// Length.
        pub size: u64,
        /// Access time, ns.
        pub accessed: i64,
        /// Modification time, ns.
        pub modified: i64,
    }
}

/// Bits of [`SetAttributes::which`].
pub mod set {
    #![allow(missing_docs, reason = "named after the fields")]
    pub const MODE: u32 = 1;
    pub const UID: u32 = 2;
    pub const GID: u32 = 4;
    pub const SIZE: u32 = 8;
    pub const ACCESSED: u32 = 16;
    pub const MODIFIED: u32 = 32;
    /// The server takes its own time for ACCESSED.
    pub const ACCESSED_NOW: u32 = 64;
    /// The server takes its own time for MODIFIED.
    pub const MODIFIED_NOW: u32 = 128;
}

/// Flags of path calls (on top of Linux's O_* in `open`).
pub mod path_flag {
    /// Do not follow a symbolic link in the last place.
    pub const NO_FOLLOW: u32 = 1;
    /// unlink: it must be a directory (rmdir).
    pub const DIRECTORY: u32 = 2;
    /// Check access with the real instead of the effective ids (access(2)).
    pub const REAL_IDS: u32 = 4;
    /// An empty path names the handle itself (AT_EMPTY_PATH).
    pub const EMPTY: u32 = 8;
}

wire_struct! {
    /// What statfs(2) tells.
    pub struct FileSystemInfo {
        /// f_type.
        pub kind: u64,
        /// f_bsize.
        pub block_size: u64,
        /// f_blocks.
        pub blocks: u64,
        /// f_bfree.
        pub free: u64,
        /// f_bavail.
        pub available: u64,
        /// f_files.
        pub files: u64,
        /// f_ffree.
        pub files_free: u64,
        /// f_namelen.
        pub name_length: u64,
        /// f_fsid.
        pub id: u64,
        /// f_flags.
        pub flags: u64,
    }
}

/// A file system: the root object of a file server. `directory` is a handle of an open directory on this server
/// or `Handle::ROOT`. All calls that take a path may end with CROSS_MOUNT and a redirect in `rest`.
/// Errors are those of the Linux call of the same name.
#[interface(id = 6)]
pub trait FileSystem {
    /// openat(2): `flags` are Linux's O_* for ppc64, `mode` has the umask taken off already.
    #[method(1)]
    fn open(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        flags: u32,
        mode: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<Opened>;
    /// fstatat(2).
    #[method(2)]
    fn stat(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<Attributes>;
    /// faccessat2(2): `mode` R_OK|W_OK|X_OK.
    #[method(3)]
    fn access(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        mode: u32,
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()>;
    /// chmod, chown, truncate, utimensat in one.
    #[method(4)]
    fn set_attributes(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        flags: u32,
        new: SetAttributes,
        rest: &mut OutBuf<'_>,
    ) -> Result<()>;
    /// mkdirat, mknodat (`mode` with S_IF*), in one. S_IFDIR makes a directory.
    #[method(5)]
    fn make_node(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        mode: u32,
        rdev: u64,
        rest: &mut OutBuf<'_>,
    ) -> Result<()>;
    /// symlinkat(2).
    #[method(6)]
    fn symlink(
        &self,
        caller: &Caller,
        target: &[u8],
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<()>;
    /// readlinkat(2).
    #[method(7)]
    fn read_link(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<u32>;
    /// linkat(2) within this file system. After CROSS_MOUNT the first byte of the redirect has bit 7 set if it is about the new path.
    #[method(8)]
    fn link(
        &self,
        caller: &Caller,
        old_directory: Handle,
        old_path: &[u8],
        new_directory: Handle,
        new_path: &[u8],
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()>;
    /// unlinkat(2); [`path_flag::DIRECTORY`] for rmdir.
    #[method(9)]
    fn unlink(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()>;
    /// renameat2(2) within this file system; flags RENAME_NOREPLACE, RENAME_EXCHANGE. Redirects as in `link`.
    #[method(10)]
    fn rename(
        &self,
        caller: &Caller,
        old_directory: Handle,
        old_path: &[u8],
        new_directory: Handle,
        new_path: &[u8],
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()>;
    /// statfs(2).
    #[method(11)]
    fn statfs(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<FileSystemInfo>;
    /// pipe2(2): handles of the reading and the writing end. `flags`: O_NONBLOCK.
    #[method(12)]
    fn pipe(&self, caller: &Caller, flags: u32) -> Result<[u64; 2]>;
    /// From the name server: mount `id` sits on the directory (`id` = u32::MAX takes it away). Walks into it are redirected.
    #[method(13)]
    fn set_mount_point(&self, caller: &Caller, path: &[u8], id: u32) -> Result<()>;
    /// sync(2).
    #[method(14)]
    fn sync(&self, caller: &Caller) -> Result<()>;
    /// chroot(2): the directory is from now on what `Handle::ROOT` means for the caller and its children, where absolute
    /// symbolic links begin, and where `..` stays. EPERM unless root, ENOTDIR; ENOSYS if this is not the top file system.
    #[method(15)]
    fn set_root(&self, _caller: &Caller, _directory: Handle) -> Result<()> {
        Err(Error::ENOSYS)
    }
}

/// The page that tells a client about a file whose data it has mapped: words in the kernel's order, written by the file
/// server. A client moves data only within [`SIZE`](view::SIZE), and asks the server for a transfer that one of the flags
/// speaks of. What changes meanwhile shows as a fault in the mapped data; then the server is asked as well.
pub mod view {
    /// Index of the word that holds the length of the file.
    pub const SIZE: usize = 0;
    /// Index of the word with the flags.
    pub const FLAGS: usize = 1;
    /// Reading would change the time of access.
    pub const READ_ASKS: u64 = 1;
    /// Writing would take the set-id bits away.
    pub const WRITE_ASKS: u64 = 2;
    /// Times of modification are exact to so many nanoseconds: a client that writes by itself asks the server for a write
    /// that comes so long after the last one that the server knows of.
    pub const TIME_STEP: u64 = 4_000_000;
}

/// Greatest length of a file, and greatest offset, as ext4 with 4 KiB blocks has it.
pub const LENGTH_MAX: u64 = (16 << 40) - 4096;

/// Offset argument that means "the open file's own offset" (which then moves).
pub const CURRENT: u64 = u64::MAX;

/// Bits of poll events (Linux's POLL*).
pub mod poll {
    #![allow(missing_docs, reason = "named after Linux's constants")]
    pub const IN: u32 = 0x001;
    pub const PRI: u32 = 0x002;
    pub const OUT: u32 = 0x004;
    pub const ERR: u32 = 0x008;
    pub const HUP: u32 = 0x010;
    pub const NVAL: u32 = 0x020;
    pub const RDNORM: u32 = 0x040;
    pub const WRNORM: u32 = 0x100;
    pub const RDHUP: u32 = 0x2000;
}

/// An open file (open file description in Linux's words): shared by all who got it by dup or fork.
#[interface(id = 7)]
pub trait OpenFile {
    /// read(2) at [`CURRENT`], or pread(2). Zero bytes = end. WOULD_BLOCK: nothing now, a READY event
    /// follows (also when O_NONBLOCK is set: the library decides).
    #[method(1)]
    fn read(&self, caller: &Caller, offset: u64, out: &mut OutBuf<'_>) -> Result<u32>;
    /// write(2) at [`CURRENT`] (O_APPEND honoured) or pwrite(2). Result: bytes taken. EPIPE (the library raises
    /// SIGPIPE), EFBIG, ENOSPC. For pipes: up to 4096 bytes whole or WOULD_BLOCK.
    #[method(2)]
    fn write(&self, caller: &Caller, offset: u64, data: &[u8]) -> Result<u32>;
    /// lseek(2), SEEK_DATA and SEEK_HOLE included.
    #[method(3)]
    fn seek(&self, caller: &Caller, offset: i64, whence: u32) -> Result<u64>;
    /// fstat(2).
    #[method(4)]
    fn attributes(&self, caller: &Caller) -> Result<Attributes>;
    /// fchmod, fchown, ftruncate, futimens.
    #[method(5)]
    fn set_attributes(&self, caller: &Caller, new: SetAttributes) -> Result<()>;
    /// getdents64(2): whole linux_dirent64 records in the caller's byte order (little-endian); moves the offset. EINVAL if not one fits.
    #[method(6)]
    fn read_directory(&self, caller: &Caller, out: &mut OutBuf<'_>) -> Result<u32>;
    /// fsync(2), fdatasync(2).
    #[method(7)]
    fn sync(&self, caller: &Caller, data_only: bool) -> Result<()>;
    /// ioctl(2): `input` holds the argument structure (or the integer argument as 8 bytes), `out` takes one back. ENOTTY.
    #[method(8)]
    fn ioctl(
        &self,
        caller: &Caller,
        request: u32,
        input: &[u8],
        out: &mut OutBuf<'_>,
    ) -> Result<u32>;
    /// Which of `events` hold; if none and `notify`, a READY event follows once when one may.
    #[method(9)]
    fn poll(&self, caller: &Caller, events: u32, notify: bool) -> Result<u32>;
    /// A handle on the memory server for mapping this file; `options`: READ, WRITE, SHARED, EXECUTE of `MapOptions`. EACCES, ENODEV.
    #[method(10)]
    fn map_handle(&self, caller: &Caller, options: u32) -> Result<Handle>;
    /// F_SETLK/F_GETLK (`kind` 0, 1) and flock (2); `start`, `length` absolute; `lock_type` F_RDLCK.. . WOULD_BLOCK notes the caller.
    /// Result: for F_GETLK [type, start, length, pid].
    #[method(11)]
    fn lock(
        &self,
        caller: &Caller,
        kind: u32,
        lock_type: u32,
        start: u64,
        length: u64,
        wait: bool,
    ) -> Result<[u64; 4]>;
    /// Absolute path within the file system, for getcwd and /proc/PID/fd. ENOENT if it is unlinked.
    #[method(12)]
    fn path(&self, caller: &Caller, out: &mut OutBuf<'_>) -> Result<u32>;
    /// Changes O_APPEND, O_NONBLOCK (F_SETFL); result: the flags now. `mask` zero asks.
    #[method(13)]
    fn flags(&self, caller: &Caller, mask: u32, value: u32) -> Result<u32>;
    /// fallocate(2) with Linux's mode bits.
    #[method(14)]
    fn allocate(&self, caller: &Caller, mode: u32, offset: u64, length: u64) -> Result<()>;
    /// Gives the handle up.
    #[method(15)]
    fn close(&self, caller: &Caller) -> Result<()>;
    /// For a client that transfers a regular file's data by itself: handles on the memory server for the data (to be
    /// mapped for reading, and for writing if `write`) and for the file's [`view`], to be mapped for reading. EACCES,
    /// ENODEV.
    #[method(18)]
    fn view(&self, _caller: &Caller, _write: bool) -> Result<[u64; 2]> {
        Err(Error::ENODEV)
    }
    /// For a client that moves much through a pipe: a handle on the memory server for the pipe's ring of 64 KiB, to be
    /// mapped for reading and writing. EACCES unless the caller could open the pipe for both.
    #[method(19)]
    fn ring(&self, _caller: &Caller) -> Result<Handle> {
        Err(Error::EINVAL)
    }
    /// A piece of the ring, up to `bytes`, that the caller may fill (`write`) or empty by itself until it says `release`:
    /// offset and length; it may go on at the ring's start. Length zero: the end. As for read and write, WOULD_BLOCK and
    /// EPIPE; of a write up to 4096 bytes are had whole.
    #[method(20)]
    fn hold(&self, _caller: &Caller, _bytes: u32, _write: bool) -> Result<[u64; 2]> {
        Err(Error::EINVAL)
    }
    /// Gives back what was held: `bytes` of it have been written, or read.
    #[method(21)]
    fn release(&self, _caller: &Caller, _bytes: u32, _write: bool) -> Result<()> {
        Err(Error::EINVAL)
    }
    /// How a read of a terminal waits (termios(3), VMIN and VTIME): least number of bytes, and tenths of a second; zero
    /// tenths: there is no timer. The server's reads do not heed the timer, they give what there is; the client waits. With
    /// a least number the timer runs from the last byte, without one from the start of the read.
    #[method(23)]
    fn read_timing(&self, _caller: &Caller) -> Result<[u64; 2]> {
        Ok([1, 0])
    }
    /// fstatfs(2).
    #[method(16)]
    fn statfs(&self, caller: &Caller) -> Result<FileSystemInfo>;
    /// Whether this is the same object as `other` of the caller's handles on this server (kcmp-like; for fork and lock bookkeeping).
    #[method(17)]
    fn same(&self, caller: &Caller, other: Handle) -> Result<bool>;
    /// The caller is about to execute the program in this file: whether it becomes somebody else by that, by the file's
    /// set-id bits, and so has to ask for `Process::renew`. EACCES.
    #[method(22)]
    fn execute(&self, caller: &Caller) -> Result<bool>;
}
