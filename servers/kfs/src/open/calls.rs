//! The interface `OpenFile`, method by method.

use super::{OpenNode, Position};
use crate::contents::SIZE_MAX;
use crate::data::FileData;
use crate::node::Body;
use core::sync::atomic::Ordering;
use k42_api::files::{
    Attributes, CURRENT, FileSystemInfo, OpenFile, SetAttributes, open_file_dispatch, poll,
};
use k42_api::memory::MapOptions;
use k42_api::process::KEEP_ID;
use k42_api::sockets::{Socket, socket_dispatch};
use k42_fslib::linux::{access, allocate, ioctl, lock, open as flag};
use k42_fslib::lock::{FileLocks, Range, span};
use k42_ipc::{Caller, Error, Exported, Handle, Incoming, OutBuf, Reply, Result};

/// Flags that F_SETFL changes.
const SETTABLE: u32 = flag::APPEND | flag::NONBLOCK | flag::ASYNC | flag::DIRECT | flag::NO_ATIME;

/// Bits of a mode that executing a program looks at.
const S_ISUID: u32 = 0o4000;
const S_ISGID: u32 = 0o2000;
const S_IXGRP: u32 = 0o010;

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
            Body::Regular(file) if offset == CURRENT => {
                let mut position = self.position.lock();
                let count = self.read_at(file, position.offset, out)?;
                position.offset += count as u64;
                count
            }
            Body::Regular(file) => {
                if offset > i64::MAX as u64 {
                    return Err(Error::EINVAL);
                }
                self.read_at(file, offset, out)?
            }
            Body::Directory(_) => return Err(Error::EISDIR),
            Body::Endpoint(_) if offset != CURRENT => return Err(Error::ESPIPE),
            Body::Endpoint(_) => {
                let room = out.room() as u32;
                return Ok(self.receive(caller, 0, room, 0, out)?.bytes);
            }
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
        if let Body::Endpoint(_) = &self.node.body {
            if offset != CURRENT {
                return Err(Error::ESPIPE);
            }
            return self.send(caller, data);
        }
        let append = self.has(flag::APPEND);
        if offset != CURRENT {
            if offset > i64::MAX as u64 {
                return Err(Error::EINVAL);
            }
            // As on Linux, O_APPEND wins over the offset of pwrite.
            return Ok(self.write_at(caller, (!append).then_some(offset), data)?.1);
        }
        let mut position = self.position.lock();
        let (start, count) = self.write_at(caller, (!append).then_some(position.offset), data)?;
        position.offset = start + count as u64;
        Ok(count)
    }

    fn seek(&self, _: &Caller, offset: i64, whence: u32) -> Result<u64> {
        self.not_path()?;
        if matches!(self.node.body, Body::Pipe(_) | Body::Endpoint(_)) {
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
            (Body::Endpoint(socket), ioctl::FIONREAD) => socket.available() as u64,
            (Body::Regular(file), ioctl::FIONREAD) => {
                let size = file.size();
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
            Body::Endpoint(socket) => socket.poll(caller, events, notify),
            _ => Ok(events & (poll::IN | poll::OUT | poll::RDNORM | poll::WRNORM)),
        }
    }

    fn map_handle(&self, caller: &Caller, options: u32) -> Result<Handle> {
        self.not_path()?;
        let options = MapOptions::from_bits(options).ok_or(Error::EINVAL)?;
        let Body::Regular(file) = &self.node.body else {
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
        // Of a file that has no name any more, the last one is shown.
        let name = self.path_now().unwrap_or_default();
        let handle = file.with(|data| data.grant(caller.process, rights.bits(), &name))?;
        if stores {
            self.node.touch_modified(self.fs.now());
        } else if !self.has(flag::NO_ATIME) {
            self.node.touch_accessed(self.fs.now());
        }
        Ok(handle)
    }

    fn view(&self, caller: &Caller, write: bool) -> Result<[u64; 2]> {
        self.not_path()?;
        let Body::Regular(file) = &self.node.body else {
            return Err(Error::ENODEV);
        };
        if !self.reads() || write && !self.writes() {
            return Err(Error::EACCES);
        }
        let mut rights = MapOptions::READ;
        rights.set(MapOptions::WRITE, write);
        let data = file.with(|data| data.lend(caller.process, rights.bits()))?;
        let view = self.node.lend_view(caller.process)?;
        Ok([data.0, view.0])
    }

    fn ring(&self, caller: &Caller) -> Result<Handle> {
        let Body::Pipe(pipe) = &self.node.body else {
            return Err(Error::EINVAL);
        };
        self.not_path()?;
        // Who has the ring sees what others write and could write over it: that is for those who could open the pipe for
        // both.
        let client = self.client(caller)?;
        let who = client.record.effective();
        self.node.check(&who, access::READ | access::WRITE)?;
        pipe.share(self.fs.resources.medium(), caller.process)
    }

    fn hold(&self, caller: &Caller, bytes: u32, write: bool) -> Result<[u64; 2]> {
        let Body::Pipe(pipe) = &self.node.body else {
            return Err(Error::EINVAL);
        };
        if !(if write { self.writes() } else { self.reads() }) {
            return Err(Error::EBADF);
        }
        // If the process ends it gives back what it holds.
        self.client(caller)?.extra.note(&self.node)?;
        let (at, count) = pipe.hold(caller, bytes as usize, write)?;
        Ok([at as u64, count as u64])
    }

    fn release(&self, caller: &Caller, bytes: u32, write: bool) -> Result<()> {
        let Body::Pipe(pipe) = &self.node.body else {
            return Err(Error::EINVAL);
        };
        let woken = pipe.release(caller, bytes as usize, write)?;
        woken.into_iter().for_each(|list| self.wake(list));
        Ok(())
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
        let path = self.path_now()?;
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
        let file = match &self.node.body {
            Body::Regular(file) => file,
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
        if punch || zero {
            file.with(|data| data.punch(offset, length))?;
        }
        if !punch {
            file.with(|data| data.allocate(offset, length, !keep))?;
        }
        self.node.show_size();
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
        if let Body::Pipe(pipe) = &self.node.body {
            let woken = pipe.closed_by(caller.process);
            woken.into_iter().for_each(|list| self.wake(list));
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

    fn execute(&self, caller: &Caller) -> Result<bool> {
        self.not_path()?;
        if !matches!(self.node.body, Body::Regular(_)) {
            return Err(Error::EACCES);
        }
        let who = self.client(caller)?;
        self.node.check(&who.record.effective(), access::EXECUTE)?;
        let owner = self.attributes_now();
        let has = |bits: u32| owner.mode & bits == bits;
        let uid = if has(S_ISUID) { owner.uid } else { KEEP_ID };
        // Without the group's right to execute, the bit meant locking once.
        let gid = if has(S_ISGID | S_IXGRP) {
            owner.gid
        } else {
            KEEP_ID
        };
        if (uid, gid) == (KEEP_ID, KEEP_ID) {
            return Ok(false);
        }
        let processes = &self.fs.ports.processes;
        processes.offer_program(caller.process, caller.handle, uid, gid)
    }
}

impl Exported for OpenNode {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        let mut reply = open_file_dispatch(self, incoming);
        if reply.is_no_method() {
            reply = socket_dispatch(self, incoming);
        }
        crate::data::collect();
        reply
    }
}
