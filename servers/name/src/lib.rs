//! The name server: the mount table.
//!
//! It resolves no paths. A file server walks its own names and, at a mount point, sends the client on with the mount's
//! number (see `k42_api::files::redirect`); the client finds the server for that number in this table, of which it keeps
//! a copy. Numbers are never used again, so an old copy can miss a mount (the client then asks anew) but never lead to
//! the wrong one. Whoever has asked for the table is told when it changes, as a hint.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use k42_api::names::{Names, mount, names_dispatch};
use k42_fslib::mounts::{self, Mount, PART_OF_PARENT, READ_ONLY};
use k42_fslib::sync::Mutex;
use k42_ipc::{Caller, Error, Exported, Handle, Incoming, OutBuf, ProcessId, Reply, Result};

/// What the name server needs from others.
pub trait Neighbours: Send + Sync {
    /// Whether the process acts as root.
    fn is_root(&self, process: ProcessId) -> bool;
    /// Tells a file server that mount `id` sits on its directory `path` (`u32::MAX`: no longer).
    fn set_mount_point(&self, server: ProcessId, path: &str, id: u32) -> Result<()>;
    /// Tells a client that the table has changed.
    fn changed(&self, process: ProcessId, vp: u32);
}

/// `id` that takes a mount point away.
const NO_MOUNT: u32 = u32::MAX;
/// Clients that are told of changes; more simply find out later.
const LISTENERS: usize = 256;
/// Most mounts, so that the table fits into a message.
const MOUNTS_MAX: usize = 64;
/// Longest text in the table.
const TEXT_MAX: usize = 255;
/// Mount flags of Linux that can be had here: read-only, and hints that change nothing.
const MS_READ_ONLY: u32 = 1;

struct Table {
    version: u32,
    next: u32,
    mounts: Vec<Mount>,
    listeners: Vec<(ProcessId, u32)>,
}

/// The server.
pub struct Server<N> {
    neighbours: N,
    table: Mutex<Table>,
}

fn entry(id: u32, parent: u32, server: ProcessId, flags: u32, texts: [&str; 4]) -> Mount {
    let [point, kind, source, options] = texts.map(ToString::to_string);
    Mount {
        id,
        parent,
        server,
        flags,
        point,
        kind,
        source,
        options,
    }
}

impl<N: Neighbours> Server<N> {
    /// With what every system begins with. KFS fetches this table and knows its mount points from it.
    pub fn new(neighbours: N) -> Self {
        let special = "rw,nosuid,nodev,noexec,relatime";
        let mounts = alloc::vec![
            entry(
                mount::ROOT,
                mount::ROOT,
                ProcessId::KFS,
                0,
                ["/", "kfs", "root", "rw,relatime"]
            ),
            entry(
                1,
                mount::ROOT,
                ProcessId::PROCESS,
                0,
                ["/proc", "proc", "proc", special]
            ),
            entry(
                2,
                mount::ROOT,
                ProcessId::CONSOLE,
                0,
                [
                    "/dev",
                    "devtmpfs",
                    "devtmpfs",
                    "rw,nosuid,relatime,mode=755"
                ]
            ),
            entry(
                3,
                2,
                ProcessId::CONSOLE,
                PART_OF_PARENT,
                [
                    "/dev/pts",
                    "devpts",
                    "devpts",
                    "rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666"
                ]
            ),
        ];
        let table = Table {
            version: 1,
            next: mounts.len() as u32,
            mounts,
            listeners: Vec::new(),
        };
        Self {
            neighbours,
            table: Mutex::new(table),
        }
    }

    fn check_root(&self, caller: &Caller) -> Result<()> {
        if self.neighbours.is_root(caller.process) {
            Ok(())
        } else {
            Err(Error::EPERM)
        }
    }

    /// After a change: a new version, and word to those who have the old one.
    fn tell(&self, mut table: impl core::ops::DerefMut<Target = Table>) {
        table.version = table.version.wrapping_add(1);
        let listeners = core::mem::take(&mut table.listeners);
        drop(table);
        for (process, vp) in listeners {
            self.neighbours.changed(process, vp);
        }
    }
}

/// A path as the table keeps it: absolute, no slash at its end, no `.` or `..`.
fn normal(point: &str) -> Result<String> {
    let mut path = String::new();
    if !point.starts_with('/') {
        return Err(Error::EINVAL);
    }
    for name in point.split('/').filter(|name| !name.is_empty()) {
        if name == "." || name == ".." {
            return Err(Error::EINVAL);
        }
        path.push('/');
        path.push_str(name);
    }
    if path.len() > TEXT_MAX {
        return Err(Error::ENAMETOOLONG);
    }
    Ok(if path.is_empty() { "/".into() } else { path })
}

/// What is left of `path` below `point`, with its slash; `None` if it is not below.
fn below<'a>(path: &'a str, point: &str) -> Option<&'a str> {
    match path.strip_prefix(point.trim_end_matches('/')) {
        Some("") => Some("/"),
        Some(rest) if rest.starts_with('/') => Some(rest),
        _ => None,
    }
}

impl Table {
    /// The mount that holds `path`, and the path within it.
    fn holder<'a>(&self, path: &'a str) -> Option<(&Mount, &'a str)> {
        let crossed = self
            .mounts
            .iter()
            .filter(|mount| mount.flags & PART_OF_PARENT == 0);
        let found = crossed.filter_map(|mount| Some((mount, below(path, &mount.point)?)));
        found.max_by_key(|(mount, _)| (mount.point.len(), mount.id))
    }
}

impl<N: Neighbours> Names for Server<N> {
    fn mounts(&self, caller: &Caller, out: &mut OutBuf<'_>) -> Result<u32> {
        let mut table = self.table.lock();
        table
            .mounts
            .iter()
            .try_for_each(|mount| mounts::put(out, mount))?;
        let listener = (caller.process, caller.vp);
        if table.listeners.len() < LISTENERS
            && !table.listeners.contains(&listener)
            && table.listeners.try_reserve(1).is_ok()
        {
            table.listeners.push(listener);
        }
        Ok(table.version)
    }

    fn mount(
        &self,
        caller: &Caller,
        server: ProcessId,
        kind: &str,
        source: &str,
        point: &str,
        on: ProcessId,
        _: Handle,
        flags: u32,
    ) -> Result<u32> {
        self.check_root(caller)?;
        if kind.len() > TEXT_MAX || source.len() > TEXT_MAX {
            return Err(Error::ENAMETOOLONG);
        }
        let point = normal(point)?;
        let mut table = self.table.lock();
        let (holder, within) = table.holder(&point).ok_or(Error::ENOENT)?;
        // The client opened the mount point; where it found it must be where this table would look.
        if holder.server != on {
            return Err(Error::EINVAL);
        }
        if within == "/" || table.mounts.iter().any(|mount| mount.point == point) {
            return Err(Error::EBUSY);
        }
        if table.mounts.len() >= MOUNTS_MAX || table.next == NO_MOUNT {
            return Err(Error::ENOSPC);
        }
        let (id, parent, within) = (table.next, holder.id, within.to_string());
        let read_only = flags & MS_READ_ONLY != 0;
        let options = if read_only {
            "ro,relatime"
        } else {
            "rw,relatime"
        };
        let flags = if read_only { READ_ONLY } else { 0 };
        // In the table first: a client that meets the mount point finds it there.
        table.next += 1;
        table.mounts.push(entry(
            id,
            parent,
            server,
            flags,
            [&point, kind, source, options],
        ));
        drop(table);
        let set = self.neighbours.set_mount_point(on, &within, id);
        let mut table = self.table.lock();
        if set.is_err() {
            table.mounts.retain(|mount| mount.id != id);
        }
        self.tell(table);
        set.map(|()| id)
    }

    fn unmount(&self, caller: &Caller, point: &str, flags: u32) -> Result<()> {
        const MNT_FORCE_AND_DETACH: u32 = 3;
        self.check_root(caller)?;
        if flags & !MNT_FORCE_AND_DETACH != 0 {
            return Err(Error::EINVAL);
        }
        let point = normal(point)?;
        let table = self.table.lock();
        let mount = table
            .mounts
            .iter()
            .find(|mount| mount.point == point)
            .ok_or(Error::EINVAL)?
            .clone();
        let has_children = table
            .mounts
            .iter()
            .any(|other| other.parent == mount.id && other.id != mount.id);
        if mount.id == mount::ROOT || mount.flags & PART_OF_PARENT != 0 || has_children {
            return Err(Error::EBUSY);
        }
        let parent = table
            .mounts
            .iter()
            .find(|other| other.id == mount.parent)
            .ok_or(Error::EINVAL)?;
        let (server, within) = (
            parent.server,
            below(&point, &parent.point)
                .ok_or(Error::EINVAL)?
                .to_string(),
        );
        drop(table);
        self.neighbours.set_mount_point(server, &within, NO_MOUNT)?;
        let mut table = self.table.lock();
        table.mounts.retain(|other| other.id != mount.id);
        self.tell(table);
        Ok(())
    }
}

impl<N: Neighbours + 'static> Exported for Server<N> {
    fn dispatch(&self, incoming: &mut Incoming<'_>) -> Reply {
        names_dispatch(self, incoming)
    }
}

#[cfg(test)]
mod tests;
