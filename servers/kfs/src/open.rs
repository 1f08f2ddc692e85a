//! Open files (open file descriptions): what a handle stands for. Shared by all who got the handle by fork.

use crate::attributes::with_contents;
use crate::contents::{Contents, SIZE_MAX};
use crate::fs::{Held, Kfs};
use crate::node::{Body, NodeRef, Place};
use crate::pipe::Side;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use k42_api::files::{
    Attributes, CURRENT, FileKind, FileSystemInfo, OpenFile, SetAttributes, open_file_dispatch,
    poll,
};
use k42_api::memory::MapOptions;
use k42_fslib::linux::{
    NAME_MAX, PATH_MAX, allocate, dirent_type, ioctl, lock, mode, open as flag, seek,
};
use k42_fslib::lock::{FileLocks, Range, span};
use k42_fslib::sync::{Mutex, RwLock};
use k42_fslib::wait::WaitList;
use k42_fslib::walk::Tree;
use k42_fslib::{Client, dirent};
use k42_ipc::{Caller, Error, Exported, Handle, Incoming, OutBuf, Reply, Result};

/// Where reading goes on.
#[derive(Debug, Default)]
struct Position {
    /// Byte, or cookie of a directory entry.
    offset: u64,
    /// A directory's reader does not go to entries from this cookie on, which were made after it began: who renames as
    /// he reads would never come to an end.
    limit: u64,
}

/// See the module's description.
pub struct OpenNode {
    fs: &'static Kfs,
    node: NodeRef,
    /// The name by which it was opened.
    place: Option<Place>,
    device: u64,
    flags: AtomicU32,
    position: Mutex<Position>,
}

/// Flags that F_SETFL changes.
const SETTABLE: u32 = flag::APPEND | flag::NONBLOCK | flag::ASYNC | flag::DIRECT | flag::NO_ATIME;

impl OpenNode {
    /// A new open file; the ends of a pipe have been opened already.
    pub fn new(fs: &'static Kfs, node: NodeRef, flags: u32, device: u64) -> Self {
        const OPENING: u32 =
            flag::CREATE | flag::EXCLUSIVE | flag::TRUNCATE | flag::NO_CTTY | flag::CLOSE_ON_EXEC;
        let place = node.place.lock().clone();
        Self {
            fs,
            node,
            place,
            device,
            flags: AtomicU32::new(flags & !OPENING),
            position: Mutex::new(Position::default()),
        }
    }

    /// The node.
    pub fn node(&self) -> &NodeRef {
        &self.node
    }

    /// fstat(2).
    pub fn attributes_now(&self) -> Attributes {
        self.node.attributes(self.device)
    }

    /// How the client's library is to treat it.
    pub fn kind(&self) -> FileKind {
        match self.node.body {
            _ if self.has(flag::PATH) => FileKind::Path,
            Body::Regular(_) => FileKind::Regular,
            Body::Directory(_) => FileKind::Directory,
            Body::Pipe(_) => FileKind::Pipe,
            _ => FileKind::Path,
        }
    }

    fn has(&self, bit: u32) -> bool {
        self.flags.load(Ordering::Relaxed) & bit != 0
    }

    fn access_mode(&self) -> u32 {
        self.flags.load(Ordering::Relaxed) & flag::ACCESS_MODE
    }

    fn reads(&self) -> bool {
        self.access_mode() != flag::WRITE_ONLY && !self.has(flag::PATH)
    }

    fn writes(&self) -> bool {
        self.access_mode() != flag::READ_ONLY && !self.has(flag::PATH)
    }

    fn client(&self, caller: &Caller) -> Result<Client<Held>> {
        self.fs.clients.get(caller)
    }

    fn wake(&self, list: WaitList) {
        list.wake(&*self.fs.ports.notifier);
    }

    fn not_path(&self) -> Result<()> {
        if self.has(flag::PATH) {
            Err(Error::EBADF)
        } else {
            Ok(())
        }
    }

    /// Reads a regular file at `offset` into what is left of `out`.
    fn read_at(
        &self,
        contents: &RwLock<Box<dyn Contents>>,
        offset: u64,
        out: &mut OutBuf<'_>,
    ) -> Result<u32> {
        let length = out.room();
        let reader = contents.read();
        if reader.needs_preparation(offset, length) {
            drop(reader);
            let mut writer = contents.write();
            writer.prepare(self.fs.resources.medium(), offset, length)?;
            let count = writer.read(offset, out.spare());
            drop(writer);
            out.advance(count);
            return Ok(count as u32);
        }
        let count = reader.read(offset, out.spare());
        drop(reader);
        out.advance(count);
        Ok(count as u32)
    }

    /// Writes to a regular file; where it ended up beginning, and how much.
    fn write_at(
        &self,
        caller: &Caller,
        offset: u64,
        append: bool,
        data: &[u8],
    ) -> Result<(u64, u32)> {
        let Body::Regular(contents) = &self.node.body else {
            return Err(Error::EINVAL);
        };
        let medium = self.fs.resources.medium();
        let mut contents = contents.write();
        let offset = if append { contents.size() } else { offset };
        if data.is_empty() {
            return Ok((offset, 0));
        }
        if offset >= SIZE_MAX {
            return Err(Error::EFBIG);
        }
        let count = with_contents(medium, &mut contents, |contents| {
            contents.write(medium, offset, data)
        })?;
        drop(contents);
        if self.node.mode() & (mode::SET_UID | mode::SET_GID) != 0 {
            let client = self.client(caller)?;
            self.fs.drop_set_id(&self.node, &client.record.effective());
        }
        self.node.touch_modified(self.fs.now());
        Ok((offset, count as u32))
    }

    fn seek_to(&self, position: &Position, offset: i64, whence: u32) -> Result<u64> {
        let base = match whence {
            seek::SET => 0,
            seek::CURRENT => position.offset,
            // Where a directory ends is not a byte count: its cookies have no end that means anything.
            seek::END if self.node.is_directory() => i64::MAX as u64,
            seek::END => self.node.size(),
            seek::DATA | seek::HOLE => {
                let Body::Regular(contents) = &self.node.body else {
                    return Err(Error::EINVAL);
                };
                let contents = contents.read();
                if offset < 0 || offset as u64 >= contents.size() {
                    return Err(Error::ENXIO);
                }
                let found = contents.next(offset as u64, whence == seek::HOLE);
                // Every file ends with a hole; but there may be no more data.
                return if whence == seek::DATA && found >= contents.size() {
                    Err(Error::ENXIO)
                } else {
                    Ok(found)
                };
            }
            _ => return Err(Error::EINVAL),
        };
        let new = base.checked_add_signed(offset).ok_or(Error::EINVAL)?;
        let limit = if self.node.is_directory() {
            i64::MAX as u64
        } else {
            SIZE_MAX
        };
        if new > limit {
            Err(Error::EINVAL)
        } else {
            Ok(new)
        }
    }

    /// Entries from the position on.
    fn list(&self, position: &mut Position, out: &mut OutBuf<'_>) -> Result<u32> {
        let Body::Directory(entries) = &self.node.body else {
            return Err(Error::ENOTDIR);
        };
        let parent = self
            .fs
            .parent(&self.node)
            .unwrap_or_else(|| self.node.clone())
            .inode;
        let entries = entries.read();
        if entries.dead {
            return Err(Error::ENOENT);
        }
        if position.offset == 0 || position.limit == 0 {
            position.limit = entries.end();
        }
        let mut refused = false;
        for (at, name, inode) in [(0, &b"."[..], self.node.inode), (1, b"..", parent)] {
            if position.offset == at && !refused {
                refused = !dirent::put(out, inode, at + 1, dirent_type(mode::DIRECTORY), name);
                position.offset += !refused as u64;
            }
        }
        if !refused {
            for (cookie, entry) in entries.range(position.offset, position.limit) {
                let kind = dirent_type(entry.node.mode());
                if !dirent::put(out, entry.node.inode, cookie + 1, kind, &entry.name) {
                    refused = true;
                    break;
                }
                position.offset = cookie + 1;
            }
        }
        dirent::finish(out, refused)
    }

    /// The locks of the file, made if there are none yet.
    fn with_locks<T>(&self, operation: impl FnOnce(&mut FileLocks) -> Result<T>) -> Result<T> {
        let mut locks = self.node.locks.lock();
        if locks.is_none() {
            *locks = Some(Box::try_new(FileLocks::default()).map_err(|_| Error::ENOLCK)?);
        }
        match locks.as_mut() {
            Some(locks) => operation(locks),
            None => Err(Error::ENOLCK),
        }
    }

    fn flock_owner(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    /// The names from the root down to `place`, if that is where the node is.
    fn path_by(&self, place: &Place, out: &mut Vec<u8>) -> Result<()> {
        let mut names: Vec<(NodeRef, Box<[u8]>)> = Vec::new();
        let mut next = Some(place.clone());
        let mut length = 0;
        while let Some(place) = next {
            length += 1 + place.name.len();
            if length > PATH_MAX + NAME_MAX {
                return Err(Error::ERANGE);
            }
            next = place.parent.place.lock().clone();
            names.try_reserve(1).map_err(|_| Error::ENOMEM)?;
            names.push((place.parent, place.name));
        }
        out.try_reserve(length).map_err(|_| Error::ENOMEM)?;
        for (_, name) in names.iter().rev() {
            out.push(b'/');
            out.extend_from_slice(name);
        }
        Ok(())
    }

    /// Whether the entry is there and names this node.
    fn is_at(&self, place: &Place) -> bool {
        match &place.parent.body {
            Body::Directory(entries) => entries
                .read()
                .get(&place.name)
                .is_some_and(|now| core::ptr::eq(&**now, &*self.node)),
            _ => false,
        }
    }
}

impl OpenFile for OpenNode {
    fn read(&self, caller: &Caller, offset: u64, out: &mut OutBuf<'_>) -> Result<u32> {
        if !self.reads() {
            return Err(Error::EBADF);
        }
        let count = match &self.node.body {
            Body::Pipe(pipe) => {
                if offset != CURRENT {
                    return Err(Error::ESPIPE);
                }
                let (count, woken) = pipe.read(caller, out)?;
                self.wake(woken);
                return Ok(count);
            }
            Body::Regular(contents) if offset == CURRENT => {
                let mut position = self.position.lock();
                let count = self.read_at(contents, position.offset, out)?;
                position.offset += count as u64;
                count
            }
            Body::Regular(contents) => {
                if offset > i64::MAX as u64 {
                    return Err(Error::EINVAL);
                }
                self.read_at(contents, offset, out)?
            }
            Body::Directory(_) => return Err(Error::EISDIR),
            _ => return Err(Error::EINVAL),
        };
        if !self.has(flag::NO_ATIME) {
            self.node.touch_accessed(self.fs.now());
        }
        Ok(count)
    }

    fn write(&self, caller: &Caller, offset: u64, data: &[u8]) -> Result<u32> {
        if !self.writes() {
            return Err(Error::EBADF);
        }
        if let Body::Pipe(pipe) = &self.node.body {
            if offset != CURRENT {
                return Err(Error::ESPIPE);
            }
            let (count, woken) = pipe.write(caller, data)?;
            self.wake(woken);
            return Ok(count);
        }
        let append = self.has(flag::APPEND);
        if offset != CURRENT {
            if offset > i64::MAX as u64 {
                return Err(Error::EINVAL);
            }
            // As on Linux, O_APPEND wins over the offset of pwrite.
            return Ok(self.write_at(caller, offset, append, data)?.1);
        }
        let mut position = self.position.lock();
        let (start, count) = self.write_at(caller, position.offset, append, data)?;
        position.offset = start + count as u64;
        Ok(count)
    }

    fn seek(&self, _: &Caller, offset: i64, whence: u32) -> Result<u64> {
        self.not_path()?;
        if matches!(self.node.body, Body::Pipe(_)) {
            return Err(Error::ESPIPE);
        }
        let mut position = self.position.lock();
        let new = self.seek_to(&position, offset, whence)?;
        *position = Position {
            offset: new,
            limit: if new == 0 { 0 } else { position.limit },
        };
        Ok(new)
    }

    fn attributes(&self, _: &Caller) -> Result<Attributes> {
        Ok(self.attributes_now())
    }

    fn set_attributes(&self, caller: &Caller, new: SetAttributes) -> Result<()> {
        self.not_path()?;
        let client = self.client(caller)?;
        if new.which & k42_api::files::set::SIZE != 0
            && (!self.writes() || !matches!(self.node.body, Body::Regular(_)))
        {
            return Err(Error::EINVAL);
        }
        self.fs
            .change(&self.node, &client.record.effective(), &new, true)
    }

    fn read_directory(&self, _: &Caller, out: &mut OutBuf<'_>) -> Result<u32> {
        self.not_path()?;
        let mut position = self.position.lock();
        let count = self.list(&mut position, out)?;
        if !self.has(flag::NO_ATIME) {
            self.node.touch_accessed(self.fs.now());
        }
        Ok(count)
    }

    fn sync(&self, _: &Caller, _data_only: bool) -> Result<()> {
        self.not_path()?;
        match self.node.body {
            // Memory is the medium: nothing is ever behind.
            Body::Regular(_) | Body::Directory(_) => Ok(()),
            _ => Err(Error::EINVAL),
        }
    }

    fn ioctl(&self, _: &Caller, request: u32, _: &[u8], out: &mut OutBuf<'_>) -> Result<u32> {
        self.not_path()?;
        let available = match (&self.node.body, request) {
            (Body::Pipe(pipe), ioctl::FIONREAD) => pipe.available() as u64,
            (Body::Regular(contents), ioctl::FIONREAD) => {
                let size = contents.read().size();
                size.saturating_sub(self.position.lock().offset)
            }
            _ => return Err(Error::ENOTTY),
        };
        out.put(&(available.min(i32::MAX as u64) as u32).to_le_bytes())?;
        Ok(0)
    }

    fn poll(&self, caller: &Caller, events: u32, notify: bool) -> Result<u32> {
        if self.has(flag::PATH) {
            return Ok(poll::NVAL);
        }
        match &self.node.body {
            Body::Pipe(pipe) => pipe.poll(caller, self.reads(), self.writes(), events, notify),
            _ => Ok(events & (poll::IN | poll::OUT | poll::RDNORM | poll::WRNORM)),
        }
    }

    fn map_handle(&self, caller: &Caller, options: u32) -> Result<Handle> {
        self.not_path()?;
        let options = MapOptions::from_bits(options).ok_or(Error::EINVAL)?;
        let Body::Regular(contents) = &self.node.body else {
            return Err(Error::ENODEV);
        };
        let stores = options.contains(MapOptions::WRITE | MapOptions::SHARED);
        // A file that is open for writing only cannot be mapped at all.
        if !self.reads() || stores && !self.writes() {
            return Err(Error::EACCES);
        }
        let mut rights = MapOptions::READ | MapOptions::EXECUTE;
        if stores {
            rights |= MapOptions::WRITE;
        }
        let medium = self.fs.resources.medium();
        let mut contents = contents.write();
        let handle = with_contents(medium, &mut contents, |contents| {
            contents.grant(medium, caller.process, rights.bits())
        })?;
        drop(contents);
        if stores {
            self.node.touch_modified(self.fs.now());
        } else if !self.has(flag::NO_ATIME) {
            self.node.touch_accessed(self.fs.now());
        }
        Ok(handle)
    }

    fn lock(
        &self,
        caller: &Caller,
        kind: u32,
        lock_type: u32,
        start: u64,
        length: u64,
        wait: bool,
    ) -> Result<[u64; 4]> {
        self.not_path()?;
        const NOTHING: [u64; 4] = [lock::UNLOCK as u64, 0, 0, 0];
        let refused = |locks: &mut FileLocks| {
            if wait {
                locks.waiters.add(caller)?;
                return Err(Error::WOULD_BLOCK);
            }
            Err(Error::EAGAIN)
        };
        if kind == 2 {
            let woken = self.with_locks(|locks| match lock_type {
                lock::FLOCK_UNLOCK => Ok(locks.release_whole(self.flock_owner())),
                lock::FLOCK_SHARED | lock::FLOCK_EXCLUSIVE => {
                    match locks.set_whole(self.flock_owner(), lock_type == lock::FLOCK_EXCLUSIVE) {
                        Err(Error::EAGAIN) => refused(locks),
                        done => done,
                    }
                }
                _ => Err(Error::EINVAL),
            })?;
            self.wake(woken);
            return Ok(NOTHING);
        }
        if kind > 1 || lock_type > lock::UNLOCK {
            return Err(Error::EINVAL);
        }
        let (start, last) = span(start, length)?;
        let wanted = Range {
            start,
            last,
            write: lock_type == lock::WRITE,
            process: caller.process,
        };
        if kind == 1 {
            let found = self.with_locks(|locks| Ok(locks.conflict(&wanted)))?;
            return Ok(found.map_or(NOTHING, |held| {
                let held_length = if held.last == u64::MAX {
                    0
                } else {
                    held.last - held.start + 1
                };
                let pid = self.fs.ports.processes.pid(held.process);
                [
                    if held.write { lock::WRITE } else { lock::READ } as u64,
                    held.start,
                    held_length,
                    pid as u64,
                ]
            }));
        }
        if lock_type == lock::READ && !self.reads() || lock_type == lock::WRITE && !self.writes() {
            return Err(Error::EBADF);
        }
        let unlock = lock_type == lock::UNLOCK;
        if !unlock {
            self.client(caller)?.extra.note(&self.node)?;
        }
        let woken = self.with_locks(|locks| match locks.set(wanted, unlock) {
            Err(Error::EAGAIN) => refused(locks),
            done => done,
        })?;
        self.wake(woken);
        Ok(NOTHING)
    }

    fn path(&self, _: &Caller, out: &mut OutBuf<'_>) -> Result<u32> {
        let now = self.node.place.lock().clone();
        let is_root = now.is_none() && self.node.is_directory();
        let mut path = Vec::new();
        if is_root {
            path.push(b'/');
        } else {
            let here = |place: &&Place| self.is_at(place);
            let place = self
                .place
                .as_ref()
                .filter(here)
                .or(now.as_ref().filter(here))
                .ok_or(Error::ENOENT)?;
            self.path_by(place, &mut path)?;
        }
        out.put(&path)?;
        Ok(path.len() as u32)
    }

    fn flags(&self, _: &Caller, mask: u32, value: u32) -> Result<u32> {
        if mask != 0 {
            self.not_path()?;
            if mask & !SETTABLE != 0 {
                return Err(Error::EINVAL);
            }
            let change = |old: u32| Some(old & !mask | value & mask);
            // Never fails: the closure always gives a value.
            let _ = self
                .flags
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
        }
        Ok(self.flags.load(Ordering::Relaxed))
    }

    fn allocate(&self, caller: &Caller, mode: u32, offset: u64, length: u64) -> Result<()> {
        if !self.writes() {
            return Err(Error::EBADF);
        }
        let contents = match &self.node.body {
            Body::Regular(contents) => contents,
            Body::Pipe(_) => return Err(Error::ESPIPE),
            _ => return Err(Error::ENODEV),
        };
        let (signed, end) = (
            offset <= i64::MAX as u64 && length <= i64::MAX as u64,
            offset.saturating_add(length),
        );
        if length == 0 || !signed {
            return Err(Error::EINVAL);
        }
        if end > SIZE_MAX {
            return Err(Error::EFBIG);
        }
        let (punch, zero, keep) = (
            mode & allocate::PUNCH_HOLE != 0,
            mode & allocate::ZERO_RANGE != 0,
            mode & allocate::KEEP_SIZE != 0,
        );
        if mode & !(allocate::PUNCH_HOLE | allocate::ZERO_RANGE | allocate::KEEP_SIZE) != 0
            || punch && (zero || !keep)
        {
            return Err(Error::EOPNOTSUPP);
        }
        let medium = self.fs.resources.medium();
        let mut contents = contents.write();
        if punch || zero {
            with_contents(medium, &mut contents, |contents| {
                contents.punch(medium, offset, length)
            })?;
        }
        if !punch {
            with_contents(medium, &mut contents, |contents| {
                contents.allocate(medium, offset, length)
            })?;
            if !keep && end > contents.size() {
                with_contents(medium, &mut contents, |contents| {
                    contents.resize(medium, end)
                })?;
                if contents.is_shared() {
                    // What lay beyond the end could not be taken before.
                    with_contents(medium, &mut contents, |contents| {
                        contents.allocate(medium, offset, length)
                    })?;
                }
            }
        }
        drop(contents);
        self.fs
            .drop_set_id(&self.node, &self.client(caller)?.record.effective());
        self.node.touch_modified(self.fs.now());
        Ok(())
    }

    fn close(&self, caller: &Caller) -> Result<()> {
        // Linux gives up all of a process's locks on a file when it closes any descriptor of it.
        let woken = self
            .node
            .locks
            .lock()
            .as_mut()
            .map(|locks| locks.release_process(caller.process));
        if let Some(woken) = woken {
            self.wake(woken);
        }
        self.fs.ports.handles.remove(caller, caller.handle)
    }

    fn statfs(&self, _: &Caller) -> Result<FileSystemInfo> {
        Ok(self.fs.info())
    }

    fn same(&self, caller: &Caller, other: Handle) -> Result<bool> {
        let other = self.fs.ports.handles.get(caller, other)?;
        Ok(core::ptr::eq(&*other, self))
    }
}

impl Drop for OpenNode {
    /// The last handle has gone.
    fn drop(&mut self) {
        let woken = self
            .node
            .locks
            .lock()
            .as_mut()
            .map(|locks| locks.release_whole(self.flock_owner()));
        if let Some(woken) = woken {
            self.wake(woken);
        }
        match &self.node.body {
            Body::Pipe(pipe) => {
                for (open, side) in [(self.reads(), Side::Read), (self.writes(), Side::Write)] {
                    if open {
                        pipe.close(side)
                            .into_iter()
                            .for_each(|list| self.wake(list));
                    }
                }
            }
            Body::Regular(contents) if self.writes() => {
                contents.write().trim(self.fs.resources.medium())
            }
            _ => {}
        }
    }
}

impl Exported for OpenNode {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        open_file_dispatch(self, incoming)
    }
}
