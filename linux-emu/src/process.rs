//! What the library knows about its process: one record, since one address space is one Linux process.

use crate::fd::FdTable;
use crate::file::FileRef;
use crate::futex::FutexTable;
use crate::mount::{Letters, MountTable};
use crate::port::Lock;
use crate::signal::SignalState;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use k42_abi::{Error, Handle, ProcessId, Result};
use k42_api::files::FileSystemClient;
use k42_api::memory::MemoryClient;
use k42_api::names::NamesClient;
use k42_api::process::{Identity, Ids, ProcessClient};

/// The process's record.
pub struct Process {
    /// Linux pid, cached: it never changes but by fork.
    pub pid: AtomicI32,
    /// Descriptors.
    pub files: Lock<FdTable<FileRef>>,
    /// Current and root directory.
    pub directories: Lock<Directories>,
    /// File mode creation mask.
    pub umask: AtomicU32,
    /// Mount table, cached.
    pub mounts: Lock<Option<Arc<MountTable>>>,
    /// The cached table is out of date.
    pub mounts_changed: AtomicBool,
    /// First letters of paths that may lead into another file system than the root's.
    pub elsewhere: Letters,
    /// Signal actions, and signals for the process.
    pub signals: Lock<SignalState>,
    /// What the process server was last told about signals.
    pub told: Lock<Told>,
    /// Signals wait at the process server.
    pub fetch_signals: AtomicBool,
    /// Another process has said on which CPUs this one may run.
    pub place_changed: AtomicBool,
    /// There may be files that read signals (signalfd).
    pub signal_files: AtomicBool,
    /// The program has had memory that other processes may share.
    pub shares_memory: AtomicBool,
    /// Threads that wait on futexes of its own memory.
    pub futexes: FutexTable,
    /// Interval and POSIX timers.
    pub timers: Lock<crate::timer::Timers>,
    /// Ids, cached; only the process itself changes them.
    pub ids: Lock<Option<Ids>>,
    /// RLIMIT_FSIZE, which the library keeps: the largest file that a write may make.
    pub file_size_limit: AtomicU64,
    /// A line for each call.
    pub trace: AtomicBool,
    /// Calls go by the slower way: they are traced, or a child borrows the process.
    pub special: AtomicBool,
    /// The parent's view while a child borrows the process.
    pub suspended: Lock<Option<Box<crate::vfork::Suspended>>>,
    /// Status with which the process is to end, plus one; all threads leave.
    pub ending: AtomicU64,
    /// Numbers of calls that were asked for in vain, already told.
    pub unknown: Lock<[u64; 8]>,
    /// Name of the program as prctl(2) and ps show it.
    pub name: Lock<[u8; 16]>,
    /// The program's path, for /proc/self/exe.
    pub program: Lock<Vec<u8>>,
    /// The next thread id to give; ids of threads beyond the first are the library's own.
    pub next_tid: AtomicI32,
}

/// Current and root directory; `None` = the root of the root file system.
pub struct Directories {
    /// Current directory.
    pub current: Option<FileRef>,
    /// Root directory. Whoever changes it calls [`Letters::forget`] on `elsewhere` under the lock.
    pub root: Option<FileRef>,
}

/// Arguments of the last `signal_masks`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Ignored signals.
    pub ignored: u64,
    /// Caught ones.
    pub caught: u64,
    /// SA_NOCLDWAIT.
    pub no_child_wait: bool,
    /// SA_NOCLDSTOP.
    pub no_child_stop: bool,
}

/// RLIMIT_NOFILE of a new process.
pub const DEFAULT_FILES: usize = 1024;

/// The process.
pub static PROCESS: Process = Process {
    pid: AtomicI32::new(1),
    files: Lock::new(FdTable::new(DEFAULT_FILES)),
    directories: Lock::new(Directories {
        current: None,
        root: None,
    }),
    umask: AtomicU32::new(0o022),
    mounts: Lock::new(None),
    mounts_changed: AtomicBool::new(false),
    elsewhere: Letters::all(),
    signals: Lock::new(SignalState::new()),
    told: Lock::new(Told {
        ignored: 0,
        caught: 0,
        no_child_wait: false,
        no_child_stop: false,
    }),
    fetch_signals: AtomicBool::new(false),
    place_changed: AtomicBool::new(false),
    signal_files: AtomicBool::new(false),
    shares_memory: AtomicBool::new(false),
    futexes: FutexTable::new(),
    timers: Lock::new(crate::timer::Timers::new()),
    ids: Lock::new(None),
    file_size_limit: AtomicU64::new(u64::MAX),
    trace: AtomicBool::new(false),
    special: AtomicBool::new(false),
    suspended: Lock::new(None),
    ending: AtomicU64::new(0),
    unknown: Lock::new([0; 8]),
    name: Lock::new([0; 16]),
    program: Lock::new(Vec::new()),
    next_tid: AtomicI32::new(0),
};

/// The memory server.
pub const MEMORY: MemoryClient = MemoryClient::root(ProcessId::MEMORY);
/// The process server.
pub const SERVER: ProcessClient = ProcessClient::root(ProcessId::PROCESS);
/// The name server.
pub const NAMES: NamesClient = NamesClient::root(ProcessId::NAME);
/// The root file system's server.
pub const ROOT_FILES: FileSystemClient = FileSystemClient::new(ProcessId::KFS, Handle::ROOT);

impl Process {
    /// Linux pid.
    pub fn pid(&self) -> i32 {
        self.pid.load(Ordering::Relaxed)
    }
    /// The file of a descriptor.
    #[inline]
    pub fn file(&self, fd: i32) -> Result<FileRef> {
        self.files.lock().get(fd).cloned()
    }
    /// Who the process is, from the process server.
    pub fn identity(&self) -> Result<Identity> {
        SERVER.identity()
    }
    /// Ids, cached.
    pub fn ids(&self) -> Result<Ids> {
        let cached = *self.ids.lock();
        if let Some(ids) = cached {
            return Ok(ids);
        }
        let ids = SERVER.ids()?;
        *self.ids.lock() = Some(ids);
        Ok(ids)
    }
    /// Adds an open file at the lowest free number.
    pub fn add_file(&self, file: FileRef, close_on_exec: bool) -> Result<i32> {
        self.files.lock().insert(file, 0, close_on_exec)
    }
    /// Notes a call that the library does not know; whether it is the first time.
    pub fn note_unknown(&self, number: u64) -> bool {
        let mut unknown = self.unknown.lock();
        let Some(word) = unknown.get_mut((number / 64) as usize) else {
            return true;
        };
        let bit = 1 << (number % 64);
        let first = *word & bit == 0;
        *word |= bit;
        first
    }
    /// EPERM unless the effective user is root.
    pub fn require_root(&self) -> Result<()> {
        if self.ids()?.euid == 0 {
            Ok(())
        } else {
            Err(Error::EPERM)
        }
    }
}

impl Process {
    /// An id for a thread beyond the first. They are the library's own: above all pids, and unlike those of other processes
    /// by the process's pid.
    pub fn new_tid(&self) -> i32 {
        let n = self.next_tid.fetch_add(1, Ordering::Relaxed) - self.pid();
        FIRST_THREAD_ID
            + (self.pid() & 0x3fff) * THREADS_PER_PROCESS
            + (n.max(0) + 1) % THREADS_PER_PROCESS
    }
}

/// Above PID_MAX of Linux, below the limit that futex words put on thread ids.
const FIRST_THREAD_ID: i32 = 1 << 22;
/// Ids of one process before they are used again.
const THREADS_PER_PROCESS: i32 = 1 << 15;
