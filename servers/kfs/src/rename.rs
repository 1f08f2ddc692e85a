//! rename(2) in all its cases.
//!
//! What is locked, in this order: if a directory changes its parent, the file system's rename lock, so that the tree
//! above cannot change while it is checked; then the directories concerned, by inode number. Under the locks it is
//! checked that the names still stand for what the walk found; if not, the caller looks them up again.

use crate::directory::Named;
use crate::fs::Kfs;
use crate::node::{Body, NodeRef};
use crate::remove::{LockedSet, may_remove, same};
use k42_fslib::Access;
use k42_fslib::linux::{access, rename as flag};
use k42_fslib::walk::{Last, Walked};
use k42_ipc::{Error, Result};

impl Kfs {
    /// Gives what `old` names the name `new`. Both were walked as entries.
    pub fn rename(
        &self,
        who: &Access<'_>,
        old: &Walked<'_, NodeRef>,
        new: &Walked<'_, NodeRef>,
        flags: u32,
    ) -> Result<()> {
        let exchange = flags & flag::EXCHANGE != 0;
        let no_replace = flags & flag::NO_REPLACE != 0;
        if flags & !(flag::EXCHANGE | flag::NO_REPLACE) != 0 || exchange && no_replace {
            return Err(Error::EINVAL);
        }
        if old.last != Last::Name {
            return Err(Error::EBUSY);
        }
        if new.last != Last::Name {
            return Err(if no_replace {
                Error::EEXIST
            } else {
                Error::EBUSY
            });
        }
        let (from, to) = (&old.directory, &new.directory);
        let moves_directory = |node: Option<&NodeRef>| node.is_some_and(|node| node.is_directory());
        let across = !same(from, to)
            && (moves_directory(old.node.as_ref())
                || exchange && moves_directory(new.node.as_ref()));
        let mut tree = across.then(|| self.rename_lock.lock());

        // What the names stand for now; checked again when all is locked.
        loop {
            let source = self.lookup(from, old.name())?.ok_or(Error::ENOENT)?;
            let target = self.lookup(to, new.name())?;
            if target.is_some() && no_replace {
                return Err(Error::EEXIST);
            }
            if exchange && target.is_none() {
                return Err(Error::ENOENT);
            }
            if !source.is_directory() && (old.trailing_slash || !exchange && new.trailing_slash) {
                return Err(Error::ENOTDIR);
            }
            if exchange && new.trailing_slash && !moves_directory(target.as_ref()) {
                return Err(Error::ENOTDIR);
            }
            let moved = [Some(&source), target.as_ref().filter(|_| exchange)];
            if !same(from, to)
                && tree.is_none()
                && moved.iter().flatten().any(|node| node.is_directory())
            {
                // It became a directory since the walk: the lock on the tree is needed after all.
                tree = Some(self.rename_lock.lock());
                continue;
            }
            // A directory must not end up below itself, and what is replaced must not hold the source.
            if source.is_directory() && self.is_within(to, &source) {
                return Err(Error::EINVAL);
            }
            if let Some(target) = target.as_ref().filter(|target| target.is_directory())
                && self.is_within(from, target)
            {
                return Err(if exchange {
                    Error::EINVAL
                } else {
                    Error::ENOTEMPTY
                });
            }
            if target.as_ref().is_some_and(|target| same(target, &source)) {
                return Ok(());
            }
            self.check_rename(who, from, &source, to, target.as_ref(), exchange)?;

            let victim = target
                .as_ref()
                .filter(|target| !exchange && target.is_directory());
            let mut locked = LockedSet::new([Some(from), Some(to), victim])?;
            let unchanged = locked
                .get(from)
                .get(old.name())
                .is_some_and(|now| same(now, &source))
                && match (locked.get(to).get(new.name()), &target) {
                    (Some(now), Some(target)) => same(now, target),
                    (None, None) => true,
                    _ => false,
                };
            if !unchanged {
                continue;
            }
            if let Some(victim) = victim {
                if !locked.get(victim).is_empty() {
                    return Err(Error::ENOTEMPTY);
                }
                locked.get(victim).dead = true;
            }
            return match &target {
                Some(target) if exchange => {
                    self.exchange(&mut locked, (old, &source), (new, target))
                }
                target => self.carry_out(&mut locked, (old, &source), new, target.as_ref()),
            };
        }
    }

    /// Whether `node` is `ancestor` or below it.
    fn is_within(&self, node: &NodeRef, ancestor: &NodeRef) -> bool {
        let mut at = node.clone();
        loop {
            if same(&at, ancestor) {
                return true;
            }
            match self.parent(&at) {
                Some(parent) => at = parent,
                None => return false,
            }
        }
    }

    /// Permissions and types, in the order in which Linux looks at them.
    fn check_rename(
        &self,
        who: &Access<'_>,
        from: &NodeRef,
        source: &NodeRef,
        to: &NodeRef,
        target: Option<&NodeRef>,
        exchange: bool,
    ) -> Result<()> {
        may_remove(who, from, source)?;
        match target {
            None => to.check(who, access::WRITE | access::EXECUTE)?,
            Some(target) => {
                may_remove(who, to, target)?;
                if !exchange && source.is_directory() && !target.is_directory() {
                    return Err(Error::ENOTDIR);
                }
                if !exchange && !source.is_directory() && target.is_directory() {
                    return Err(Error::EISDIR);
                }
            }
        }
        if !same(from, to) {
            // `..` of a directory that moves is written.
            let moved = [Some(source), target.filter(|_| exchange)];
            for node in moved
                .into_iter()
                .flatten()
                .filter(|node| node.is_directory())
            {
                node.check(who, access::WRITE)?;
            }
        }
        let mounted =
            source.mount().is_some() || target.is_some_and(|target| target.mount().is_some());
        if mounted { Err(Error::EBUSY) } else { Ok(()) }
    }

    /// Everything is locked and checked: the source takes the new name, and what had it goes.
    fn carry_out(
        &self,
        locked: &mut LockedSet<'_>,
        (old, source): (&Walked<'_, NodeRef>, &NodeRef),
        new: &Walked<'_, NodeRef>,
        target: Option<&NodeRef>,
    ) -> Result<()> {
        let (from, to) = (&old.directory, &new.directory);
        let before = source.place.lock().clone();
        source.set_place(to, new.name())?;
        let entered = match target {
            Some(_) => Named::new(source.clone())
                .and_then(|named| locked.get(to).replace(new.name(), named)),
            None => locked.get(to).insert(new.name(), source.clone()),
        };
        if let Err(error) = entered {
            *source.place.lock() = before;
            return Err(error);
        }
        locked.get(from).remove(old.name());
        let now = self.now();
        if source.is_directory() {
            from.touch_changed(now, -1);
            to.touch_changed(now, 1);
        }
        if let Some(target) = target {
            if let Body::Directory(_) = target.body {
                to.touch_changed(now, -1);
                target.times.lock().links = 0;
            } else {
                target.touch_changed(now, -1);
            }
        }
        from.touch_modified(now);
        to.touch_modified(now);
        source.touch_changed(now, 0);
        Ok(())
    }

    /// RENAME_EXCHANGE.
    fn exchange(
        &self,
        locked: &mut LockedSet<'_>,
        (old, source): (&Walked<'_, NodeRef>, &NodeRef),
        (new, target): (&Walked<'_, NodeRef>, &NodeRef),
    ) -> Result<()> {
        let (from, to) = (&old.directory, &new.directory);
        let (there, back) = (Named::new(source.clone())?, Named::new(target.clone())?);
        let before = source.place.lock().clone();
        source.set_place(to, new.name())?;
        if let Err(error) = target.set_place(from, old.name()) {
            *source.place.lock() = before;
            return Err(error);
        }
        // The names were found under the locks.
        locked.get(to).replace(new.name(), there)?;
        locked.get(from).replace(old.name(), back)?;
        let now = self.now();
        let (a, b) = (source.is_directory() as i32, target.is_directory() as i32);
        from.touch_changed(now, b - a);
        to.touch_changed(now, a - b);
        from.touch_modified(now);
        to.touch_modified(now);
        source.touch_changed(now, 0);
        target.touch_changed(now, 0);
        Ok(())
    }
}
