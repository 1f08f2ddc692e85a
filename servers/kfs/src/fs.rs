//! The file system as a whole, and its interface towards clients.

use crate::data::collect_all;
use crate::directory::{Entries, FirstWord, Step};
use crate::make::entries;
use crate::node::{Body, Node, NodeRef, Owner};
use crate::open::OpenNode;
use crate::plain::plain;
use crate::ports::{PageStore, Ports};
use crate::quota::{Numbers, Quota, Resources};
use crate::remove::same;
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use k42_api::files::{FileSystemInfo, Opened, path_flag};
use k42_fslib::linux::{device, mode};
use k42_fslib::sync::{Mutex, ReadMostly};
use k42_fslib::walk::{Final, Kind, Link, Outcome, Stop, Tree, Walked, walk};
use k42_fslib::{Access, Client, Clients};
use k42_ipc::{Caller, Error, Handle, ProcessId, Result, counted};
use k42_object::{Guard, enter};
use k42_sched::trace::{User, events};

/// What KFS keeps of a client process.
#[derive(Debug, Default)]
pub struct Held {
    /// Nodes on which it may have locks or FIFO opens under way.
    pub(crate) nodes: Mutex<Vec<Weak<Node>>>,
    /// Its root directory, if that is another than the file system's.
    pub(crate) root: Mutex<Option<NodeRef>>,
}

impl Held {
    /// Remembers that the process has something on `node`.
    pub fn note(&self, node: &NodeRef) -> Result<()> {
        let mut list = self.nodes.lock();
        if list
            .iter()
            .any(|held| core::ptr::eq(held.as_ptr(), Arc::as_ptr(node)))
        {
            return Ok(());
        }
        if list.len().is_multiple_of(16) {
            list.retain(|held| held.strong_count() > 0);
        }
        list.try_reserve(1).map_err(|_| Error::ENOMEM)?;
        list.push(Arc::downgrade(node));
        Ok(())
    }
}

/// The server.
pub struct Kfs {
    /// Its surroundings.
    pub ports: Ports,
    /// Who its clients are.
    pub clients: Clients<Held>,
    root: NodeRef,
    /// Some process has had a root directory of its own.
    has_roots: AtomicBool,
    /// Taken to move a directory from one directory to another.
    pub(crate) rename_lock: Mutex<()>,
    inodes: Numbers,
    /// What it is made of.
    pub resources: &'static Resources,
}

/// Device number of the root file system.
pub const DEVICE: u64 = device(0, 20);
/// `f_type`.
const MAGIC: u64 = 0x4b46_5331;
/// The root's inode number; others have higher ones.
const ROOT_INODE: u64 = 1;

impl Kfs {
    /// An empty file system that may use so many pages and nodes. It lives as long as the server.
    pub fn start(ports: Ports, store: Box<dyn PageStore>, pages: u64, nodes: u64) -> &'static Self {
        let resources: &Resources = Box::leak(Box::new(Resources {
            store,
            pages: Quota::new(pages),
            nodes: Quota::new(nodes),
        }));
        let owner = Owner {
            mode: mode::DIRECTORY | 0o755,
            uid: 0,
            gid: 0,
        };
        let body = Body::Directory(ReadMostly::new(Entries::new(ports.seed)));
        let root = Node::new(resources, ROOT_INODE, owner, body, ports.clock.now());
        root.times.lock().links = 2;
        Box::leak(Box::new(Self {
            ports,
            clients: Clients::new(),
            root: Arc::new(root),
            has_roots: AtomicBool::new(false),
            rename_lock: Mutex::new(()),
            inodes: Numbers::new(),
            resources,
        }))
    }

    /// The time.
    pub fn now(&self) -> i64 {
        self.ports.clock.now()
    }

    /// A new node without a name. ENOSPC.
    pub fn new_node(&self, owner: Owner, body: Body) -> Result<NodeRef> {
        if self.resources.nodes.take(1).is_err() {
            // Directories that were removed may be waiting for walks to pass.
            collect_all();
            self.resources.nodes.take(1)?;
        }
        let inode = self.inodes.take();
        events::fs::create::<User>(inode);
        // If there is no memory the node is dropped, and gives back what was taken.
        counted(|| Node::new(self.resources, inode, owner, body, self.now()))
            .map_err(|_| Error::ENOSPC)
    }

    /// A secret for a new directory's hash.
    pub fn seed(&self) -> u64 {
        let count = self.inodes.take();
        self.ports.seed.rotate_left((count % 63) as u32) ^ count.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// The caller's root directory, if it has one of its own.
    #[inline]
    fn own_root(&self, caller: &Caller) -> Result<Option<NodeRef>> {
        if !self.has_roots.load(Ordering::Acquire) {
            return Ok(None);
        }
        Ok(self.client(caller)?.extra.root.lock().clone())
    }

    /// chroot(2).
    pub fn set_root(&self, caller: &Caller, directory: Handle) -> Result<()> {
        let client = self.client(caller)?;
        if !client.record.effective().is_root() {
            return Err(Error::EPERM);
        }
        let node = self.origin(caller, directory)?;
        if !node.is_directory() {
            return Err(Error::ENOTDIR);
        }
        self.has_roots.store(true, Ordering::Release);
        let old = client.extra.root.lock().replace(node);
        drop(old);
        Ok(())
    }

    /// A child has its parent's root directory.
    pub(crate) fn inherit_root(&self, parent: ProcessId, child: ProcessId) {
        if self.has_roots.load(Ordering::Acquire)
            && let (Some(parent), Some(child)) = (self.clients.of(parent), self.clients.of(child))
        {
            let root = parent.extra.root.lock().clone();
            *child.extra.root.lock() = root;
        }
    }

    /// The node that a directory argument means.
    pub fn origin(&self, caller: &Caller, directory: Handle) -> Result<NodeRef> {
        if directory == Handle::ROOT {
            let own = self.own_root(caller)?;
            return Ok(own.unwrap_or_else(|| self.root.clone()));
        }
        Ok(self.ports.handles.get(caller, directory)?.node().clone())
    }

    /// Resolves a path for `who`; what is found is counted, but not the directories on the way: walks on different CPUs have
    /// nothing in common but what they read.
    pub fn walk<'p>(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &'p [u8],
        who: &Access<'_>,
        treat: Final,
    ) -> Outcome<Walked<'p, NodeRef>> {
        let guard = enter();
        let own = self.own_root(caller)?;
        let start = self.beginning(&own, caller, directory, path)?;
        let walked = match plain(&guard, &start, path, who, treat) {
            Some(found) => {
                let directory = found.directory.map_or(start, Step::Passing);
                Walked::of_name(directory, found.name, found.node)
            }
            None => self.walk_all(&guard, own, start, path, who, treat)?,
        };
        Ok(walked.map(Step::into_node))
    }

    /// Resolves a path that does not take the short way.
    #[inline(never)]
    pub(crate) fn walk_all<'p, 'g>(
        &'g self,
        guard: &'g Guard,
        root: Option<NodeRef>,
        start: Step<'g>,
        path: &'p [u8],
        who: &Access<'_>,
        treat: Final,
    ) -> Outcome<Walked<'p, Step<'g>>> {
        let names = Names {
            fs: self,
            guard,
            root,
        };
        walk(&names, start, path, who, treat)
    }

    /// The directory from which a path goes; `own` is the caller's own root directory, if it has one.
    #[inline]
    fn beginning<'g>(
        &'g self,
        own: &Option<NodeRef>,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
    ) -> Result<Step<'g>> {
        if directory == Handle::ROOT || path.first() == Some(&b'/') {
            Ok(match own {
                None => Step::Passing(&self.root),
                Some(root) => Step::Held(root.clone()),
            })
        } else {
            Ok(Step::Held(self.origin(caller, directory)?))
        }
    }

    /// Resolves a path from `start` as root, for the server itself.
    pub(crate) fn walk_from<'p>(
        &self,
        start: NodeRef,
        path: &'p [u8],
        treat: Final,
    ) -> Outcome<Walked<'p, NodeRef>> {
        let guard = enter();
        let names = Names {
            fs: self,
            guard: &guard,
            root: None,
        };
        let walked = walk(&names, Step::Held(start), path, &Access::ROOT, treat)?;
        Ok(walked.map(Step::into_node))
    }

    /// The existing node that a path names; `flags` are [`path_flag`]s.
    pub fn find(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        who: &Access<'_>,
        flags: u32,
    ) -> Outcome<NodeRef> {
        self.find_under(&enter(), caller, directory, path, who, flags)
    }

    /// As `find`, for who has a guard.
    pub fn find_under(
        &self,
        guard: &Guard,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        who: &Access<'_>,
        flags: u32,
    ) -> Outcome<NodeRef> {
        if path.is_empty() && flags & path_flag::EMPTY != 0 {
            return Ok(self.origin(caller, directory)?);
        }
        let treat = if flags & path_flag::NO_FOLLOW != 0 {
            Final::NoFollow
        } else {
            Final::Follow
        };
        self.found(guard, caller, directory, path, who, treat)
    }

    /// The existing node to which a path leads.
    #[inline]
    pub(crate) fn found(
        &self,
        guard: &Guard,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        who: &Access<'_>,
        treat: Final,
    ) -> Outcome<NodeRef> {
        let own = self.own_root(caller)?;
        let start = self.beginning(&own, caller, directory, path)?;
        let node = match plain(guard, &start, path, who, treat) {
            Some(found) => found.node,
            None => self.walk_all(guard, own, start, path, who, treat)?.node,
        };
        let inode = node.as_ref().map_or(0, |node| node.inode);
        events::fs::lookup::<User>(u64::from(caller.process.0), inode);
        Ok(node.ok_or(Error::ENOENT)?.into_node())
    }

    /// The file system's root directory.
    pub(crate) fn root(&self) -> NodeRef {
        self.root.clone()
    }

    /// What `name` stands for in a directory.
    pub(crate) fn lookup(&self, directory: &Node, name: &[u8]) -> Result<Option<NodeRef>> {
        let found = entries(directory)?.read(enter().cpu()).get(name).cloned();
        Ok(found)
    }

    /// The directory above; `None` for the root.
    pub(crate) fn parent(&self, directory: &Node) -> Option<NodeRef> {
        let place = directory.place.lock();
        place.as_ref().map(|place| place.parent.clone())
    }

    /// What statfs tells.
    pub fn info(&self) -> FileSystemInfo {
        collect_all();
        FileSystemInfo {
            kind: MAGIC,
            block_size: 4096,
            blocks: self.resources.pages.limit(),
            free: self.resources.pages.free(),
            available: self.resources.pages.free(),
            files: self.resources.nodes.limit(),
            files_free: self.resources.nodes.free(),
            name_length: k42_fslib::linux::NAME_MAX as u64,
            id: DEVICE,
            flags: 0,
        }
    }

    /// Puts the mount `id` on a directory.
    pub fn mount_on(&self, path: &[u8], id: u32) -> Result<()> {
        let walked = match self.walk_from(self.root(), path, Final::Entry) {
            Ok(walked) => walked,
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Redirect(_)) => return Err(Error::CROSS_MOUNT),
        };
        let node = walked.node.ok_or(Error::ENOENT)?;
        if !node.is_directory() {
            return Err(Error::ENOTDIR);
        }
        node.set_mount(id);
        Ok(())
    }

    /// Gives a client a handle on a new open file.
    #[inline]
    pub fn hand_out(&self, caller: &Caller, file: impl FnOnce() -> OpenNode) -> Result<Opened> {
        let file = counted(file)?;
        let (kind, mode, inode) = (file.kind(), file.node().mode(), file.node().inode);
        let handle = self.ports.handles.insert(caller.process, file)?;
        events::fs::open::<User>(u64::from(caller.process.0), inode, u64::from(mode));
        Ok(Opened { handle, kind, mode })
    }

    pub(crate) fn client(&self, caller: &Caller) -> Result<Client<Held>> {
        self.clients.get(caller)
    }

    pub(crate) fn wake(&self, lists: [k42_fslib::wait::WaitList; 2]) {
        lists
            .into_iter()
            .for_each(|list| list.wake(&*self.ports.notifier));
    }
}

/// The names as a walk under a guard sees them.
struct Names<'g> {
    fs: &'g Kfs,
    guard: &'g Guard,
    /// The process's own root directory, if it has one: for it nothing is above that.
    root: Option<NodeRef>,
}

impl<'g> Tree for Names<'g> {
    type Node = Step<'g>;

    fn root(&self) -> Step<'g> {
        match &self.root {
            Some(root) => Step::Held(root.clone()),
            None => Step::Passing(&self.fs.root),
        }
    }
    fn kind(&self, node: &Step<'g>) -> Kind {
        match node.body {
            Body::Directory(_) => Kind::Directory,
            Body::Symlink(_) => Kind::Symlink,
            _ => Kind::Other,
        }
    }
    fn search(&self, directory: &Step<'g>, who: &Access<'_>) -> Result<()> {
        directory.check(who, k42_fslib::linux::access::EXECUTE)
    }
    fn lookup(&self, directory: &Step<'g>, name: &[u8]) -> Result<Option<Step<'g>>> {
        let entries = entries(directory)?.read(self.guard.cpu());
        Ok(entries.step(name, FirstWord::of(name), self.guard))
    }
    fn parent(&self, directory: &Step<'g>) -> Option<Step<'g>> {
        if self.root.as_ref().is_some_and(|root| same(directory, root)) {
            return None;
        }
        self.fs.parent(directory).map(Step::Held)
    }
    fn read_link(&self, link: &Step<'g>, target: &mut Vec<u8>) -> Result<Link> {
        let Body::Symlink(text) = &link.body else {
            return Err(Error::EINVAL);
        };
        target.try_reserve(text.len()).map_err(|_| Error::ENOMEM)?;
        target.extend_from_slice(text);
        link.touch_accessed(self.fs.now());
        Ok(Link::Path)
    }
    fn mount(&self, node: &Step<'g>) -> Option<u32> {
        node.mount()
    }
    fn is_top(&self) -> bool {
        true
    }
}
