//! The first contents of the file system: the root archive is unpacked into it at start.
//!
//! Each file's bytes are copied once, from the archive into the file. What is damaged or cannot be made is said in one
//! line of the log with the member's name, and the rest is unpacked all the same.

use crate::data::{File, FileData};
use crate::directory::Entries;
use crate::fs::Kfs;
use crate::make::entries;
use crate::node::{Body, NodeRef, Owner};
use crate::pipe::Pipe;
use crate::tar::{Kind, Member, Reader};
use alloc::boxed::Box;
use alloc::vec::Vec;
use k42_fslib::linux::{device, mode};
use k42_fslib::sync::ReadMostly;
use k42_fslib::walk::{Final, Last, Stop};
use k42_ipc::{Error, Result};

/// What came of an archive.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
pub struct Unpacked {
    /// Members that are there now.
    pub members: u64,
    /// Bytes of data in them.
    pub bytes: u64,
    /// Members, or pieces of the archive, that are missing.
    pub failed: u64,
}

/// Directories that must be there for the other servers to be mounted on, with their modes.
const NEEDED: [(&[u8], u32); 3] = [(b"proc", 0o555), (b"dev", 0o755), (b"tmp", 0o1777)];

impl Kfs {
    /// Unpacks an archive into the root directory.
    pub fn unpack(&self, archive: &[u8]) -> Unpacked {
        let mut result = Unpacked::default();
        // Making entries changes a directory's time; it gets the archive's when all is done.
        let mut times: Vec<(NodeRef, i64)> = Vec::new();
        for member in Reader::new(archive) {
            match member {
                Err(damage) => {
                    log::error!("root archive: {damage}");
                    result.failed += 1;
                }
                Ok(member) => match self.unpack_member(&member, &mut times) {
                    Ok(()) => {
                        result.members += 1;
                        result.bytes += member.data.len() as u64;
                    }
                    Err(error) => {
                        log::error!(
                            "root archive: {}: cannot be made: {error}",
                            member.path.escape_ascii()
                        );
                        result.failed += 1;
                    }
                },
            }
        }
        for (name, bits) in NEEDED {
            let owner = Owner {
                mode: mode::DIRECTORY | bits,
                uid: 0,
                gid: 0,
            };
            if let Err(error) = self.directory_at(name, owner) {
                log::error!("directory for a mount: {}: {error}", name.escape_ascii());
            }
        }
        for (node, modified) in times {
            node.times.lock().modified = modified;
        }
        result
    }

    /// The node at `path` below the root, if it is there.
    fn existing(&self, path: &[u8]) -> Result<NodeRef> {
        let walked = self
            .walk_from(self.root(), path, Final::Entry)
            .map_err(error_of)?;
        walked.node.ok_or(Error::ENOENT)
    }

    /// The directory at `path`, made if it is not there (also those above it).
    fn directory_at(&self, path: &[u8], owner: Owner) -> Result<NodeRef> {
        let walked = match self.walk_from(self.root(), path, Final::Follow) {
            Ok(walked) => walked,
            Err(Stop::Error(Error::ENOENT)) => {
                let above = parent_of(path).ok_or(Error::ENOENT)?;
                self.directory_at(
                    above,
                    Owner {
                        mode: mode::DIRECTORY | 0o755,
                        uid: 0,
                        gid: 0,
                    },
                )?;
                self.walk_from(self.root(), path, Final::Follow)
                    .map_err(error_of)?
            }
            Err(stop) => return Err(error_of(stop)),
        };
        match walked.node {
            Some(node) if node.is_directory() => Ok(node),
            Some(_) => Err(Error::ENOTDIR),
            None => {
                let node = self.new_node(
                    owner,
                    Body::Directory(ReadMostly::new(Entries::new(self.seed()))),
                )?;
                self.enter(
                    &walked.directory,
                    &mut entries(&walked.directory)?.write(),
                    walked.name(),
                    &node,
                )?;
                Ok(node)
            }
        }
    }

    fn unpack_member(&self, member: &Member<'_>, times: &mut Vec<(NodeRef, i64)>) -> Result<()> {
        let path = relative(&member.path);
        if member.kind == Kind::Directory {
            let owner = Owner {
                mode: mode::DIRECTORY | member.mode,
                uid: member.uid,
                gid: member.gid,
            };
            let node = if path.is_empty() {
                self.root()
            } else {
                self.directory_at(path, owner)?
            };
            node.set_owner(&mut node.times.lock(), owner);
            times.try_reserve(1).map_err(|_| Error::ENOSPC)?;
            times.push((node, member.modified));
            return Ok(());
        }
        let above = parent_of(path).unwrap_or_default();
        let directory = if above.is_empty() {
            self.root()
        } else {
            self.directory_at(
                above,
                Owner {
                    mode: mode::DIRECTORY | 0o755,
                    uid: 0,
                    gid: 0,
                },
            )?
        };
        let node = match member.kind {
            Kind::HardLink => self.existing(relative(&member.link))?,
            _ => self.new_member(member)?,
        };
        let name = &path[if above.is_empty() { 0 } else { above.len() + 1 }..];
        let walked = self
            .walk_from(directory, name, Final::Entry)
            .map_err(error_of)?;
        if walked.last != Last::Name || walked.trailing_slash {
            return Err(Error::EINVAL);
        }
        let mut locked = entries(&walked.directory)?.write();
        let before = match locked.get(walked.name()) {
            Some(before) if before.is_directory() => return Err(Error::EISDIR),
            Some(before) if alloc::sync::Arc::ptr_eq(before, &node) => return Ok(()),
            _ => locked.remove(walked.name()),
        };
        self.enter(&walked.directory, &mut locked, walked.name(), &node)?;
        drop(locked);
        if let Some(before) = before {
            before.touch_changed(self.now(), -1);
        }
        if member.kind != Kind::HardLink {
            let mut times = node.times.lock();
            times.modified = member.modified;
            times.accessed = member.modified;
        }
        Ok(())
    }

    /// A node for a member that is not a directory, with its data.
    fn new_member(&self, member: &Member<'_>) -> Result<NodeRef> {
        let number = device(member.device.0, member.device.1);
        let (kind, body) = match member.kind {
            Kind::Regular | Kind::HardLink | Kind::Directory => {
                (mode::REGULAR, Body::Regular(File::new(self.resources)?))
            }
            Kind::Symlink => {
                if member.link.is_empty() || member.link.len() > k42_fslib::linux::PATH_MAX {
                    return Err(Error::EINVAL);
                }
                (
                    mode::SYMLINK,
                    Body::Symlink(member.link.clone().into_boxed_slice()),
                )
            }
            Kind::Character => (mode::CHARACTER, Body::Device(number)),
            Kind::Block => (mode::BLOCK, Body::Device(number)),
            Kind::Fifo => (mode::FIFO, Body::Pipe(Box::new(Pipe::new()))),
        };
        let bits = if kind == mode::SYMLINK {
            0o777
        } else {
            member.mode
        };
        let node = self.new_node(
            Owner {
                mode: kind | bits,
                uid: member.uid,
                gid: member.gid,
            },
            body,
        )?;
        if let Body::Regular(file) = &node.body
            && !member.data.is_empty()
        {
            let (_, written) = file.with(|data| data.write(Some(0), member.data))?;
            if written < member.data.len() {
                return Err(Error::ENOSPC);
            }
        }
        Ok(node)
    }
}

fn error_of(stop: Stop) -> Error {
    match stop {
        Stop::Error(error) => error,
        Stop::Redirect(_) => Error::EXDEV,
    }
}

/// The path without what leads from the root to itself (`./`, `/`), and without slashes at its end.
fn relative(mut path: &[u8]) -> &[u8] {
    loop {
        path = match path {
            [b'/', rest @ ..] | [b'.', b'/', rest @ ..] | [rest @ .., b'/'] => rest,
            b"." => b"",
            _ => return path,
        };
    }
}

/// What comes before the last slash.
fn parent_of(path: &[u8]) -> Option<&[u8]> {
    path.iter()
        .rposition(|&b| b == b'/')
        .map(|slash| &path[..slash])
}
