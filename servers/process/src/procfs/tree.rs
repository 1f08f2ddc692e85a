//! Names and attributes in /proc, as the walk of file servers wants them.

use super::table::{
    DESCRIPTOR, DESCRIPTORS, Directory, Magic, PROCESS, ROOT, TABLE, TASKS, THREAD, What,
};
use super::{Node, Text, put};
use crate::Server;
use crate::record::{Record, View};
use alloc::vec::Vec;
use k42_api::files::Attributes;
use k42_fslib::Access;
use k42_fslib::linux::{access, device, mode};
use k42_fslib::walk::{Kind, Link, Tree};
use k42_ipc::{Error, Result};
use k42_object::{Guard, Rep};

/// Device number of the file system.
pub const DEVICE: u64 = device(0, 5);

impl Node {
    /// The top directory.
    pub const ROOT: Self = Self {
        line: ROOT,
        pid: 0,
        fd: 0,
    };

    /// What it is.
    pub fn what(self) -> &'static What {
        &TABLE[self.line as usize].what
    }
    /// The directory that it is, if it is one.
    pub fn directory(self) -> Option<Directory> {
        if let What::Directory(directory) = self.what() {
            Some(*directory)
        } else {
            None
        }
    }
    /// The node of another line for the same process.
    pub fn at(self, line: u16) -> Self {
        Self { line, ..self }
    }
    /// Inode number: never the same for two nodes.
    pub fn inode(self) -> u64 {
        (self.pid as u64) << 32 | u64::from(self.fd) << 8 | u64::from(self.line + 1)
    }
    /// Type and permission bits.
    pub fn mode(self) -> u32 {
        match *self.what() {
            What::Directory(Directory::Descriptors) => mode::DIRECTORY | 0o500,
            What::Directory(_) => mode::DIRECTORY | 0o555,
            What::File(bits, _) => mode::REGULAR | bits,
            What::Writable(..) => mode::REGULAR | 0o644,
            What::Link(_) => mode::SYMLINK | 0o777,
            What::Magic(Magic::Descriptor) => mode::SYMLINK | 0o700,
            What::Magic(_) => mode::SYMLINK | 0o777,
        }
    }
}

/// The tree as one process sees it.
pub struct Sight<'a> {
    /// The server.
    pub server: &'a Server,
    /// Who looks; zero if it is no Linux process.
    pub own: i32,
}

/// A number without sign, zeroes in front, or anything else.
fn number(name: &[u8]) -> Option<u32> {
    let plain =
        name.iter().all(u8::is_ascii_digit) && (name.len() == 1 || name.first() != Some(&b'0'));
    if plain {
        core::str::from_utf8(name).ok()?.parse().ok()
    } else {
        None
    }
}

impl Server {
    /// Calls `look` with the record of a process.
    pub(crate) fn with_process<R>(
        &self,
        pid: i32,
        look: impl FnOnce(&Guard, Rep<'_, dyn Record>) -> R,
    ) -> Result<R> {
        let guard = self.objects.enter();
        let process = self.pids.process(pid).map_err(|_| Error::ENOENT)?;
        let record = process.get(&guard).map_err(|_| Error::ENOENT)?;
        Ok(look(&guard, record))
    }
    /// What there is to see of a process.
    pub(crate) fn view(&self, pid: i32) -> Result<View> {
        self.with_process(pid, |_, record| record.view())
    }
    fn exists(&self, pid: i32) -> bool {
        self.pids.process(pid).is_ok()
    }
}

impl Sight<'_> {
    /// Owner of a node.
    pub fn owner(&self, node: Node) -> (u32, u32) {
        if node.pid == 0 {
            return (0, 0);
        }
        self.server.view(node.pid).map_or((0, 0), |view| {
            // What is not to be looked into is root's.
            let ids = view.heritage.identity.ids;
            if view.heritage.dumpable || matches!(node.line, PROCESS | THREAD) {
                (ids.euid, ids.egid)
            } else {
                (0, 0)
            }
        })
    }

    /// stat(2). ENOENT if the process has gone.
    pub fn attributes(&self, node: Node) -> Result<Attributes> {
        let started = match node.pid {
            0 => 0,
            pid => self
                .server
                .with_process(pid, |_, record| record.started())?,
        };
        let (uid, gid) = self.owner(node);
        let time = (self.server.env.boot_seconds() * 1_000_000_000 + started) as i64;
        let directory = node.directory();
        let links = match directory {
            None => 1,
            Some(Directory::Root) => 8 + self.server.pids.count() as u32,
            Some(_) => 3,
        };
        Ok(Attributes {
            device: DEVICE,
            inode: node.inode(),
            mode: node.mode(),
            links,
            uid,
            gid,
            rdev: 0,
            size: 0,
            blocks: 0,
            block_size: 1024,
            accessed: time,
            modified: time,
            changed: time,
            created: time,
        })
    }

    /// Whether `who` may do `wanted` with a node.
    pub fn check(&self, node: Node, who: &Access<'_>, wanted: u32) -> Result<()> {
        let (uid, gid) = self.owner(node);
        who.check(node.mode(), uid, gid, wanted)
    }

    /// Lines that are in a directory and have names.
    pub fn lines(directory: Directory) -> impl Iterator<Item = (u16, &'static str)> {
        TABLE.iter().enumerate().filter_map(move |(at, line)| {
            (line.parent == directory && !line.name.is_empty()).then_some((at as u16, line.name))
        })
    }
}

impl Tree for Sight<'_> {
    type Node = Node;

    fn root(&self) -> Node {
        Node::ROOT
    }

    fn kind(&self, node: &Node) -> Kind {
        match node.what() {
            What::Directory(_) => Kind::Directory,
            What::Link(_) | What::Magic(_) => Kind::Symlink,
            What::File(..) | What::Writable(..) => Kind::Other,
        }
    }

    fn search(&self, directory: &Node, who: &Access<'_>) -> Result<()> {
        self.check(*directory, who, access::EXECUTE)
    }

    fn lookup(&self, directory: &Node, name: &[u8]) -> Result<Option<Node>> {
        let Some(kind) = directory.directory() else {
            return Err(Error::ENOTDIR);
        };
        if directory.pid != 0 && !self.server.exists(directory.pid) {
            return Ok(None);
        }
        let numbered = number(name);
        let found = match (kind, numbered) {
            (Directory::Root, Some(pid)) => {
                let pid = i32::try_from(pid).unwrap_or(0);
                return Ok(self.server.exists(pid).then_some(Node {
                    line: PROCESS,
                    pid,
                    fd: 0,
                }));
            }
            // The library has its threads to itself: the server knows of the first.
            (Directory::Tasks, Some(tid)) => {
                (tid as i32 == directory.pid).then_some(directory.at(THREAD))
            }
            // It has its descriptors to itself as well, and finds out whether there is one of that number.
            (Directory::Descriptors, Some(fd)) if directory.pid == self.own => Some(Node {
                fd,
                ..directory.at(DESCRIPTOR)
            }),
            _ => Self::lines(kind)
                .find(|(_, other)| other.as_bytes() == name)
                .map(|(line, _)| directory.at(line)),
        };
        // No tasks of a task.
        Ok(found.filter(|node| !(directory.line == THREAD && node.line == TASKS)))
    }

    fn parent(&self, directory: &Node) -> Option<Node> {
        let node = match directory.line {
            ROOT => return None,
            THREAD => directory.at(TASKS),
            TASKS | DESCRIPTORS => directory.at(PROCESS),
            line => {
                let parent = TABLE[line as usize].parent;
                let up = TABLE
                    .iter()
                    .position(|line| matches!(line.what, What::Directory(own) if own == parent));
                Node {
                    line: up.unwrap_or(0) as u16,
                    pid: 0,
                    fd: 0,
                }
            }
        };
        Some(node)
    }

    fn read_link(&self, link: &Node, target: &mut Vec<u8>) -> Result<Link> {
        let mut text = Text::default();
        let mut kind = Link::Path;
        match link.what() {
            What::Link(path) => text.bytes(path.as_bytes()),
            What::Magic(Magic::Own | Magic::OwnThread) if self.own == 0 => {
                return Err(Error::ENOENT);
            }
            What::Magic(Magic::Own) => put!(text, "{}", self.own),
            What::Magic(Magic::OwnThread) => put!(text, "{0}/task/{0}", self.own),
            What::Magic(Magic::Program) => {
                let view = self.server.view(link.pid)?;
                text.bytes(&view.heritage.program.path);
                if text.0.is_empty() {
                    return Err(Error::ENOENT);
                }
            }
            What::Magic(Magic::RootDirectory) => text.bytes(b"/"),
            // What other processes have open, their libraries know.
            What::Magic(_) if link.pid != self.own => return Err(Error::EACCES),
            What::Magic(Magic::Descriptor) => {
                put!(text, "fd:{}", link.fd);
                kind = Link::Magic;
            }
            What::Magic(Magic::WorkingDirectory) => {
                // AT_FDCWD: the library's own notion of where it is. Going there is going to a name in it.
                text.bytes(b"fd:-100/.");
                kind = Link::Magic;
            }
            _ => return Err(Error::EINVAL),
        }
        target.extend_from_slice(&text.0);
        Ok(kind)
    }
}
