//! A node: one file, directory, link, device or pipe, with its attributes. What it contains is a [`Body`], chosen when
//! the node is made.
//!
//! Locks, in the order in which they may be taken together: the file system's rename lock; directories' entries, by
//! inode number; a node's times; its view; a file's contents; a node's place. Mode and owner are read without a lock (on every
//! step of every path) and written under the lock of the times.

use crate::data::{File, FileData};
use crate::directory::Entries;
use crate::pipe::Pipe;
use crate::quota::Resources;
use crate::socket::Socket;
use crate::view::View;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use k42_api::files::{Attributes, view};
use k42_fslib::Access;
use k42_fslib::linux::mode;
use k42_fslib::lock::FileLocks;
use k42_fslib::sync::{Mutex, ReadMostly};
use k42_ipc::{Handle, ProcessId, Result};
use k42_object::Guard;

/// A counted reference on a node.
pub type NodeRef = Arc<Node>;

/// Times and the number of links.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Names that this node has; for a directory, 2 and one for each directory in it.
    pub links: u32,
    /// Last access.
    pub accessed: i64,
    /// Last change of data.
    pub modified: i64,
    /// Last change of attributes.
    pub changed: i64,
    /// Birth.
    pub created: i64,
}

/// Where a node was last seen in the tree.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory.
    pub parent: NodeRef,
    /// The name in it.
    pub name: Box<[u8]>,
}

/// What a node contains.
pub enum Body {
    /// Data.
    Regular(File),
    /// Names.
    Directory(ReadMostly<Entries>),
    /// A path.
    Symlink(Box<[u8]>),
    /// A device, by number.
    Device(u64),
    /// A FIFO or an anonymous pipe.
    Pipe(Box<Pipe>),
    /// The name of a local socket.
    Socket,
    /// A local socket itself.
    Endpoint(Box<Socket>),
}

/// See the module's description.
pub struct Node {
    resources: &'static Resources,
    /// Inode number.
    pub inode: u64,
    /// What it contains.
    pub body: Body,
    /// Type and permission bits.
    mode: AtomicU32,
    uid: AtomicU32,
    gid: AtomicU32,
    /// Times and links.
    pub times: Mutex<Times>,
    /// Place in the tree; `None` for the root and for what has no name.
    pub place: Mutex<Option<Arc<Place>>>,
    /// The mount that sits on it, [`NO_MOUNT`] if none.
    mount: AtomicU32,
    /// O_TMPFILE without O_EXCL: may get a first name.
    linkable: AtomicBool,
    /// Locks of clients; made at the first one.
    pub locks: Mutex<Option<Box<FileLocks>>>,
    /// For clients that transfer data by themselves.
    view: View,
}

/// Value of `mount` when there is none.
pub const NO_MOUNT: u32 = u32::MAX;
/// One day: access times older than this are always brought up to date (relatime).
const DAY: i64 = 86_400_000_000_000;

impl core::fmt::Debug for Node {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "node {} mode {:o}", self.inode, self.mode())
    }
}

/// Who owns a node, and what is allowed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Type and permission bits.
    pub mode: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Node {
    /// A node without a name. It is one of `resources.nodes`, taken already; it and its data go back when the node is
    /// dropped, which is when nobody has a reference any more: no name, no open file, no walk that passes.
    pub fn new(
        resources: &'static Resources,
        inode: u64,
        owner: Owner,
        body: Body,
        now: i64,
    ) -> Self {
        Self {
            resources,
            inode,
            body,
            mode: AtomicU32::new(owner.mode),
            uid: AtomicU32::new(owner.uid),
            gid: AtomicU32::new(owner.gid),
            times: Mutex::new(Times {
                links: 0,
                accessed: now,
                modified: now,
                changed: now,
                created: now,
            }),
            place: Mutex::new(None),
            mount: AtomicU32::new(NO_MOUNT),
            linkable: AtomicBool::new(false),
            locks: Mutex::new(None),
            view: View::default(),
        }
    }

    /// Type and permission bits.
    pub fn mode(&self) -> u32 {
        self.mode.load(Ordering::Relaxed)
    }
    /// Owner.
    pub fn uid(&self) -> u32 {
        self.uid.load(Ordering::Relaxed)
    }
    /// Group.
    pub fn gid(&self) -> u32 {
        self.gid.load(Ordering::Relaxed)
    }
    /// Type bits only.
    pub fn kind(&self) -> u32 {
        self.mode() & mode::TYPE
    }
    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.body, Body::Directory(_))
    }

    /// Changes mode and owner; `_lock` proves that the times are locked. The set-id bits a change takes away go before
    /// the owner changes, so a reader never sees them with the new owner.
    pub fn set_owner(&self, lock: &mut Times, new: Owner) {
        self.mode.store(new.mode, Ordering::Release);
        self.uid.store(new.uid, Ordering::Relaxed);
        self.gid.store(new.gid, Ordering::Relaxed);
        self.show_flags(lock);
    }

    /// A handle on the view for `process`; from now on the view is kept up.
    pub fn lend_view(&self, process: ProcessId) -> Result<Handle> {
        let handle = self.view.lend(&*self.resources.store, process)?;
        self.show_flags(&self.times.lock());
        self.show_size();
        Ok(handle)
    }

    /// Tells clients the length. Called after each change of it.
    pub fn show_size(&self) {
        self.view.show(view::SIZE, || self.size());
    }

    /// Tells clients which transfers they must leave to the server; the times are locked. They may read by themselves
    /// unless that would change the time of access, and write unless that would take set-id bits away.
    pub fn show_flags(&self, times: &Times) {
        self.view.show(view::FLAGS, || {
            let stale = times.accessed <= times.modified || times.accessed <= times.changed;
            let set_id = self.mode() & (mode::SET_UID | mode::SET_GID) != 0;
            let flag = |holds, flag| if holds { flag } else { 0 };
            flag(stale, view::READ_ASKS) | flag(set_id, view::WRITE_ASKS)
        });
    }

    /// Mode and owner together.
    pub fn owner(&self) -> Owner {
        Owner {
            mode: self.mode(),
            uid: self.uid(),
            gid: self.gid(),
        }
    }

    /// Whether `who` may do what `wanted` says.
    #[inline]
    pub fn check(&self, who: &Access<'_>, wanted: u32) -> Result<()> {
        who.check(self.mode(), self.uid(), self.gid(), wanted)
    }

    /// The mount on this node.
    pub fn mount(&self) -> Option<u32> {
        let id = self.mount.load(Ordering::Relaxed);
        (id != NO_MOUNT).then_some(id)
    }
    /// Puts a mount on it, or takes it away.
    pub fn set_mount(&self, id: u32) {
        self.mount.store(id, Ordering::Relaxed);
    }

    /// Whether a node without names may get one.
    pub fn is_linkable(&self) -> bool {
        self.linkable.load(Ordering::Relaxed)
    }
    /// Lets a node without names get one.
    pub fn set_linkable(&self) {
        self.linkable.store(true, Ordering::Relaxed);
    }

    /// The data has been read at `now` (relatime).
    pub fn touch_accessed(&self, now: i64) {
        let mut times = self.times.lock();
        let stale = times.accessed <= times.modified
            || times.accessed <= times.changed
            || now - times.accessed >= DAY;
        if stale {
            times.accessed = now;
            self.show_flags(&times);
        }
    }

    /// The data has changed at `now`.
    pub fn touch_modified(&self, now: i64) {
        let mut times = self.times.lock();
        times.modified = now;
        times.changed = now;
        self.show_flags(&times);
    }

    /// The attributes have changed at `now`; `links` is added to the number of links, which is returned.
    pub fn touch_changed(&self, now: i64, links: i32) -> u32 {
        let mut times = self.times.lock();
        times.changed = now;
        times.links = times.links.saturating_add_signed(links);
        self.show_flags(&times);
        times.links
    }

    /// Remembers where the node is now.
    pub fn set_place(&self, parent: &NodeRef, name: &[u8]) -> Result<()> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(name.len())
            .map_err(|_| k42_ipc::Error::ENOSPC)?;
        copy.extend_from_slice(name);
        let place = Place {
            parent: parent.clone(),
            name: copy.into_boxed_slice(),
        };
        let new = Some(Arc::try_new(place).map_err(|_| k42_ipc::Error::ENOSPC)?);
        // The old place is dropped after the lock is released: it may be the last reference on a directory.
        let old = core::mem::replace(&mut *self.place.lock(), new);
        drop(old);
        Ok(())
    }

    /// Forgets the place if it is this one, whose name has gone.
    pub fn leave_place(&self, parent: &NodeRef, name: &[u8]) {
        let mut place = self.place.lock();
        let gone =
            place.take_if(|place| Arc::ptr_eq(&place.parent, parent) && *place.name == *name);
        drop(place);
        drop(gone);
    }

    /// Length in bytes.
    pub fn size(&self) -> u64 {
        match &self.body {
            Body::Regular(file) => file.size(),
            // What ext4 shows for a directory of one block, whatever it holds.
            Body::Directory(_) => 4096,
            Body::Symlink(target) => target.len() as u64,
            Body::Device(_) | Body::Pipe(_) | Body::Socket | Body::Endpoint(_) => 0,
        }
    }

    /// What stat(2) tells.
    pub fn attributes(&self, guard: &Guard, device: u64) -> Attributes {
        let (size, pages) = match &self.body {
            Body::Regular(file) => {
                let usage = file.with_under(guard, |data| data.usage());
                usage.map_or((0, 0), |usage| (usage.size, usage.pages))
            }
            Body::Directory(_) => (self.size(), 1),
            _ => (self.size(), 0),
        };
        let times = *self.times.lock();
        let rdev = if let Body::Device(number) = self.body {
            number
        } else {
            0
        };
        Attributes {
            device,
            inode: self.inode,
            mode: self.mode(),
            links: times.links,
            uid: self.uid(),
            gid: self.gid(),
            rdev,
            size,
            blocks: pages * 8,
            block_size: 4096,
            accessed: times.accessed,
            modified: times.modified,
            changed: times.changed,
            created: times.created,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.resources.nodes.give(1);
        self.view.end(&*self.resources.store);
        if let Body::Pipe(pipe) = &mut self.body {
            pipe.end(self.resources.medium());
        }
        // Of a chain of directories that have all been removed, each is held by the one below it. They end one after the
        // other and not one within the other: the chain may be longer than the stack.
        let mut place = self.place.get_mut().take();
        while let Some(mut above) = place
            .and_then(Arc::into_inner)
            .and_then(|place| Arc::into_inner(place.parent))
        {
            place = above.place.get_mut().take();
        }
    }
}
