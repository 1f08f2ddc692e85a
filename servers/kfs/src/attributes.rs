//! Changing attributes and length: chmod, chown, utimensat, truncate, with Linux's rules on who may.

use crate::contents::SIZE_MAX;
use crate::data::FileData;
use crate::fs::Kfs;
use crate::node::{Body, Node, Owner};
use k42_api::files::{SetAttributes, set};
use k42_fslib::Access;
use k42_fslib::credentials::without_set_id;
use k42_fslib::linux::{access, mode};
use k42_ipc::{Error, Result};

impl Kfs {
    /// Changes what `new` says. `opened`: by an open file that may write, so the length needs no permission.
    pub fn change(
        &self,
        node: &Node,
        who: &Access<'_>,
        new: &SetAttributes,
        opened: bool,
    ) -> Result<()> {
        const ALL: u32 = set::MODE
            | set::UID
            | set::GID
            | set::SIZE
            | set::ACCESSED
            | set::MODIFIED
            | set::ACCESSED_NOW
            | set::MODIFIED_NOW;
        if new.which & !ALL != 0 {
            return Err(Error::EINVAL);
        }
        if new.which & set::SIZE != 0 {
            if !opened {
                match node.body {
                    Body::Regular(_) => node.check(who, access::WRITE)?,
                    Body::Directory(_) => return Err(Error::EISDIR),
                    _ => return Err(Error::EINVAL),
                }
            }
            self.truncate(node, who, new.size)?;
        }
        if new.which & !set::SIZE == 0 {
            return Ok(());
        }
        let now = self.now();
        let mut times = node.times.lock();
        let mut owner = node.owner();
        if new.which & (set::UID | set::GID) != 0 {
            let uid = if new.which & set::UID != 0 {
                new.uid
            } else {
                owner.uid
            };
            let gid = if new.which & set::GID != 0 {
                new.gid
            } else {
                owner.gid
            };
            owner = chowned(owner, who, uid, gid, new.which)?;
        }
        if new.which & set::MODE != 0 {
            if matches!(node.body, Body::Symlink(_)) {
                return Err(Error::EOPNOTSUPP);
            }
            if !who.owns(owner.uid) {
                return Err(Error::EPERM);
            }
            let mut bits = new.mode & mode::PERMISSIONS;
            if !who.is_root() && !who.in_group(owner.gid) {
                bits &= !mode::SET_GID;
            }
            owner.mode = owner.mode & mode::TYPE | bits;
        }
        check_times(node, who, owner, new.which)?;
        node.set_owner(&mut times, owner);
        if new.which & (set::ACCESSED | set::ACCESSED_NOW) != 0 {
            times.accessed = if new.which & set::ACCESSED_NOW != 0 {
                now
            } else {
                new.accessed
            };
        }
        if new.which & (set::MODIFIED | set::MODIFIED_NOW) != 0 {
            times.modified = if new.which & set::MODIFIED_NOW != 0 {
                now
            } else {
                new.modified
            };
        }
        times.changed = now;
        node.show_flags(&times);
        Ok(())
    }

    /// Gives a regular file another length; the caller has checked that it may.
    pub fn truncate(&self, node: &Node, who: &Access<'_>, size: u64) -> Result<()> {
        let Body::Regular(file) = &node.body else {
            return Err(Error::EINVAL);
        };
        if size > i64::MAX as u64 {
            return Err(Error::EINVAL);
        }
        if size > SIZE_MAX {
            return Err(Error::EFBIG);
        }
        // An empty file needs no page cache.
        if size > 0 || !file.clear()? {
            file.with(|data| data.resize(size))?;
        }
        node.show_size();
        self.drop_set_id(node, who);
        node.touch_modified(self.now());
        Ok(())
    }

    /// Somebody has written to the file: unless he is root, it no longer runs with another's rights.
    pub fn drop_set_id(&self, node: &Node, who: &Access<'_>) {
        if node.mode() & (mode::SET_UID | mode::SET_GID) != 0 && !who.is_root() {
            let mut times = node.times.lock();
            let owner = node.owner();
            node.set_owner(
                &mut times,
                Owner {
                    mode: without_set_id(owner.mode),
                    ..owner
                },
            );
        }
    }
}

/// chown(2): root may all; the owner may give the file to a group that he is in.
fn chowned(old: Owner, who: &Access<'_>, uid: u32, gid: u32, which: u32) -> Result<Owner> {
    if !who.is_root() {
        let keeps_user = which & set::UID == 0 || uid == old.uid && who.uid == old.uid;
        let own_group =
            which & set::GID == 0 || who.uid == old.uid && (gid == old.gid || who.in_group(gid));
        if !keeps_user || !own_group {
            return Err(Error::EPERM);
        }
    }
    let mut mode_now = old.mode;
    if old.mode & mode::TYPE != mode::DIRECTORY {
        mode_now = without_set_id(mode_now);
        // Without group execution the bit is only a mark; it stays for those who are in the group.
        if !who.is_root() && !who.in_group(old.gid) {
            mode_now &= !mode::SET_GID;
        }
    }
    Ok(Owner {
        mode: mode_now,
        uid,
        gid,
    })
}

/// utimensat(2): who owns the file may set any time; who may write to it may set both to now.
fn check_times(node: &Node, who: &Access<'_>, owner: Owner, which: u32) -> Result<()> {
    const BOTH_NOW: u32 = set::ACCESSED_NOW | set::MODIFIED_NOW;
    let times = which & (set::ACCESSED | set::MODIFIED | BOTH_NOW);
    if times == 0 || who.owns(owner.uid) {
        return Ok(());
    }
    if times & BOTH_NOW == BOTH_NOW {
        node.check(who, access::WRITE)
    } else {
        Err(Error::EPERM)
    }
}
