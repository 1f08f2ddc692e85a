//! The interface `FileSystem` over the tree: everything that would change the tree is refused.

use super::Node;
use super::open::OpenNode;
use super::table::What;
use super::tree::{DEVICE, Sight};
use crate::Root;
use crate::record::Record;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use k42_api::files::{
    Attributes, FileSystem, FileSystemInfo, Opened, SetAttributes, path_flag, set,
};
use k42_fslib::Record as Identity;
use k42_fslib::linux::{NAME_MAX, access, open as flag};
use k42_fslib::walk::{Final, Kind, Link, Stop, Tree, Walked, walk};
use k42_ipc::{Caller, Error, Handle, OutBuf, ProcessId, Result};

/// What statfs(2) tells.
pub const INFO: FileSystemInfo = FileSystemInfo {
    kind: 0x9fa0,
    block_size: 4096,
    blocks: 0,
    free: 0,
    available: 0,
    files: 0,
    files_free: 0,
    name_length: NAME_MAX as u64,
    id: DEVICE,
    flags: 0,
};

/// Who calls, and where from.
struct Call<'a> {
    sight: Sight<'a>,
    who: Identity,
    start: Node,
}

impl Root {
    fn call(&self, caller: &Caller, directory: Handle) -> Result<Call<'_>> {
        let server = self.0;
        let start = if directory == Handle::ROOT {
            Node::ROOT
        } else {
            let (object, _) = server.files.lookup(caller.process, directory)?;
            // Everything in the tables was put there by `open`.
            let object: &(dyn Any + Send + Sync) = &*object;
            object.downcast_ref::<OpenNode>().ok_or(Error::EBADF)?.node
        };
        let from_server = caller.process != ProcessId::NONE
            && caller.process.index() < ProcessId::FIRST_DYNAMIC_INDEX as usize;
        if from_server {
            return Ok(Call {
                sight: Sight { server, own: 0 },
                who: Identity::ROOT,
                start,
            });
        }
        let guard = server.objects.enter();
        let record = server.record(&guard, caller.process)?;
        let identity = record.identity();
        let who = Identity::new(identity.for_files(), &identity.groups)?;
        Ok(Call {
            sight: Sight {
                server,
                own: record.pid(),
            },
            who,
            start,
        })
    }

    /// The node that a path names, for `call`.
    fn named(
        &self,
        call: &Call<'_>,
        path: &[u8],
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<Node> {
        if path.is_empty() && flags & path_flag::EMPTY != 0 {
            return Ok(call.start);
        }
        let treat = if flags & path_flag::NO_FOLLOW != 0 {
            Final::NoFollow
        } else {
            Final::Follow
        };
        self.resolve(call, path, flags, treat, rest)?
            .node
            .ok_or(Error::ENOENT)
    }

    fn resolve<'p>(
        &self,
        call: &Call<'_>,
        path: &'p [u8],
        flags: u32,
        treat: Final,
        rest: &mut OutBuf<'_>,
    ) -> Result<Walked<'p, Node>> {
        let who = if flags & path_flag::REAL_IDS != 0 {
            call.who.real()
        } else {
            call.who.effective()
        };
        walk(&call.sight, call.start, path, &who, treat).map_err(|stop| stop.reply(rest, false))
    }

    /// What calls that would change the tree end with.
    fn fixed(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        make: bool,
        rest: &mut OutBuf<'_>,
    ) -> Error {
        let result = self.call(caller, directory).and_then(|call| {
            let walked = self.resolve(&call, path, 0, Final::Entry, rest)?;
            Ok(walked.node.is_some())
        });
        match (result, make) {
            (Err(error), _) => error,
            (Ok(true), true) => Error::EEXIST,
            (Ok(false), _) => Error::ENOENT,
            (Ok(true), false) => Error::EPERM,
        }
    }
}

impl FileSystem for Root {
    fn open(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        flags: u32,
        _: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<Opened> {
        let call = self.call(caller, directory)?;
        let exclusive = flags & (flag::CREATE | flag::EXCLUSIVE) == flag::CREATE | flag::EXCLUSIVE;
        let treat = if exclusive || flags & flag::NO_FOLLOW != 0 {
            Final::NoFollow
        } else {
            Final::Follow
        };
        let node = self
            .resolve(&call, path, 0, treat, rest)?
            .node
            .ok_or(Error::ENOENT)?;
        if exclusive {
            return Err(Error::EEXIST);
        }
        let directory = node.directory().is_some();
        if flags & flag::DIRECTORY != 0 && !directory {
            return Err(Error::ENOTDIR);
        }
        if flags & flag::PATH == 0 {
            let wanted = match flags & flag::ACCESS_MODE {
                flag::READ_ONLY => access::READ,
                flag::WRITE_ONLY => access::WRITE,
                _ => access::READ | access::WRITE,
            };
            if directory && wanted & access::WRITE != 0 {
                return Err(Error::EISDIR);
            }
            match node.what() {
                What::Link(_) | What::Magic(_) => return Err(Error::ELOOP),
                // Root may open it for writing, as everything; it cannot be written for all that.
                _ => call.sight.check(node, &call.who.effective(), wanted)?,
            }
        }
        let file = OpenNode::new(self.0, node, flags);
        let kind = file.kind();
        let handle = self.0.files.insert(
            caller.process,
            Arc::try_new(file).map_err(|_| Error::ENOMEM)?,
            u32::MAX,
        )?;
        Ok(Opened {
            handle,
            kind,
            mode: node.mode(),
        })
    }

    fn stat(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<Attributes> {
        let call = self.call(caller, directory)?;
        let node = self.named(&call, path, flags, rest)?;
        call.sight.attributes(node)
    }

    fn access(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        wanted: u32,
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        if wanted & !7 != 0 {
            return Err(Error::EINVAL);
        }
        let call = self.call(caller, directory)?;
        let node = self.named(&call, path, flags, rest)?;
        let who = if flags & path_flag::REAL_IDS != 0 {
            call.who.real()
        } else {
            call.who.effective()
        };
        call.sight.check(node, &who, wanted)
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
        let call = self.call(caller, directory)?;
        let node = self.named(&call, path, flags, rest)?;
        match node.what() {
            What::Directory(_) if new.which == set::SIZE => Err(Error::EISDIR),
            What::Writable(..) if new.which == set::SIZE => {
                call.sight.check(node, &call.who.effective(), access::WRITE)
            }
            _ => Err(Error::EPERM),
        }
    }

    fn make_node(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        _: u32,
        _: u64,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        Err(self.fixed(caller, directory, path, true, rest))
    }
    fn symlink(
        &self,
        caller: &Caller,
        _: &[u8],
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        Err(self.fixed(caller, directory, path, true, rest))
    }

    fn read_link(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<u32> {
        let call = self.call(caller, directory)?;
        let node = self.named(&call, path, path_flag::NO_FOLLOW | path_flag::EMPTY, rest)?;
        if call.sight.kind(&node) != Kind::Symlink {
            return Err(Error::EINVAL);
        }
        let mut target = Vec::new();
        if call.sight.read_link(&node, &mut target)? == Link::Magic {
            // The library is to tell what it is, not what is in it.
            if target.ends_with(b"/.") {
                target.truncate(target.len() - 2);
            }
            let redirect = k42_fslib::walk::Redirect {
                kind: k42_api::files::redirect::MAGIC,
                mount: 0,
                path: target,
            };
            return Err(Stop::Redirect(redirect).reply(rest, false));
        }
        // What does not fit is cut off, as readlink(2) does.
        let count = target.len().min(rest.room());
        rest.put(&target[..count])?;
        Ok(count as u32)
    }

    fn link(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        _: Handle,
        _: &[u8],
        _: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        Err(self.fixed(caller, directory, path, false, rest))
    }
    fn unlink(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        _: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        Err(self.fixed(caller, directory, path, false, rest))
    }
    fn rename(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        _: Handle,
        _: &[u8],
        _: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        Err(self.fixed(caller, directory, path, false, rest))
    }
    fn statfs(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<FileSystemInfo> {
        let call = self.call(caller, directory)?;
        self.named(&call, path, path_flag::EMPTY, rest)
            .map(|_| INFO)
    }
    fn pipe(&self, _: &Caller, _: u32) -> Result<[u64; 2]> {
        Err(Error::ENOSYS)
    }
    fn set_mount_point(&self, _: &Caller, _: &[u8], _: u32) -> Result<()> {
        // Nothing is mounted in here.
        Err(Error::EBUSY)
    }
    fn sync(&self, _: &Caller) -> Result<()> {
        Ok(())
    }
}
