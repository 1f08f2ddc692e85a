//! Numbers of Linux's ABI on 64-bit Power that cross the interfaces of file servers. They are the same whatever machine
//! this is built for, which is why they do not come from the host's headers: `O_DIRECTORY` on Power is not that of x86.

/// File types and permission bits of `st_mode`.
pub mod mode {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const TYPE: u32 = 0o170000;
    pub const SOCKET: u32 = 0o140000;
    pub const SYMLINK: u32 = 0o120000;
    pub const REGULAR: u32 = 0o100000;
    pub const BLOCK: u32 = 0o060000;
    pub const DIRECTORY: u32 = 0o040000;
    pub const CHARACTER: u32 = 0o020000;
    pub const FIFO: u32 = 0o010000;
    pub const SET_UID: u32 = 0o4000;
    pub const SET_GID: u32 = 0o2000;
    pub const STICKY: u32 = 0o1000;
    pub const GROUP_EXECUTE: u32 = 0o010;
    pub const ANY_EXECUTE: u32 = 0o111;
    pub const PERMISSIONS: u32 = 0o7777;
}

/// Flags of open(2).
pub mod open {
    #![allow(missing_docs, reason = "Linux's names without O_")]
    pub const ACCESS_MODE: u32 = 3;
    pub const READ_ONLY: u32 = 0;
    pub const WRITE_ONLY: u32 = 1;
    pub const READ_WRITE: u32 = 2;
    pub const CREATE: u32 = 0o100;
    pub const EXCLUSIVE: u32 = 0o200;
    pub const NO_CTTY: u32 = 0o400;
    pub const TRUNCATE: u32 = 0o1000;
    pub const APPEND: u32 = 0o2000;
    pub const NONBLOCK: u32 = 0o4000;
    pub const DSYNC: u32 = 0o10000;
    pub const ASYNC: u32 = 0o20000;
    pub const DIRECTORY: u32 = 0o40000;
    pub const NO_FOLLOW: u32 = 0o100000;
    pub const LARGE_FILE: u32 = 0o200000;
    pub const DIRECT: u32 = 0o400000;
    pub const NO_ATIME: u32 = 0o1000000;
    pub const CLOSE_ON_EXEC: u32 = 0o2000000;
    pub const SYNC: u32 = 0o4010000;
    pub const PATH: u32 = 0o10000000;
    /// The bit that, with [`DIRECTORY`], makes O_TMPFILE.
    pub const TEMPORARY: u32 = 0o20000000;
}

/// Bits of access(2), also used to say what an operation needs.
pub mod access {
    #![allow(missing_docs, reason = "Linux's names without _OK")]
    pub const EXECUTE: u32 = 1;
    pub const WRITE: u32 = 2;
    pub const READ: u32 = 4;
}

/// `whence` of lseek(2).
pub mod seek {
    #![allow(missing_docs, reason = "Linux's names without SEEK_")]
    pub const SET: u32 = 0;
    pub const CURRENT: u32 = 1;
    pub const END: u32 = 2;
    pub const DATA: u32 = 3;
    pub const HOLE: u32 = 4;
}

/// Lock types of fcntl(2), and the operations of flock(2).
pub mod lock {
    #![allow(missing_docs, reason = "Linux's names without F_ and LOCK_")]
    pub const READ: u32 = 0;
    pub const WRITE: u32 = 1;
    pub const UNLOCK: u32 = 2;
    pub const FLOCK_SHARED: u32 = 1;
    pub const FLOCK_EXCLUSIVE: u32 = 2;
    pub const FLOCK_UNLOCK: u32 = 8;
}

/// Flags of renameat2(2).
pub mod rename {
    #![allow(missing_docs, reason = "Linux's names without RENAME_")]
    pub const NO_REPLACE: u32 = 1;
    pub const EXCHANGE: u32 = 2;
    pub const WHITEOUT: u32 = 4;
}

/// Modes of fallocate(2).
pub mod allocate {
    #![allow(missing_docs, reason = "Linux's names without FALLOC_FL_")]
    pub const KEEP_SIZE: u32 = 1;
    pub const PUNCH_HOLE: u32 = 2;
    pub const ZERO_RANGE: u32 = 0x10;
}

/// Requests of ioctl(2) that any file may be asked.
pub mod ioctl {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const FIONREAD: u32 = 0x4004_667f;
}

/// Longest name of a directory entry.
pub const NAME_MAX: usize = 255;
/// Longest path, the final NUL not counted.
pub const PATH_MAX: usize = 4095;
/// Symbolic links followed in one resolution.
pub const LINKS_MAX: u32 = 40;
/// Bytes that a pipe takes whole or not at all.
pub const PIPE_BUF: usize = 4096;
/// Largest file offset.
pub const OFFSET_MAX: u64 = i64::MAX as u64;

/// Puts a device number together as the kernel's `makedev` (12 bits of major, 20 of minor in Linux's wide form).
pub const fn device(major: u32, minor: u32) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12 | (major & !0xfff) << 32
}
/// Major part of a device number.
pub const fn major(device: u64) -> u32 {
    ((device >> 8 & 0xfff) | (device >> 32 & !0xfff)) as u32
}
/// Minor part of a device number.
pub const fn minor(device: u64) -> u32 {
    ((device & 0xff) | (device >> 12 & 0xffff_ff00)) as u32
}
/// `d_type` of a directory record for a file of this mode.
pub const fn dirent_type(mode: u32) -> u8 {
    (mode >> 12 & 0xf) as u8
}
