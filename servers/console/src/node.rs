//! The names of `/dev`.

use alloc::format;
use alloc::vec::Vec;

use k42_fslib::linux::{device, mode};
use k42_fslib::walk::{Kind, Link, Tree};
use k42_fslib::{Access, Error, Result};

use crate::fs::Devices;

/// Something in `/dev`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Node {
    /// `/dev`.
    Root,
    /// `/dev/pts`.
    PtsDirectory,
    /// A device, by index in [`DEVICES`].
    Device(usize),
    /// A symbolic link, by index in [`LINKS`].
    Link(usize),
    /// A pseudo-terminal.
    Pts(usize),
}

/// What a device does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "named after the devices")]
pub enum Device {
    Null,
    Zero,
    Full,
    Random,
    /// The controlling terminal of whoever opens it.
    ControllingTty,
    /// The first console, as a terminal.
    Console,
    Ptmx,
    /// The console with this index, bytes as they are: what a single command's output goes to.
    Raw(usize),
    /// Text for the system's log.
    Log,
    /// Text for the trace; the client's library logs it.
    TraceMarker,
}

/// A device with its name and numbers (Linux's where Linux has it).
pub struct Entry {
    /// Name.
    pub name: &'static str,
    /// What it does.
    pub what: Device,
    /// Major and minor number.
    pub number: (u32, u32),
    /// Permissions.
    pub mode: u32,
}

const fn entry(name: &'static str, what: Device, number: (u32, u32), mode: u32) -> Entry {
    Entry {
        name,
        what,
        number,
        mode,
    }
}

/// All devices.
pub const DEVICES: &[Entry] = &[
    entry("null", Device::Null, (1, 3), 0o666),
    entry("zero", Device::Zero, (1, 5), 0o666),
    entry("full", Device::Full, (1, 7), 0o666),
    entry("random", Device::Random, (1, 8), 0o666),
    entry("urandom", Device::Random, (1, 9), 0o666),
    entry("kmsg", Device::Log, (1, 11), 0o644),
    entry("tty", Device::ControllingTty, (5, 0), 0o666),
    entry("console", Device::Console, (5, 1), 0o600),
    entry("ptmx", Device::Ptmx, (5, 2), 0o666),
    entry("hvc0", Device::Console, (229, 0), 0o620),
    entry("hostout", Device::Raw(0), (240, 0), 0o622),
    entry("hosterr", Device::Raw(2), (240, 2), 0o622),
    entry("trace_marker", Device::TraceMarker, (240, 3), 0o222),
];

/// Symbolic links.
pub const LINKS: &[(&str, &str)] = &[
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

const FIRST_DEVICE: u64 = 16;
const FIRST_LINK: u64 = 128;
const FIRST_PTS: u64 = 1024;

impl Node {
    /// Inode number.
    pub fn inode(self) -> u64 {
        match self {
            Self::Root => 1,
            Self::PtsDirectory => 2,
            Self::Device(index) => FIRST_DEVICE + index as u64,
            Self::Link(index) => FIRST_LINK + index as u64,
            Self::Pts(number) => FIRST_PTS + number as u64,
        }
    }

    /// Type and permissions before anybody changed them.
    pub fn first_mode(self) -> u32 {
        match self {
            Self::Root | Self::PtsDirectory => mode::DIRECTORY | 0o755,
            Self::Device(index) => mode::CHARACTER | DEVICES[index].mode,
            Self::Link(_) => mode::SYMLINK | 0o777,
            Self::Pts(_) => mode::CHARACTER | 0o620,
        }
    }

    /// Device number of a device.
    pub fn rdev(self) -> u64 {
        match self {
            Self::Device(index) => device(DEVICES[index].number.0, DEVICES[index].number.1),
            Self::Pts(number) => device(crate::tty::PTS_MAJOR, number as u32),
            _ => 0,
        }
    }

    /// Path within this file system.
    pub fn path(self) -> Vec<u8> {
        match self {
            Self::Root => b"/".to_vec(),
            Self::PtsDirectory => b"/pts".to_vec(),
            Self::Device(index) => format!("/{}", DEVICES[index].name).into_bytes(),
            Self::Link(index) => format!("/{}", LINKS[index].0).into_bytes(),
            Self::Pts(number) => format!("/pts/{number}").into_bytes(),
        }
    }
}

impl Devices {
    /// The entries of a directory from position `from` on, which begin after `.` and `..`: position of the next, node, name.
    pub fn entries(&self, directory: Node, from: u64) -> Vec<(u64, Node, Vec<u8>)> {
        let mut list: Vec<(u64, Node, Vec<u8>)> = Vec::new();
        let mut add = |node: Node, name: Vec<u8>| list.push((node.inode() + 1, node, name));
        match directory {
            Node::Root => {
                add(Node::PtsDirectory, b"pts".to_vec());
                for (index, device) in DEVICES.iter().enumerate() {
                    add(Node::Device(index), device.name.as_bytes().to_vec());
                }
                for (index, link) in LINKS.iter().enumerate() {
                    add(Node::Link(index), link.0.as_bytes().to_vec());
                }
            }
            Node::PtsDirectory => {
                for number in self.ptys.numbers(0) {
                    add(Node::Pts(number), format!("{number}").into_bytes());
                }
            }
            _ => {}
        }
        list.retain(|(next, ..)| *next > from);
        list
    }
}

impl Tree for Devices {
    type Node = Node;

    fn root(&self) -> Node {
        Node::Root
    }
    fn kind(&self, node: &Node) -> Kind {
        match node {
            Node::Root | Node::PtsDirectory => Kind::Directory,
            Node::Link(_) => Kind::Symlink,
            _ => Kind::Other,
        }
    }
    fn search(&self, directory: &Node, who: &Access<'_>) -> Result<()> {
        let now = self.attributes_of(*directory);
        who.check(
            now.mode,
            now.uid,
            now.gid,
            k42_fslib::linux::access::EXECUTE,
        )
    }
    fn lookup(&self, directory: &Node, name: &[u8]) -> Result<Option<Node>> {
        Ok(match directory {
            Node::Root if name == b"pts" => Some(Node::PtsDirectory),
            Node::Root => {
                let device = DEVICES
                    .iter()
                    .position(|device| device.name.as_bytes() == name)
                    .map(Node::Device);
                device.or_else(|| {
                    LINKS
                        .iter()
                        .position(|link| link.0.as_bytes() == name)
                        .map(Node::Link)
                })
            }
            Node::PtsDirectory if name == b"ptmx" => DEVICES
                .iter()
                .position(|device| device.what == Device::Ptmx)
                .map(Node::Device),
            Node::PtsDirectory => {
                let text = core::str::from_utf8(name)
                    .ok()
                    .filter(|text| *text == "0" || !text.starts_with(['0', '+']));
                let number = text.and_then(|text| text.parse().ok());
                number
                    .filter(|number| self.ptys.get(*number).is_some())
                    .map(Node::Pts)
            }
            _ => return Err(Error::ENOTDIR),
        })
    }
    fn parent(&self, directory: &Node) -> Option<Node> {
        (*directory != Node::Root).then_some(Node::Root)
    }
    fn read_link(&self, link: &Node, target: &mut Vec<u8>) -> Result<Link> {
        let Node::Link(index) = link else {
            return Err(Error::EINVAL);
        };
        target.extend_from_slice(LINKS[*index].1.as_bytes());
        Ok(Link::Path)
    }
}
