//! Open files of /proc.

use super::table::{DESCRIPTORS, Directory, PROCESS, TABLE, TASKS, THREAD, What};
use super::tree::Sight;
use super::{Node, Text, put};
use crate::Server;
use crate::record::Record;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU32, Ordering};
use k42_api::files::{
    Attributes, CURRENT, FileKind, FileSystemInfo, OpenFile, SetAttributes, open_file_dispatch,
    poll, set,
};
use k42_fslib::dirent;
use k42_fslib::linux::{OFFSET_MAX, dirent_type, open as flag, seek};
use k42_ipc::{Caller, Error, Exported, Handle, Incoming, OutBuf, Reply, Result};
use k42_sched::Mutex;

/// An open file or directory.
pub struct OpenNode {
    server: &'static Server,
    /// What was opened.
    pub node: Node,
    flags: AtomicU32,
    state: Mutex<State>,
}

/// Where reading goes on, and in what.
#[derive(Default)]
struct State {
    offset: u64,
    contents: Option<Vec<u8>>,
}

/// Takes an entry of a directory: offset, inode, type, name. False: it is full.
type Visit<'a> = dyn FnMut(u64, u64, u8, &[u8]) -> bool + 'a;

/// Flags that F_SETFL changes.
const SETTABLE: u32 = flag::APPEND | flag::NONBLOCK | flag::ASYNC | flag::DIRECT | flag::NO_ATIME;
/// Where a directory's numbered entries begin among the offsets.
const NUMBERS: u64 = 1 << 20;

impl OpenNode {
    /// Opened with `flags`, which have been checked.
    pub fn new(server: &'static Server, node: Node, flags: u32) -> Self {
        const OPENING: u32 =
            flag::CREATE | flag::EXCLUSIVE | flag::TRUNCATE | flag::NO_CTTY | flag::CLOSE_ON_EXEC;
        Self {
            server,
            node,
            flags: AtomicU32::new(flags & !OPENING),
            state: Mutex::new(State::default()),
        }
    }

    /// How the client's library is to treat it.
    pub fn kind(&self) -> FileKind {
        match self.node.what() {
            _ if self.has(flag::PATH) => FileKind::Path,
            What::Directory(_) => FileKind::Directory,
            _ => FileKind::Generated,
        }
    }

    fn has(&self, bit: u32) -> bool {
        self.flags.load(Ordering::Relaxed) & bit != 0
    }
    fn access_mode(&self) -> u32 {
        self.flags.load(Ordering::Relaxed) & flag::ACCESS_MODE
    }

    fn sight(&self, caller: &Caller) -> Sight<'static> {
        Sight {
            server: self.server,
            own: self.server.pid_of(caller.process),
        }
    }

    fn make(&self) -> Result<Vec<u8>> {
        let (What::File(_, make) | What::Writable(make, _)) = self.node.what() else {
            return Err(Error::EISDIR);
        };
        let mut text = Text::default();
        make(self.server, self.node, &mut text)?;
        Ok(text.0)
    }

    /// The entries of a directory from offset `from` on.
    fn entries(&self, directory: Directory, from: u64, visit: &mut Visit<'_>) -> Result<()> {
        let node = self.node;
        let mut put = |at: u64, entry: Node, name: &[u8]| {
            at < from || visit(at, entry.inode(), dirent_type(entry.mode()), name)
        };
        let sight = Sight {
            server: self.server,
            own: 0,
        };
        let above = k42_fslib::walk::Tree::parent(&sight, &node).unwrap_or(node);
        if !put(0, node, b".") || !put(1, above, b"..") {
            return Ok(());
        }
        for (line, name) in Sight::lines(directory) {
            if node.line == THREAD && line == TASKS {
                continue;
            }
            if !put(2 + u64::from(line), node.at(line), name.as_bytes()) {
                return Ok(());
            }
        }
        let mut numbered = |pid: i32, entry: Node| {
            let mut name = Text::default();
            put!(name, "{pid}");
            put(NUMBERS + pid as u64, entry, &name.0)
        };
        match directory {
            Directory::Root => {
                for (pid, _) in self.server.pids.all() {
                    if !numbered(
                        pid,
                        Node {
                            line: PROCESS,
                            pid,
                            fd: 0,
                        },
                    ) {
                        break;
                    }
                }
            }
            Directory::Tasks => {
                numbered(node.pid, node.at(THREAD));
            }
            _ => {}
        }
        Ok(())
    }
}

impl OpenFile for OpenNode {
    fn read(&self, _: &Caller, offset: u64, out: &mut OutBuf<'_>) -> Result<u32> {
        if self.access_mode() == flag::WRITE_ONLY || self.has(flag::PATH) {
            return Err(Error::EBADF);
        }
        let mut state = self.state.lock();
        let current = offset == CURRENT;
        let offset = if current { state.offset } else { offset };
        if offset > OFFSET_MAX {
            return Err(Error::EINVAL);
        }
        if offset == 0 || state.contents.is_none() {
            state.contents = Some(self.make()?);
        }
        let contents = state.contents.as_deref().unwrap_or_default();
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| contents.get(offset..))
            .unwrap_or_default();
        let count = rest.len().min(out.room());
        out.put(&rest[..count])?;
        if current {
            state.offset += count as u64;
        }
        Ok(count as u32)
    }

    fn write(&self, _: &Caller, offset: u64, data: &[u8]) -> Result<u32> {
        if self.access_mode() == flag::READ_ONLY || self.has(flag::PATH) {
            return Err(Error::EBADF);
        }
        let What::Writable(_, take) = self.node.what() else {
            return Err(Error::EIO);
        };
        take(self.server, self.node, data)?;
        if offset == CURRENT {
            self.state.lock().offset += data.len() as u64;
        }
        Ok(data.len() as u32)
    }

    fn seek(&self, _: &Caller, offset: i64, whence: u32) -> Result<u64> {
        if self.has(flag::PATH) {
            return Err(Error::EBADF);
        }
        let mut state = self.state.lock();
        let base = match whence {
            seek::SET => 0,
            seek::CURRENT => state.offset as i64,
            // These files have no length.
            _ => return Err(Error::EINVAL),
        };
        let new = base
            .checked_add(offset)
            .filter(|new| *new >= 0)
            .ok_or(Error::EINVAL)?;
        state.offset = new as u64;
        Ok(state.offset)
    }

    fn attributes(&self, caller: &Caller) -> Result<Attributes> {
        self.sight(caller).attributes(self.node)
    }

    fn set_attributes(&self, _: &Caller, new: SetAttributes) -> Result<()> {
        if self.has(flag::PATH) {
            return Err(Error::EBADF);
        }
        // To cut what has no length does nothing.
        if new.which == set::SIZE && self.access_mode() != flag::READ_ONLY {
            Ok(())
        } else {
            Err(Error::EPERM)
        }
    }

    fn read_directory(&self, _: &Caller, out: &mut OutBuf<'_>) -> Result<u32> {
        if self.has(flag::PATH) {
            return Err(Error::EBADF);
        }
        let directory = self.node.directory().ok_or(Error::ENOTDIR)?;
        if self.node.pid != 0 {
            // The process may have gone since.
            self.server.view(self.node.pid)?;
        }
        let mut state = self.state.lock();
        let (mut next, mut full) = (state.offset, false);
        self.entries(directory, state.offset, &mut |at, inode, kind, name| {
            full = !dirent::put(out, inode, at + 1, kind, name);
            if !full {
                next = at + 1;
            }
            !full
        })?;
        state.offset = next;
        dirent::finish(out, full)
    }

    fn sync(&self, _: &Caller, _: bool) -> Result<()> {
        Err(Error::EINVAL)
    }
    fn ioctl(&self, _: &Caller, _: u32, _: &[u8], _: &mut OutBuf<'_>) -> Result<u32> {
        Err(Error::ENOTTY)
    }
    fn poll(&self, _: &Caller, events: u32, _: bool) -> Result<u32> {
        Ok(events & (poll::IN | poll::OUT | poll::RDNORM | poll::WRNORM))
    }
    fn map_handle(&self, _: &Caller, _: u32) -> Result<Handle> {
        Err(Error::ENODEV)
    }
    fn lock(&self, _: &Caller, _: u32, _: u32, _: u64, _: u64, _: bool) -> Result<[u64; 4]> {
        Err(Error::ENOLCK)
    }

    fn path(&self, _: &Caller, out: &mut OutBuf<'_>) -> Result<u32> {
        let mut names: Vec<Text> = Vec::new();
        let mut node = self.node;
        let sight = Sight {
            server: self.server,
            own: 0,
        };
        while node != Node::ROOT {
            let line = &TABLE[node.line as usize];
            let mut name = Text::default();
            match node.line {
                PROCESS | THREAD => put!(name, "{}", node.pid),
                _ => name.bytes(line.name.as_bytes()),
            }
            names.push(name);
            node = match node.directory() {
                Some(_) => k42_fslib::walk::Tree::parent(&sight, &node).unwrap_or(Node::ROOT),
                None if node.pid != 0 => node.at(if line.parent == Directory::Descriptors {
                    DESCRIPTORS
                } else {
                    PROCESS
                }),
                None => {
                    let is_parent = |(_, other): &(usize, &super::table::Line)| matches!(other.what, What::Directory(own) if own == line.parent);
                    TABLE
                        .iter()
                        .enumerate()
                        .find(is_parent)
                        .map_or(Node::ROOT, |(at, _)| Node::ROOT.at(at as u16))
                }
            };
        }
        if names.is_empty() {
            out.put(b"/")?;
        }
        for name in names.iter().rev() {
            out.put(b"/")?;
            out.put(&name.0)?;
        }
        Ok(out.filled().len() as u32)
    }

    fn flags(&self, _: &Caller, mask: u32, value: u32) -> Result<u32> {
        let mask = mask & SETTABLE;
        let change = |flags| Some(flags & !mask | value & mask);
        let _ = self
            .flags
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
        Ok(self.flags.load(Ordering::Relaxed))
    }
    fn allocate(&self, _: &Caller, _: u32, _: u64, _: u64) -> Result<()> {
        Err(if self.access_mode() == flag::READ_ONLY {
            Error::EBADF
        } else {
            Error::EOPNOTSUPP
        })
    }
    fn close(&self, caller: &Caller) -> Result<()> {
        self.server
            .files
            .remove(caller.process, caller.handle)
            .map(drop)
    }
    fn statfs(&self, _: &Caller) -> Result<FileSystemInfo> {
        Ok(super::fs::INFO)
    }
    fn same(&self, caller: &Caller, other: Handle) -> Result<bool> {
        let (object, _) = self.server.files.lookup(caller.process, other)?;
        let object: &(dyn Any + Send + Sync) = &*object;
        Ok(object
            .downcast_ref::<Self>()
            .is_some_and(|other| core::ptr::eq(self, other)))
    }
    fn execute(&self, _: &Caller) -> Result<bool> {
        Err(Error::EACCES)
    }
}

impl Exported for OpenNode {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        open_file_dispatch(self, incoming)
    }
}

impl Server {
    /// The pid of a Linux process; zero for others.
    pub(crate) fn pid_of(&self, process: k42_ipc::ProcessId) -> i32 {
        let guard = self.objects.enter();
        self.record(&guard, process)
            .map_or(0, |record| record.pid())
    }
}
