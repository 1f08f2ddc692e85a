//! The interfaces that clients and the process server call: `FileSystem` and `Lifecycle`.

use crate::fs::{DEVICE, Kfs};
use crate::node::{Body, Owner};
use crate::open::OpenNode;
use crate::pipe::Pipe;
use alloc::boxed::Box;
use alloc::sync::Weak;
use k42_api::files::{
    Attributes, FileSystem, FileSystemInfo, Opened, SetAttributes, file_system_dispatch, path_flag,
};
use k42_api::lifecycle::{Credentials, Lifecycle, lifecycle_dispatch};
use k42_api::sockets::sockets_dispatch;
use k42_fslib::linux::{device, mode, open as flag};
use k42_fslib::walk::{Final, Outcome, Stop, check_path};
use k42_ipc::{Caller, Error, Exported, Handle, Incoming, OutBuf, ProcessId, Reply, Result};
use k42_object::enter;

/// Device number of anonymous pipes.
const PIPE_DEVICE: u64 = device(0, 13);

/// Turns a walk's outcome into a reply: redirects go into `rest`.
pub fn reply<T>(outcome: Outcome<T>, rest: &mut OutBuf<'_>) -> Result<T> {
    outcome.map_err(|stop| stop.reply(rest, false))
}

impl FileSystem for &'static Kfs {
    fn open(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        flags: u32,
        mode: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<Opened> {
        let client = self.client(caller)?;
        reply(
            self.open_path(caller, &client, directory, path, flags, mode),
            rest,
        )
    }

    fn stat(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<Attributes> {
        let client = self.client(caller)?;
        if path.is_empty() && flags & path_flag::EMPTY != 0 && directory != Handle::ROOT {
            return Ok(self.ports.handles.get(caller, directory)?.attributes_now());
        }
        let (guard, who) = (enter(), client.record.effective());
        let found = self.find_under(&guard, caller, directory, path, &who, flags);
        Ok(reply(found, rest)?.attributes(&guard, DEVICE))
    }

    fn access(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        mode: u32,
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        let client = self.client(caller)?;
        if mode & !7 != 0 {
            return Err(Error::EINVAL);
        }
        let who = if flags & path_flag::REAL_IDS != 0 {
            client.record.real()
        } else {
            client.record.effective()
        };
        reply(self.find(caller, directory, path, &who, flags), rest)?.check(&who, mode)
    }

    fn set_attributes(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        flags: u32,
        new: SetAttributes,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        let client = self.client(caller)?;
        let who = client.record.effective();
        let node = reply(self.find(caller, directory, path, &who, flags), rest)?;
        self.change(&node, &who, &new, false)
    }

    fn make_node(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        mode: u32,
        rdev: u64,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        let client = self.client(caller)?;
        reply(
            self.make(
                caller,
                &client.record.effective(),
                directory,
                path,
                mode,
                rdev,
            ),
            rest,
        )
    }

    fn symlink(
        &self,
        caller: &Caller,
        target: &[u8],
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        let client = self.client(caller)?;
        check_path(target)?;
        reply(
            self.make_symlink(caller, &client.record.effective(), target, directory, path),
            rest,
        )
    }

    fn read_link(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<u32> {
        let client = self.client(caller)?;
        let flags = path_flag::NO_FOLLOW | path_flag::EMPTY;
        let node = reply(
            self.find(caller, directory, path, &client.record.effective(), flags),
            rest,
        )?;
        let Body::Symlink(target) = &node.body else {
            // Linux tells an empty path apart.
            return Err(if path.is_empty() {
                Error::ENOENT
            } else {
                Error::EINVAL
            });
        };
        let length = target.len().min(rest.room());
        rest.put(&target[..length])?;
        node.touch_accessed(self.now());
        Ok(length as u32)
    }

    fn link(
        &self,
        caller: &Caller,
        old_directory: Handle,
        old_path: &[u8],
        new_directory: Handle,
        new_path: &[u8],
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        let client = self.client(caller)?;
        let who = client.record.effective();
        let old = reply(
            self.find(caller, old_directory, old_path, &who, flags),
            rest,
        )?;
        self.make_link(caller, &who, &old, new_directory, new_path)
            .map_err(|stop: Stop| stop.reply(rest, true))
    }

    fn unlink(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        let client = self.client(caller)?;
        let who = client.record.effective();
        let outcome = if flags & path_flag::DIRECTORY != 0 {
            self.remove_directory(caller, &who, directory, path)
        } else {
            self.remove_file(caller, &who, directory, path)
        };
        reply(outcome, rest)
    }

    fn rename(
        &self,
        caller: &Caller,
        old_directory: Handle,
        old_path: &[u8],
        new_directory: Handle,
        new_path: &[u8],
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        let client = self.client(caller)?;
        let who = client.record.effective();
        let old = reply(
            self.walk(caller, old_directory, old_path, &who, Final::Entry),
            rest,
        )?;
        let new = self.walk(caller, new_directory, new_path, &who, Final::Entry);
        let new = new.map_err(|stop| stop.reply(rest, true))?;
        Kfs::rename(self, &who, &old, &new, flags)
    }

    fn statfs(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<FileSystemInfo> {
        let client = self.client(caller)?;
        reply(
            self.find(
                caller,
                directory,
                path,
                &client.record.effective(),
                path_flag::EMPTY,
            ),
            rest,
        )?;
        Ok(self.info())
    }

    fn pipe(&self, caller: &Caller, flags: u32) -> Result<[u64; 2]> {
        let client = self.client(caller)?;
        if flags & !(flag::NONBLOCK | flag::CLOSE_ON_EXEC) != 0 {
            return Err(Error::EINVAL);
        }
        let ids = client.record.ids;
        let owner = Owner {
            mode: mode::FIFO | 0o600,
            uid: ids.fsuid,
            gid: ids.fsgid,
        };
        let pipe = Box::new(Pipe::new());
        pipe.open_both();
        let node = self.new_node(owner, Body::Pipe(pipe))?;
        let status = flags & flag::NONBLOCK;
        let reader = OpenNode::new(self, node.clone(), flag::READ_ONLY | status, PIPE_DEVICE);
        let writer = OpenNode::new(self, node, flag::WRITE_ONLY | status, PIPE_DEVICE);
        let reader = self.hand_out(caller, || reader)?.handle;
        match self.hand_out(caller, || writer) {
            Ok(writer) => Ok([reader.0, writer.handle.0]),
            Err(error) => {
                self.ports.handles.remove(caller, reader)?;
                Err(error)
            }
        }
    }

    fn set_mount_point(&self, caller: &Caller, path: &[u8], id: u32) -> Result<()> {
        if caller.process != ProcessId::NAME {
            return Err(Error::EPERM);
        }
        self.mount_on(path, id)
    }

    fn sync(&self, _: &Caller) -> Result<()> {
        // Memory is the medium: nothing is ever behind.
        Ok(())
    }

    fn set_root(&self, caller: &Caller, directory: Handle) -> Result<()> {
        Kfs::set_root(self, caller, directory)
    }
}

impl Lifecycle for &'static Kfs {
    fn client_created(
        &self,
        caller: &Caller,
        process: ProcessId,
        credentials: Credentials,
        groups: &[u8],
    ) -> Result<()> {
        self.clients.created(caller, process, credentials, groups)
    }

    fn client_forked(&self, caller: &Caller, parent: ProcessId, child: ProcessId) -> Result<()> {
        self.clients.forked(caller, parent, child)?;
        self.inherit_root(parent, child);
        self.ports.handles.0.fork(parent, child)
    }

    fn client_ended(&self, caller: &Caller, process: ProcessId) -> Result<()> {
        let client = self.clients.ended(caller, process)?;
        self.ports.handles.0.end(process);
        let Some(client) = client else { return Ok(()) };
        let held = core::mem::take(&mut *client.extra.nodes.lock());
        for node in held.iter().filter_map(Weak::upgrade) {
            let woken = node
                .locks
                .lock()
                .as_mut()
                .map(|locks| locks.release_process(process));
            if let Some(woken) = woken {
                woken.wake(&*self.ports.notifier);
            }
            if let Body::Pipe(pipe) = &node.body {
                self.wake(pipe.forget(process));
            }
        }
        Ok(())
    }

    fn credentials_changed(
        &self,
        caller: &Caller,
        process: ProcessId,
        credentials: Credentials,
        groups: &[u8],
    ) -> Result<()> {
        self.clients.changed(caller, process, credentials, groups)
    }
}

/// The server's root object.
pub struct Root(pub &'static Kfs);

impl Exported for Root {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        let mut reply = file_system_dispatch(&self.0, incoming);
        if reply.is_no_method() {
            reply = lifecycle_dispatch(&self.0, incoming);
        }
        if reply.is_no_method() {
            reply = sockets_dispatch(&self.0, incoming);
        }
        crate::data::collect();
        reply
    }
}
