//! Taking names away: unlink and rmdir.

use crate::fs::Kfs;
use crate::make::entries;
use crate::node::{Node, NodeRef};
use k42_fslib::Access;
use k42_fslib::linux::access;
use k42_fslib::walk::{Final, Last, Outcome};
use k42_ipc::{Caller, Error, Handle, Result};
use k42_sched::trace::{User, events};

/// Whether `who` may take the entry for `node` out of `directory`: EACCES, or EPERM by the sticky bit.
pub fn may_remove(who: &Access<'_>, directory: &Node, node: &Node) -> Result<()> {
    directory.check(who, access::WRITE | access::EXECUTE)?;
    who.check_sticky(directory.mode(), directory.uid(), node.uid())
}

impl Kfs {
    /// unlink(2).
    pub fn remove_file(
        &self,
        caller: &Caller,
        who: &Access<'_>,
        directory: Handle,
        path: &[u8],
    ) -> Outcome<()> {
        let walked = self.walk(caller, directory, path, who, Final::Entry)?;
        if walked.last != Last::Name {
            return Err(Error::EISDIR.into());
        }
        let node = walked.node.as_ref().ok_or(Error::ENOENT)?;
        if walked.trailing_slash {
            return Err(if node.is_directory() {
                Error::EISDIR
            } else {
                Error::ENOTDIR
            }
            .into());
        }
        let mut locked = entries(&walked.directory)?.write();
        // The name may stand for something else by now; what it stands for under the lock counts.
        let node = locked.get(walked.name()).cloned().ok_or(Error::ENOENT)?;
        may_remove(who, &walked.directory, &node)?;
        if node.is_directory() {
            return Err(Error::EISDIR.into());
        }
        events::fs::unlink::<User>(u64::from(caller.process.0), node.inode);
        locked.remove(walked.name());
        let now = self.now();
        walked.directory.touch_modified(now);
        drop(locked);
        node.leave_place(&walked.directory, walked.name());
        node.touch_changed(now, -1);
        Ok(())
    }

    /// rmdir(2).
    pub fn remove_directory(
        &self,
        caller: &Caller,
        who: &Access<'_>,
        directory: Handle,
        path: &[u8],
    ) -> Outcome<()> {
        loop {
            let walked = self.walk(caller, directory, path, who, Final::Entry)?;
            match walked.last {
                Last::Name => {}
                Last::Dot => return Err(Error::EINVAL.into()),
                Last::DotDot => return Err(Error::ENOTEMPTY.into()),
                Last::Root => return Err(Error::EBUSY.into()),
            }
            let node = walked.node.as_ref().ok_or(Error::ENOENT)?;
            may_remove(who, &walked.directory, node)?;
            if !node.is_directory() {
                return Err(Error::ENOTDIR.into());
            }
            if node.mount().is_some() {
                return Err(Error::EBUSY.into());
            }
            let mut locked = LockedSet::new([Some(&walked.directory), Some(node), None])?;
            if !locked
                .get(&walked.directory)
                .get(walked.name())
                .is_some_and(|now| same(now, node))
            {
                continue;
            }
            if !locked.get(node).is_empty() {
                return Err(Error::ENOTEMPTY.into());
            }
            locked.get(node).dead = true;
            locked.get(&walked.directory).remove(walked.name());
            let now = self.now();
            walked.directory.touch_modified(now);
            walked.directory.touch_changed(now, -1);
            let mut times = node.times.lock();
            times.links = 0;
            times.changed = now;
            return Ok(());
        }
    }
}

/// Whether two references are on the same node.
pub fn same(a: &NodeRef, b: &NodeRef) -> bool {
    alloc::sync::Arc::ptr_eq(a, b)
}

/// Up to three directories locked together, always in the order of their inode numbers, so that no two operations can
/// wait for each other.
pub struct LockedSet<'a>([Option<(&'a NodeRef, crate::make::Locked<'a>)>; 3]);

impl<'a> LockedSet<'a> {
    /// Locks the directories among `nodes`; the same one may be named twice.
    pub fn new(nodes: [Option<&'a NodeRef>; 3]) -> Result<Self> {
        let mut order = nodes;
        order.sort_unstable_by_key(|node| node.map_or(u64::MAX, |node| node.inode));
        let mut set = [None, None, None];
        for at in 0..order.len() {
            let Some(node) = order[at] else { continue };
            if at == 0 || !order[at - 1].is_some_and(|before| same(before, node)) {
                set[at] = Some((node, entries(node)?.write()));
            }
        }
        Ok(Self(set))
    }

    /// The entries of one of the directories.
    ///
    /// # Panics
    /// If it was not named when the set was made: a mistake in this server, not of any client.
    pub fn get(&mut self, node: &NodeRef) -> &mut crate::make::Locked<'a> {
        let found = self
            .0
            .iter_mut()
            .flatten()
            .find(|(held, _)| same(held, node));
        match found {
            Some((_, locked)) => locked,
            None => unreachable!("directory was not locked"),
        }
    }
}
