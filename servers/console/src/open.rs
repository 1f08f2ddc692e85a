//! Open files of `/dev`.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use k42_api::files::{Attributes, FileKind, FileSystemInfo, OpenFile, SetAttributes, poll};
use k42_fslib::dirent;
use k42_fslib::linux::{dirent_type, open, seek};
use k42_ipc::{Caller, Error, Handle, OutBuf, Result};

use crate::fs::Devices;
use crate::node::{DEVICES, Device, Node};
use crate::termios::request;
use crate::tty::Tty;

/// What an open file leads to.
pub enum Target {
    /// A directory.
    Directory,
    /// A device without state.
    Device(Device),
    /// A terminal.
    Terminal(Arc<Tty>),
    /// The master of the pseudo-terminal with this number.
    Master(Arc<Tty>, usize),
    /// Opened with O_PATH: a name only.
    Name,
}

/// An open file of `/dev`.
pub struct OpenDevice {
    devices: &'static Devices,
    node: Node,
    target: Target,
    flags: AtomicU32,
    offset: AtomicU64,
}

/// Flags that F_SETFL may change.
const CHANGEABLE: u32 = open::APPEND | open::NONBLOCK | open::ASYNC | open::DIRECT | open::NO_ATIME;
/// Flags that are only about the act of opening.
const OPENING: u32 =
    open::CREATE | open::EXCLUSIVE | open::NO_CTTY | open::TRUNCATE | open::CLOSE_ON_EXEC;

impl OpenDevice {
    /// An open file.
    pub fn new(devices: &'static Devices, node: Node, target: Target, flags: u32) -> Self {
        Self {
            devices,
            node,
            target,
            flags: AtomicU32::new(flags & !OPENING),
            offset: AtomicU64::new(0),
        }
    }

    /// How the client's library is to treat it.
    pub fn kind(&self) -> FileKind {
        match &self.target {
            Target::Directory => FileKind::Directory,
            Target::Device(Device::Null) => FileKind::Null,
            Target::Device(Device::Zero) => FileKind::Zero,
            Target::Device(Device::Full) => FileKind::Full,
            Target::Device(Device::TraceMarker) => FileKind::Marker,
            Target::Device(_) => FileKind::Device,
            Target::Terminal(_) | Target::Master(..) => FileKind::Terminal,
            Target::Name => FileKind::Path,
        }
    }

    /// The node, as a starting point of walks.
    pub fn node(&self) -> Node {
        self.node
    }

    /// EBADF unless the file was opened for this.
    fn check_mode(&self, not: u32) -> Result<()> {
        if self.flags.load(Ordering::Relaxed) & open::ACCESS_MODE == not
            || matches!(self.target, Target::Name)
        {
            Err(Error::EBADF)
        } else {
            Ok(())
        }
    }
}

impl Drop for OpenDevice {
    fn drop(&mut self) {
        match &self.target {
            Target::Terminal(tty) => tty.close(self.devices.ports),
            Target::Master(tty, number) => {
                tty.close_master(self.devices.ports);
                self.devices.ptys.remove(*number);
                self.devices.forget_attributes(Node::Pts(*number));
            }
            _ => {}
        }
    }
}

impl OpenFile for OpenDevice {
    fn read(&self, caller: &Caller, _: u64, out: &mut OutBuf<'_>) -> Result<u32> {
        self.check_mode(open::WRITE_ONLY)?;
        let ports = self.devices.ports;
        match &self.target {
            Target::Directory => Err(Error::EISDIR),
            Target::Terminal(tty) => tty.read(caller, out, ports),
            Target::Master(tty, _) => tty.read_master(caller, out, ports),
            Target::Device(Device::Zero | Device::Full) => {
                let count = out.room();
                out.spare().fill(0);
                out.advance(count);
                Ok(count as u32)
            }
            Target::Device(Device::Random) => {
                let count = out.room();
                // Without a source in the machine this is no worse than what Linux gives at boot.
                self.devices.random.fill(ports, out.spare());
                out.advance(count);
                Ok(count as u32)
            }
            Target::Device(Device::Log) => Err(Error::EAGAIN),
            Target::Device(Device::TraceMarker) => Err(Error::EINVAL),
            _ => Ok(0),
        }
    }

    fn read_timing(&self, _: &Caller) -> Result<[u64; 2]> {
        Ok(match &self.target {
            Target::Terminal(tty) => tty.read_timing(),
            _ => [1, 0],
        })
    }

    fn write(&self, caller: &Caller, _: u64, data: &[u8]) -> Result<u32> {
        self.check_mode(open::READ_ONLY)?;
        let ports = self.devices.ports;
        match &self.target {
            Target::Directory => return Err(Error::EBADF),
            Target::Terminal(tty) => return tty.write(caller, data, ports),
            Target::Master(tty, _) => return tty.write_master(data, ports),
            Target::Device(Device::Full) => return Err(Error::ENOSPC),
            Target::Device(Device::Random) => self.devices.random.add(data),
            Target::Device(Device::Raw(index)) => ports.write(*index, data),
            Target::Device(Device::Log) => ports.write(k42_log_console(), data),
            _ => {}
        }
        Ok(data.len() as u32)
    }

    fn seek(&self, _: &Caller, offset: i64, whence: u32) -> Result<u64> {
        match &self.target {
            Target::Directory if whence == seek::SET && offset >= 0 => {
                self.offset.store(offset as u64, Ordering::Relaxed);
                Ok(offset as u64)
            }
            Target::Directory if whence == seek::CURRENT && offset == 0 => {
                Ok(self.offset.load(Ordering::Relaxed))
            }
            Target::Directory => Err(Error::EINVAL),
            Target::Terminal(_) | Target::Master(..) => Err(Error::ESPIPE),
            Target::Name => Err(Error::EBADF),
            Target::Device(Device::Null | Device::Zero | Device::Full | Device::Random) => Ok(0),
            Target::Device(_) => Err(Error::ESPIPE),
        }
    }

    fn attributes(&self, _: &Caller) -> Result<Attributes> {
        Ok(self.devices.attributes_of(self.node))
    }

    fn set_attributes(&self, caller: &Caller, new: SetAttributes) -> Result<()> {
        self.devices.change(caller, self.node, &new)
    }

    fn read_directory(&self, _: &Caller, out: &mut OutBuf<'_>) -> Result<u32> {
        if !matches!(self.target, Target::Directory) {
            return Err(Error::ENOTDIR);
        }
        let mut at = self.offset.load(Ordering::Relaxed);
        let directory = dirent_type(k42_fslib::linux::mode::DIRECTORY);
        let mut fits = true;
        for (next, name) in [(1, &b"."[..]), (2, b"..")] {
            if fits && at < next {
                let node = if next == 1 { self.node } else { Node::Root };
                fits = dirent::put(out, node.inode(), next, directory, name);
                at = if fits { next } else { at };
            }
        }
        for (next, node, name) in self.devices.entries(self.node, at) {
            if !fits {
                break;
            }
            fits = dirent::put(
                out,
                node.inode(),
                next,
                dirent_type(node.first_mode()),
                &name,
            );
            at = if fits { next } else { at };
        }
        self.offset.store(at, Ordering::Relaxed);
        dirent::finish(out, !fits)
    }

    fn sync(&self, _: &Caller, _: bool) -> Result<()> {
        match self.target {
            Target::Directory => Ok(()),
            _ => Err(Error::EINVAL),
        }
    }

    fn ioctl(
        &self,
        caller: &Caller,
        number: u32,
        input: &[u8],
        out: &mut OutBuf<'_>,
    ) -> Result<u32> {
        match &self.target {
            Target::Terminal(tty) => {
                tty.ioctl(caller, false, number, input, out, self.devices.ports)
            }
            Target::Master(_, pty) if number == request::TIOCGPTN => {
                out.put(&(*pty as u32).to_le_bytes())?;
                Ok(0)
            }
            Target::Master(tty, _) => {
                tty.ioctl(caller, true, number, input, out, self.devices.ports)
            }
            Target::Name => Err(Error::EBADF),
            _ => Err(Error::ENOTTY),
        }
    }

    fn poll(&self, caller: &Caller, events: u32, notify: bool) -> Result<u32> {
        match &self.target {
            Target::Terminal(tty) => tty.poll(caller, false, events, notify),
            Target::Master(tty, _) => tty.poll(caller, true, events, notify),
            Target::Name => Ok(poll::NVAL),
            _ => Ok(events & (poll::IN | poll::OUT | poll::RDNORM | poll::WRNORM)),
        }
    }

    fn map_handle(&self, _: &Caller, _: u32) -> Result<Handle> {
        // The library maps /dev/zero as anonymous memory by itself.
        Err(Error::ENODEV)
    }

    fn lock(&self, _: &Caller, _: u32, _: u32, _: u64, _: u64, _: bool) -> Result<[u64; 4]> {
        // Nothing here has contents that two processes could disturb; advisory locks always succeed. F_UNLCK is 2.
        Ok([2, 0, 0, 0])
    }

    fn path(&self, _: &Caller, out: &mut OutBuf<'_>) -> Result<u32> {
        let path = self.node.path();
        out.put(&path)?;
        Ok(path.len() as u32)
    }

    fn flags(&self, _: &Caller, mask: u32, value: u32) -> Result<u32> {
        let mask = mask & CHANGEABLE;
        let old = self.flags.load(Ordering::Relaxed);
        self.flags
            .store(old & !mask | value & mask, Ordering::Relaxed);
        Ok(self.flags.load(Ordering::Relaxed))
    }

    fn allocate(&self, _: &Caller, _: u32, _: u64, _: u64) -> Result<()> {
        Err(Error::ENODEV)
    }

    fn close(&self, caller: &Caller) -> Result<()> {
        // The object goes with its last handle; see Drop.
        self.devices
            .tables
            .remove(caller.process, caller.handle)
            .map(drop)
    }

    fn statfs(&self, _: &Caller) -> Result<FileSystemInfo> {
        Ok(Devices::info())
    }

    fn same(&self, caller: &Caller, other: Handle) -> Result<bool> {
        let (object, _) = self.devices.tables.lookup(caller.process, other)?;
        Ok(core::ptr::addr_eq(Arc::as_ptr(&object), self))
    }
    fn execute(&self, _: &Caller) -> Result<bool> {
        Err(Error::EACCES)
    }
}

/// The console that carries the log.
fn k42_log_console() -> usize {
    1
}

/// The device of a node, if it is one.
pub fn device_of(node: Node) -> Option<Device> {
    match node {
        Node::Device(index) => Some(DEVICES[index].what),
        _ => None,
    }
}
