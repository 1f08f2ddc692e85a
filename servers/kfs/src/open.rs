//! Open files (open file descriptions): what a handle stands for. Shared by all who got the handle by fork.

mod calls;
mod socket;

use crate::contents::SIZE_MAX;
use crate::data::{File, FileData};
use crate::fs::{Held, Kfs};
use crate::node::{Body, NodeRef, Place};
use crate::pipe::Side;
use crate::socket::Kind;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use k42_api::files::{Attributes, FileKind};
use k42_fslib::linux::{NAME_MAX, PATH_MAX, dirent_type, mode, open as flag, seek};
use k42_fslib::lock::FileLocks;
use k42_fslib::sync::Mutex;
use k42_fslib::wait::WaitList;
use k42_fslib::{Client, dirent};
use k42_ipc::{Caller, Error, OutBuf, Result};
use k42_object::enter;
use k42_sched::trace::{User, events};

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
    place: Option<Arc<Place>>,
    device: u64,
    flags: AtomicU32,
    position: Mutex<Position>,
}

impl OpenNode {
    /// A new open file; the ends of a pipe have been opened already.
    #[inline]
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
        self.node.attributes(&enter(), self.device)
    }

    /// How the client's library is to treat it.
    pub fn kind(&self) -> FileKind {
        match self.node.body {
            _ if self.has(flag::PATH) => FileKind::Path,
            Body::Regular(_) => FileKind::Regular,
            Body::Directory(_) => FileKind::Directory,
            Body::Pipe(_) => FileKind::Pipe,
            Body::Endpoint(ref socket) if socket.kind() == Kind::Stream => FileKind::StreamSocket,
            Body::Endpoint(_) => FileKind::MessageSocket,
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
    fn read_at(&self, file: &File, offset: u64, out: &mut OutBuf<'_>) -> Result<u32> {
        let spare = out.spare();
        let count = file.with(|data| data.read(offset, spare))?;
        events::fs::read::<User>(self.node.inode, offset, count as u64);
        out.advance(count);
        Ok(count as u32)
    }

    /// Writes to a regular file at `offset`, or at its end; where it ended up beginning, and how much.
    fn write_at(&self, caller: &Caller, offset: Option<u64>, data: &[u8]) -> Result<(u64, u32)> {
        let Body::Regular(file) = &self.node.body else {
            return Err(Error::EINVAL);
        };
        if data.is_empty() {
            return Ok((offset.unwrap_or_else(|| file.size()), 0));
        }
        if offset.is_some_and(|offset| offset >= SIZE_MAX) {
            return Err(Error::EFBIG);
        }
        let (start, count) = file.with(|contents| contents.write(offset, data))?;
        events::fs::write::<User>(self.node.inode, start, count as u64);
        self.node.show_size();
        if self.node.mode() & (mode::SET_UID | mode::SET_GID) != 0 {
            let client = self.client(caller)?;
            self.fs.drop_set_id(&self.node, &client.record.effective());
        }
        self.node.touch_modified(self.fs.now());
        Ok((start, count as u32))
    }

    fn seek_to(&self, position: &Position, offset: i64, whence: u32) -> Result<u64> {
        let base = match whence {
            seek::SET => 0,
            seek::CURRENT => position.offset,
            // Where a directory ends is not a byte count: its cookies have no end that means anything.
            seek::END if self.node.is_directory() => i64::MAX as u64,
            seek::END => self.node.size(),
            seek::DATA | seek::HOLE => {
                let Body::Regular(file) = &self.node.body else {
                    return Err(Error::EINVAL);
                };
                let size = file.size();
                if offset < 0 || offset as u64 >= size {
                    return Err(Error::ENXIO);
                }
                let found = file.with(|data| data.next(offset as u64, whence == seek::HOLE))?;
                // Every file ends with a hole; but there may be no more data.
                return if whence == seek::DATA && found >= size {
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
        let entries = entries.read(enter().cpu());
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

    /// The path within the file system. ENOENT if it is unlinked.
    fn path_now(&self) -> Result<Vec<u8>> {
        let now = self.node.place.lock().clone();
        let mut path = Vec::new();
        if now.is_none() && self.node.is_directory() {
            path.push(b'/');
            return Ok(path);
        }
        let here = |place: &&Arc<Place>| self.is_at(place);
        let place = self
            .place
            .as_ref()
            .filter(here)
            .or(now.as_ref().filter(here))
            .ok_or(Error::ENOENT)?;
        self.path_by(place, &mut path)?;
        Ok(path)
    }

    /// The names from the root down to `place`.
    fn path_by(&self, place: &Arc<Place>, out: &mut Vec<u8>) -> Result<()> {
        let mut places: Vec<Arc<Place>> = Vec::new();
        let mut next = Some(place.clone());
        let mut length = 0;
        while let Some(place) = next {
            length += 1 + place.name.len();
            if length > PATH_MAX + NAME_MAX {
                return Err(Error::ERANGE);
            }
            next = place.parent.place.lock().clone();
            places.try_reserve(1).map_err(|_| Error::ENOMEM)?;
            places.push(place);
        }
        out.try_reserve(length).map_err(|_| Error::ENOMEM)?;
        for place in places.iter().rev() {
            out.push(b'/');
            out.extend_from_slice(&place.name);
        }
        Ok(())
    }

    /// Whether the entry is there and names this node.
    fn is_at(&self, place: &Place) -> bool {
        match &place.parent.body {
            Body::Directory(entries) => entries
                .read(enter().cpu())
                .get(&place.name)
                .is_some_and(|now| core::ptr::eq(&**now, &*self.node)),
            _ => false,
        }
    }
}

impl Drop for OpenNode {
    /// The last handle has gone.
    fn drop(&mut self) {
        events::fs::close::<User>(self.node.inode);
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
            Body::Endpoint(socket) => {
                let woken = socket.close();
                woken.into_iter().flatten().for_each(|list| self.wake(list));
            }
            Body::Regular(file) if self.writes() => {
                // Nothing to give back is no failure.
                let _ = file.with(|data| {
                    data.trim();
                    Ok(())
                });
            }
            _ => {}
        }
    }
}
