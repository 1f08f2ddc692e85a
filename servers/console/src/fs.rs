//! `/dev` as a file system, and the births and deaths of its clients.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::any::Any;

use k42_api::files::{
    Attributes, FileSystem, FileSystemInfo, Opened, SetAttributes, file_system_dispatch,
    open_file_dispatch, path_flag, set,
};
use k42_api::lifecycle::{Credentials, Lifecycle, lifecycle_dispatch};
use k42_fslib::Clients;
use k42_fslib::linux::{access, mode, open};
use k42_fslib::sync::Mutex;
use k42_fslib::walk::{Final, Walked, walk};
use k42_ipc::{
    Caller, ClientTables, Error, Exported, Handle, Incoming, OutBuf, ProcessId, Reply, Result,
};

use crate::node::{Device, Node};
use crate::open::{OpenDevice, Target, device_of};
use crate::ports::Ports;
use crate::random::Random;
use crate::tty::{Ptys, Side, Tty};

/// Device number that `/dev` itself shows as st_dev.
const DEVICE: u64 = 6;
/// Group "tty" on Debian, which pseudo-terminals belong to.
const TTY_GROUP: u32 = 5;
/// Handles that one client may have here.
const QUOTA: usize = 1 << 16;

/// `/dev` and everything in it.
pub struct Devices {
    /// What the server's surroundings offer.
    pub ports: &'static dyn Ports,
    /// Handles of the clients.
    pub tables: ClientTables,
    clients: Clients<()>,
    /// The console as a terminal.
    pub console: Arc<Tty>,
    /// Pseudo-terminals.
    pub ptys: Ptys,
    /// Source of random bytes.
    pub random: Random,
    changed: Mutex<BTreeMap<Node, Changed>>,
    born: i64,
}

/// Attributes that somebody changed.
#[derive(Clone, Copy)]
struct Changed {
    mode: u32,
    uid: u32,
    gid: u32,
    accessed: i64,
    modified: i64,
    changed: i64,
}

impl Devices {
    /// `/dev` with its fixed devices. `size` is the console's window: rows, columns.
    pub fn new(ports: &'static dyn Ports, size: [u16; 2]) -> Self {
        let console = Tty::new(
            k42_fslib::linux::device(5, 1),
            Side::Console(0),
            [size[0], size[1], 0, 0],
        );
        Self {
            ports,
            tables: ClientTables::new(QUOTA),
            clients: Clients::new(),
            console: Arc::new(console),
            ptys: Ptys::default(),
            random: Random::new(),
            changed: Mutex::new(BTreeMap::new()),
            born: ports.now(),
        }
    }

    /// What statfs(2) tells (a tmpfs, as Linux's devtmpfs does).
    pub fn info() -> FileSystemInfo {
        const TMPFS_MAGIC: u64 = 0x0102_1994;
        FileSystemInfo {
            kind: TMPFS_MAGIC,
            block_size: 4096,
            blocks: 0,
            free: 0,
            available: 0,
            files: 0,
            files_free: 0,
            name_length: 255,
            id: DEVICE,
            flags: 0,
        }
    }

    fn current(&self, node: Node) -> Changed {
        let gid = if matches!(node, Node::Pts(_)) {
            TTY_GROUP
        } else {
            0
        };
        let first = Changed {
            mode: node.first_mode(),
            uid: 0,
            gid,
            accessed: self.born,
            modified: self.born,
            changed: self.born,
        };
        self.changed.lock().get(&node).copied().unwrap_or(first)
    }

    /// Attributes of a node as they are now.
    pub fn attributes_of(&self, node: Node) -> Attributes {
        let now = self.current(node);
        let directory = matches!(node, Node::Root | Node::PtsDirectory);
        Attributes {
            device: DEVICE,
            inode: node.inode(),
            mode: now.mode,
            links: if node == Node::Root {
                3
            } else {
                1 + u32::from(directory)
            },
            uid: now.uid,
            gid: now.gid,
            rdev: node.rdev(),
            size: if let Node::Link(index) = node {
                crate::node::LINKS[index].1.len() as u64
            } else {
                0
            },
            blocks: 0,
            block_size: 4096,
            accessed: now.accessed,
            modified: now.modified,
            changed: now.changed,
            created: self.born,
        }
    }

    /// Forgets what was changed on a node that has gone.
    pub fn forget_attributes(&self, node: Node) {
        self.changed.lock().remove(&node);
    }

    /// chmod, chown, utimens on a node, with their permission rules.
    pub fn change(&self, caller: &Caller, node: Node, new: &SetAttributes) -> Result<()> {
        let client = self.clients.get(caller)?;
        let who = client.record.effective();
        let mut now = self.current(node);
        let explicit = set::MODE | set::ACCESSED | set::MODIFIED;
        if new.which & explicit != 0 && !who.owns(now.uid) {
            return Err(Error::EPERM);
        }
        if new.which & (set::ACCESSED_NOW | set::MODIFIED_NOW) != 0 && !who.owns(now.uid) {
            who.check(now.mode, now.uid, now.gid, access::WRITE)?;
        }
        if new.which & (set::UID | set::GID) != 0 && !who.is_root() {
            return Err(Error::EPERM);
        }
        let time = self.ports.now();
        if new.which & set::MODE != 0 {
            now.mode = now.mode & mode::TYPE | new.mode & mode::PERMISSIONS;
        }
        if new.which & set::UID != 0 {
            now.uid = new.uid;
        }
        if new.which & set::GID != 0 {
            now.gid = new.gid;
        }
        for (explicit, current, value, place) in [
            (
                set::ACCESSED,
                set::ACCESSED_NOW,
                new.accessed,
                &mut now.accessed,
            ),
            (
                set::MODIFIED,
                set::MODIFIED_NOW,
                new.modified,
                &mut now.modified,
            ),
        ] {
            if new.which & current != 0 {
                *place = time;
            } else if new.which & explicit != 0 {
                *place = value;
            }
        }
        now.changed = time;
        self.changed.lock().insert(node, now);
        Ok(())
    }

    /// The node from which a relative path starts.
    fn start(&self, caller: &Caller, directory: Handle) -> Result<Node> {
        if directory == Handle::ROOT {
            return Ok(Node::Root);
        }
        let (object, _) = self.tables.lookup(caller.process, directory)?;
        // Everything in the tables was put there by `open`.
        let object: Arc<dyn Any + Send + Sync> = object;
        let file = object.downcast_ref::<Handed>().ok_or(Error::EBADF)?;
        Ok(file.0.node())
    }

    fn resolve<'p>(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &'p [u8],
        flags: u32,
        treat: Final,
        rest: &mut OutBuf<'_>,
    ) -> Result<Walked<'p, Node>> {
        let client = self.clients.get(caller)?;
        let who = if flags & path_flag::REAL_IDS != 0 {
            client.record.real()
        } else {
            client.record.effective()
        };
        let start = self.start(caller, directory)?;
        walk(self, start, path, &who, treat).map_err(|stop| stop.reply(rest, false))
    }

    /// The node that a path names.
    fn named(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        flags: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<Node> {
        if path.is_empty() && flags & path_flag::EMPTY != 0 {
            return self.start(caller, directory);
        }
        let treat = if flags & path_flag::NO_FOLLOW != 0 {
            Final::NoFollow
        } else {
            Final::Follow
        };
        self.resolve(caller, directory, path, flags, treat, rest)?
            .node
            .ok_or(Error::ENOENT)
    }

    /// What calls that would change the names end with: the tree is fixed.
    fn fixed(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        make: bool,
        rest: &mut OutBuf<'_>,
    ) -> Error {
        match self.resolve(caller, directory, path, 0, Final::Entry, rest) {
            Err(error) => error,
            Ok(walked) if make && walked.node.is_some() => Error::EEXIST,
            Ok(walked) if !make && walked.node.is_none() => Error::ENOENT,
            Ok(_) => Error::EPERM,
        }
    }

    fn terminal(&self, caller: &Caller, tty: Arc<Tty>, flags: u32) -> Result<Target> {
        tty.open()?;
        let target = Target::Terminal(tty.clone());
        if flags & open::NO_CTTY == 0
            && let Ok(who) = self.ports.identity(caller.process)
        {
            // Not being able to is no error of the open.
            let _ = tty.adopt(&who, self.ports);
        }
        Ok(target)
    }

    fn controlling(&self, caller: &Caller) -> Result<Arc<Tty>> {
        let sid = self.ports.identity(caller.process)?.sid;
        let mut all = self.ptys.all();
        all.push(self.console.clone());
        all.into_iter()
            .find(|tty| sid != 0 && tty.session() == sid)
            .ok_or(Error::ENXIO)
    }

    fn target(&self, caller: &Caller, node: Node, flags: u32) -> Result<(Node, Target)> {
        if flags & open::PATH != 0 {
            return Ok((node, Target::Name));
        }
        let target = match (node, device_of(node)) {
            (Node::Root | Node::PtsDirectory, _) => {
                if flags & open::ACCESS_MODE != open::READ_ONLY {
                    return Err(Error::EISDIR);
                }
                Target::Directory
            }
            (Node::Link(_), _) => return Err(Error::ELOOP),
            (Node::Pts(number), _) => {
                self.terminal(caller, self.ptys.get(number).ok_or(Error::ENOENT)?, flags)?
            }
            (_, Some(Device::Console)) => self.terminal(caller, self.console.clone(), flags)?,
            (_, Some(Device::ControllingTty)) => {
                self.terminal(caller, self.controlling(caller)?, flags | open::NO_CTTY)?
            }
            (_, Some(Device::Ptmx)) => {
                let (number, tty) = self.ptys.create()?;
                let client = self.clients.get(caller)?;
                let mut now = self.current(Node::Pts(number));
                now.uid = client.record.ids.fsuid;
                self.changed.lock().insert(Node::Pts(number), now);
                return Ok((node, Target::Master(tty, number)));
            }
            (_, Some(device)) => Target::Device(device),
            (_, None) => return Err(Error::ENXIO),
        };
        Ok((node, target))
    }
}

/// An open file as the handle table holds it.
pub struct Handed(pub OpenDevice);

impl Exported for Handed {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        open_file_dispatch(&self.0, incoming)
    }
}

/// The server's root object: both interfaces.
pub struct Root(pub &'static Devices);

impl Exported for Root {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        match incoming.method >> 8 {
            1 => lifecycle_dispatch(self, incoming),
            _ => file_system_dispatch(self, incoming),
        }
    }
}

impl Lifecycle for Root {
    fn client_created(
        &self,
        caller: &Caller,
        process: ProcessId,
        ids: Credentials,
        groups: &[u8],
    ) -> Result<()> {
        self.0.clients.created(caller, process, ids, groups)
    }
    fn client_forked(&self, caller: &Caller, parent: ProcessId, child: ProcessId) -> Result<()> {
        self.0.clients.forked(caller, parent, child)?;
        self.0.tables.fork(parent, child)
    }
    fn client_ended(&self, caller: &Caller, process: ProcessId) -> Result<()> {
        if self.0.clients.ended(caller, process)?.is_none() {
            return Ok(());
        }
        let devices = self.0;
        devices.tables.end(process);
        let mut terminals = devices.ptys.all();
        terminals.push(devices.console.clone());
        for tty in &terminals {
            tty.forget(process);
        }
        if terminals.iter().any(|tty| tty.session() != 0)
            && let Ok(who) = devices.ports.identity(process)
            && who.flags & 1 != 0
        {
            for tty in &terminals {
                tty.leader_ended(who.sid, devices.ports);
            }
        }
        Ok(())
    }
    fn credentials_changed(
        &self,
        caller: &Caller,
        process: ProcessId,
        ids: Credentials,
        groups: &[u8],
    ) -> Result<()> {
        self.0.clients.changed(caller, process, ids, groups)
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
        let devices = self.0;
        let no_follow = flags & open::NO_FOLLOW != 0
            || flags & (open::CREATE | open::EXCLUSIVE) == open::CREATE | open::EXCLUSIVE;
        let treat = if no_follow {
            Final::NoFollow
        } else {
            Final::Follow
        };
        let walked = devices.resolve(caller, directory, path, 0, treat, rest)?;
        let Some(node) = walked.node else {
            return Err(if flags & open::CREATE != 0 {
                Error::EPERM
            } else {
                Error::ENOENT
            });
        };
        if flags & (open::CREATE | open::EXCLUSIVE) == open::CREATE | open::EXCLUSIVE {
            return Err(Error::EEXIST);
        }
        let now = devices.attributes_of(node);
        if flags & open::DIRECTORY != 0 && now.mode & mode::TYPE != mode::DIRECTORY {
            return Err(Error::ENOTDIR);
        }
        if flags & open::PATH == 0 {
            let wanted = match flags & open::ACCESS_MODE {
                open::READ_ONLY => access::READ,
                open::WRITE_ONLY => access::WRITE,
                _ => access::READ | access::WRITE,
            };
            let client = devices.clients.get(caller)?;
            client
                .record
                .effective()
                .check(now.mode, now.uid, now.gid, wanted)?;
        }
        let (node, target) = devices.target(caller, node, flags)?;
        let file = OpenDevice::new(devices, node, target, flags);
        let kind = file.kind();
        let handle = devices
            .tables
            .insert(caller.process, Arc::new(Handed(file)), 0)?;
        Ok(Opened {
            handle,
            kind,
            mode: now.mode,
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
        Ok(self
            .0
            .attributes_of(self.0.named(caller, directory, path, flags, rest)?))
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
        let now = self
            .0
            .attributes_of(self.0.named(caller, directory, path, flags, rest)?);
        let client = self.0.clients.get(caller)?;
        let who = if flags & path_flag::REAL_IDS != 0 {
            client.record.real()
        } else {
            client.record.effective()
        };
        // The numbers of R_OK, W_OK, X_OK are those of the permission bits.
        who.check(now.mode, now.uid, now.gid, wanted & 7)
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
        let node = self.0.named(caller, directory, path, flags, rest)?;
        if new.which & set::SIZE != 0 {
            let directory = matches!(node, Node::Root | Node::PtsDirectory);
            return Err(if directory {
                Error::EISDIR
            } else {
                Error::EINVAL
            });
        }
        self.0.change(caller, node, &new)
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
        Err(self.0.fixed(caller, directory, path, true, rest))
    }

    fn symlink(
        &self,
        caller: &Caller,
        _: &[u8],
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        Err(self.0.fixed(caller, directory, path, true, rest))
    }

    fn read_link(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<u32> {
        let flags = path_flag::NO_FOLLOW | path_flag::EMPTY;
        let Node::Link(index) = self.0.named(caller, directory, path, flags, rest)? else {
            return Err(Error::EINVAL);
        };
        let target = crate::node::LINKS[index].1.as_bytes();
        rest.put(target)?;
        Ok(target.len() as u32)
    }

    fn link(
        &self,
        caller: &Caller,
        old_directory: Handle,
        old_path: &[u8],
        _: Handle,
        _: &[u8],
        _: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        Err(self.0.fixed(caller, old_directory, old_path, false, rest))
    }

    fn unlink(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        _: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        Err(self.0.fixed(caller, directory, path, false, rest))
    }

    fn rename(
        &self,
        caller: &Caller,
        old_directory: Handle,
        old_path: &[u8],
        _: Handle,
        _: &[u8],
        _: u32,
        rest: &mut OutBuf<'_>,
    ) -> Result<()> {
        Err(self.0.fixed(caller, old_directory, old_path, false, rest))
    }

    fn statfs(
        &self,
        caller: &Caller,
        directory: Handle,
        path: &[u8],
        rest: &mut OutBuf<'_>,
    ) -> Result<FileSystemInfo> {
        self.0
            .named(caller, directory, path, path_flag::EMPTY, rest)?;
        Ok(Devices::info())
    }

    fn pipe(&self, _: &Caller, _: u32) -> Result<[u64; 2]> {
        Err(Error::ENOSYS)
    }

    fn set_mount_point(&self, _: &Caller, _: &[u8], _: u32) -> Result<()> {
        Err(Error::EBUSY)
    }

    fn sync(&self, _: &Caller) -> Result<()> {
        Ok(())
    }
}
