//! Open files, as the process knows them.
//!
//! An [`OpenFile`] is what Linux calls an open file description: descriptors share it by reference
//! count. What it stands for lives at a server, named by a handle; the copy that a forked child has
//! names the child's own entry in the server's cloned handle table, so the two processes share offset
//! and flags there, as Linux wants it; until then the offset of a regular file is here (see [`crate::offset`]). Null, zero and full need no server to be read and written.

use crate::epoll::Epoll;
use crate::offset::Offset;
use crate::port::Lock;
use crate::timer::TimerFile;
use crate::window::Slot;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use k42_abi::{Error, Handle, ProcessId, Result};
use k42_api::files::{FileKind, OpenFileClient};
use k42_ipc::counted;

/// O_* of ppc64.
pub mod flag {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const O_ACCMODE: u32 = 3;
    pub const O_RDONLY: u32 = 0;
    pub const O_WRONLY: u32 = 1;
    pub const O_RDWR: u32 = 2;
    pub const O_CREAT: u32 = 0o100;
    pub const O_EXCL: u32 = 0o200;
    pub const O_NOCTTY: u32 = 0o400;
    pub const O_TRUNC: u32 = 0o1000;
    pub const O_APPEND: u32 = 0o2000;
    pub const O_NONBLOCK: u32 = 0o4000;
    pub const O_DSYNC: u32 = 0o10000;
    pub const O_ASYNC: u32 = 0o20000;
    pub const O_DIRECTORY: u32 = 0o40000;
    pub const O_NOFOLLOW: u32 = 0o100000;
    pub const O_LARGEFILE: u32 = 0o200000;
    pub const O_DIRECT: u32 = 0o400000;
    pub const O_NOATIME: u32 = 0o1000000;
    pub const O_CLOEXEC: u32 = 0o2000000;
    pub const O_PATH: u32 = 0o10000000;
    /// Bits that open(2) acts on and F_GETFL does not show.
    pub const CREATION: u32 = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC;
    /// Bits that F_SETFL may change.
    pub const SETTABLE: u32 = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;
}

/// What serves the file.
pub enum Backing {
    /// A server's open file.
    Server,
    /// An epoll instance, in this process.
    Epoll(Box<Lock<Epoll>>),
    /// An event counter, in this process.
    Counter(Lock<Counter>),
    /// A timer of this process.
    Timer(Box<Lock<TimerFile>>),
    /// Signals of whoever reads it: those in this set.
    Signals(AtomicU64),
}

/// Makes what the larger variants of [`Backing`] hold, apart, so that files of servers stay small.
pub fn boxed<T>(value: T) -> Result<Box<Lock<T>>> {
    Box::try_new(Lock::new(value)).map_err(|_| Error::ENOMEM)
}

/// State of an eventfd.
pub struct Counter {
    /// The count.
    pub value: u64,
    /// EFD_SEMAPHORE.
    pub semaphore: bool,
}

/// An open file.
pub struct OpenFile {
    /// The server.
    pub server: ProcessId,
    /// The file's handle there.
    pub handle: Handle,
    /// What it is.
    pub kind: FileKind,
    /// O_* bits: access mode and those that F_GETFL shows.
    flags: AtomicU32,
    /// S_IF* and permissions when it was opened.
    pub mode: u32,
    /// How it works.
    pub backing: Backing,
    /// Counts transfers, for edge-triggered epoll.
    activity: AtomicU32,
    /// Where the next transfer begins.
    pub offset: Offset,
    /// The data, mapped.
    pub window: Slot,
    /// The process has asked for record locks on it.
    locks: AtomicBool,
}

impl OpenFile {
    /// A file that a server has opened for us.
    #[inline]
    pub fn new(server: ProcessId, handle: Handle, kind: FileKind, flags: u32, mode: u32) -> Self {
        Self {
            server,
            handle,
            kind,
            flags: AtomicU32::new(flags & !flag::CREATION),
            mode,
            backing: Backing::Server,
            activity: AtomicU32::new(0),
            offset: if kind == FileKind::Regular && flags & flag::O_APPEND == 0 {
                Offset::local()
            } else {
                Offset::at_server()
            },
            window: Slot::new(),
            locks: AtomicBool::new(false),
        }
    }
    /// A file of the library's own.
    pub fn local(backing: Backing, flags: u32) -> Self {
        let flags = AtomicU32::new(flags & !flag::CREATION);
        Self {
            server: ProcessId::NONE,
            handle: Handle::ROOT,
            kind: FileKind::Device,
            flags,
            mode: 0o600,
            backing,
            activity: AtomicU32::new(0),
            offset: Offset::at_server(),
            window: Slot::new(),
            locks: AtomicBool::new(false),
        }
    }
    /// The stub for the server's object.
    #[inline]
    pub fn client(&self) -> OpenFileClient {
        OpenFileClient::new(self.server, self.handle)
    }
    /// The stub; EINVAL for a file that has no server.
    pub fn served(&self) -> Result<OpenFileClient> {
        if self.server == ProcessId::NONE {
            Err(Error::EINVAL)
        } else {
            Ok(self.client())
        }
    }
    /// Makes the file ready for being shared with another process: what was kept here goes to the server.
    pub fn publish(&self) {
        if self.server != ProcessId::NONE {
            self.offset.publish(self.client());
        }
    }
    /// Gives up what the file is at its server; what that says. Nothing else is done with the file.
    pub fn close(&mut self) -> Result<()> {
        self.window.close();
        if self.server == ProcessId::NONE || self.handle == Handle::ROOT {
            return Ok(());
        }
        let client = self.client();
        self.handle = Handle::ROOT;
        client.close()
    }
    /// O_* bits.
    #[inline]
    pub fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }
    /// Replaces the bits of [`flag::SETTABLE`].
    pub fn set_flags(&self, value: u32) {
        let kept = self.flags() & !flag::SETTABLE;
        self.flags
            .store(kept | value & flag::SETTABLE, Ordering::Relaxed);
    }
    /// EBADF unless the file was opened for reading.
    #[inline]
    pub fn check_readable(&self) -> Result<()> {
        let flags = self.flags();
        if flags & flag::O_ACCMODE == flag::O_WRONLY || flags & flag::O_PATH != 0 {
            Err(Error::EBADF)
        } else {
            Ok(())
        }
    }
    /// EBADF unless the file was opened for writing.
    #[inline]
    pub fn check_writable(&self) -> Result<()> {
        let flags = self.flags();
        if flags & flag::O_ACCMODE == flag::O_RDONLY || flags & flag::O_PATH != 0 {
            Err(Error::EBADF)
        } else {
            Ok(())
        }
    }
    /// Notes a transfer, or an attempt.
    #[inline]
    pub fn note_activity(&self) {
        self.activity
            .store(self.activity().wrapping_add(1), Ordering::Relaxed);
    }
    /// How many there have been.
    pub fn activity(&self) -> u32 {
        self.activity.load(Ordering::Relaxed)
    }
    /// Notes that the process takes record locks, so that close gives them back.
    pub fn note_lock(&self) {
        self.locks.store(true, Ordering::Relaxed);
    }
    /// Whether it has.
    pub fn locked(&self) -> bool {
        self.locks.load(Ordering::Relaxed)
    }
    /// Whether calls on it return at once.
    #[inline]
    pub fn non_blocking(&self) -> bool {
        self.flags() & flag::O_NONBLOCK != 0
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        // close(2) tells the error where it can (see `sys::descriptor::finish`); here there is nobody to tell.
        let _ = self.close();
    }
}

/// A counted reference to an open file.
pub type FileRef = Arc<OpenFile>;

/// Makes a counted reference.
#[inline]
pub fn share(make: impl FnOnce() -> OpenFile) -> Result<FileRef> {
    counted(make)
}
