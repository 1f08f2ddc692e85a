//! Making names: open with O_CREAT, mkdir, mknod, symlink, link.

use crate::data::File;
use crate::directory::Entries;
use crate::fs::{Held, Kfs};
use crate::node::{Body, Node, NodeRef, Owner};
use crate::open::OpenNode;
use crate::pipe::{Pipe, Wish};
use alloc::boxed::Box;
use alloc::vec::Vec;
use k42_api::files::{Opened, redirect};
use k42_fslib::linux::{access, major, minor, mode as m, open as flag};
use k42_fslib::sync::{ReadMostly, ReadMostlyWriteGuard};
use k42_fslib::walk::{Final, Last, Outcome, Redirect, Stop, Walked};
use k42_fslib::{Access, Client};
use k42_ipc::{Caller, Error, Handle, Result};
use k42_object::enter;

/// The entries of a directory, locked for a change.
pub type Locked<'a> = ReadMostlyWriteGuard<'a, Entries>;

/// The entries of a node that must be a directory.
pub fn entries(node: &Node) -> Result<&ReadMostly<Entries>> {
    match &node.body {
        Body::Directory(entries) => Ok(entries),
        _ => Err(Error::ENOTDIR),
    }
}

impl Kfs {
    /// Owner and mode of something new in `directory`: set-group-id directories hand their group down.
    fn owner_of_new(&self, directory: &Node, who: &Access<'_>, mode: u32) -> Owner {
        let parent = directory.owner();
        let mut owner = Owner {
            mode,
            uid: who.uid,
            gid: who.gid,
        };
        if parent.mode & m::SET_GID != 0 {
            owner.gid = parent.gid;
            if mode & m::TYPE == m::DIRECTORY {
                owner.mode |= m::SET_GID;
            } else if mode & (m::SET_GID | m::GROUP_EXECUTE) == m::SET_GID | m::GROUP_EXECUTE
                && !who.is_root()
                && !who.in_group(parent.gid)
            {
                owner.mode &= !m::SET_GID;
            }
        }
        owner
    }

    /// Enters `node` in `directory` under `name`, and counts the link.
    pub fn enter(
        &self,
        directory: &NodeRef,
        entries: &mut Locked<'_>,
        name: &[u8],
        node: &NodeRef,
    ) -> Result<()> {
        node.set_place(directory, name)?;
        entries.insert(name, node.clone())?;
        let now = self.now();
        directory.touch_modified(now);
        if node.is_directory() {
            node.times.lock().links = 2;
            directory.touch_changed(now, 1);
        } else {
            node.times.lock().links += 1;
        }
        Ok(())
    }

    /// Makes a node of any kind but symbolic links.
    fn body_of(&self, mode: u32, rdev: u64) -> Result<Body> {
        Ok(match mode & m::TYPE {
            m::REGULAR => Body::Regular(File::new(self.resources)?),
            m::DIRECTORY => Body::Directory(ReadMostly::new(Entries::new(self.seed()))),
            m::CHARACTER | m::BLOCK => Body::Device(rdev),
            m::FIFO => Body::Pipe(Box::new(Pipe::new())),
            m::SOCKET => Body::Socket,
            _ => return Err(Error::EINVAL),
        })
    }

    /// mkdir(2) and mknod(2).
    pub fn make(
        &self,
        caller: &Caller,
        who: &Access<'_>,
        directory: Handle,
        path: &[u8],
        mode: u32,
        rdev: u64,
    ) -> Outcome<()> {
        let mode = if mode & m::TYPE == 0 {
            mode | m::REGULAR
        } else {
            mode
        };
        let is_directory = mode & m::TYPE == m::DIRECTORY;
        let walked = self.walk(caller, directory, path, who, Final::Entry)?;
        self.check_new(&walked, is_directory)?;
        walked
            .directory
            .check(who, access::WRITE | access::EXECUTE)?;
        if matches!(mode & m::TYPE, m::CHARACTER | m::BLOCK) && !who.is_root() {
            return Err(Error::EPERM.into());
        }
        // mkdir(2) takes the permission bits and the sticky bit.
        let bits = if is_directory { 0o1777 } else { m::PERMISSIONS };
        let owner = self.owner_of_new(&walked.directory, who, mode & (m::TYPE | bits));
        let mut locked = entries(&walked.directory)?.write();
        if locked.get(walked.name()).is_some() {
            return Err(Error::EEXIST.into());
        }
        let node = self.new_node(owner, self.body_of(mode, rdev)?)?;
        Ok(self.enter(&walked.directory, &mut locked, walked.name(), &node)?)
    }

    /// What is common to all that make a name: it must be one, and free.
    fn check_new(&self, walked: &Walked<'_, NodeRef>, is_directory: bool) -> Result<()> {
        if walked.last != Last::Name || walked.node.is_some() {
            return Err(Error::EEXIST);
        }
        if walked.trailing_slash && !is_directory {
            Err(Error::ENOENT)
        } else {
            Ok(())
        }
    }

    /// symlink(2).
    pub fn make_symlink(
        &self,
        caller: &Caller,
        who: &Access<'_>,
        target: &[u8],
        directory: Handle,
        path: &[u8],
    ) -> Outcome<()> {
        if target.is_empty() {
            return Err(Error::ENOENT.into());
        }
        let walked = self.walk(caller, directory, path, who, Final::Entry)?;
        self.check_new(&walked, false)?;
        walked
            .directory
            .check(who, access::WRITE | access::EXECUTE)?;
        let mut text = Vec::new();
        text.try_reserve_exact(target.len())
            .map_err(|_| Error::ENOSPC)?;
        text.extend_from_slice(target);
        let owner = self.owner_of_new(&walked.directory, who, m::SYMLINK | 0o777);
        let mut locked = entries(&walked.directory)?.write();
        if locked.get(walked.name()).is_some() {
            return Err(Error::EEXIST.into());
        }
        let node = self.new_node(owner, Body::Symlink(text.into_boxed_slice()))?;
        Ok(self.enter(&walked.directory, &mut locked, walked.name(), &node)?)
    }

    /// link(2): another name for `old`.
    pub fn make_link(
        &self,
        caller: &Caller,
        who: &Access<'_>,
        old: &NodeRef,
        directory: Handle,
        path: &[u8],
    ) -> Outcome<()> {
        let walked = self.walk(caller, directory, path, who, Final::Entry)?;
        self.check_new(&walked, false)?;
        walked
            .directory
            .check(who, access::WRITE | access::EXECUTE)?;
        if old.is_directory() {
            return Err(Error::EPERM.into());
        }
        let mut locked = entries(&walked.directory)?.write();
        if locked.get(walked.name()).is_some() {
            return Err(Error::EEXIST.into());
        }
        {
            // Counted first: a file whose last name goes meanwhile must not come back.
            let mut times = old.times.lock();
            if times.links == 0 && !old.is_linkable() {
                return Err(Error::ENOENT.into());
            }
            if times.links >= LINK_MAX {
                return Err(Error::EMLINK.into());
            }
            times.links += 1;
            times.changed = self.now();
        }
        if let Err(error) = locked.insert(walked.name(), old.clone()) {
            old.times.lock().links -= 1;
            return Err(error.into());
        }
        walked.directory.touch_modified(self.now());
        // The name that was made last is shown as the file's path; failing to remember it is no failure.
        let _ = old.set_place(&walked.directory, walked.name());
        Ok(())
    }

    /// open(2).
    pub fn open_path(
        &'static self,
        caller: &Caller,
        client: &Client<Held>,
        directory: Handle,
        path: &[u8],
        flags: u32,
        mode: u32,
    ) -> Outcome<Opened> {
        let who = client.record.effective();
        let flags = if flags & flag::PATH != 0 {
            flags & (flag::PATH | flag::DIRECTORY | flag::NO_FOLLOW)
        } else {
            flags
        };
        if flags & flag::TEMPORARY != 0 {
            return self.open_temporary(caller, &who, directory, path, flags, mode);
        }
        if flags & flag::CREATE != 0 {
            return self.open_or_create(caller, client, directory, path, flags, mode);
        }
        let treat = match flags & flag::NO_FOLLOW {
            0 => Final::Follow,
            _ => Final::NoFollow,
        };
        // What comes after the walk may have to wait for locks, so it has no guard.
        let node = self.found(&enter(), caller, directory, path, &who, treat)?;
        self.open_node(caller, client, node, flags, false)
    }

    /// open(2) with O_CREAT.
    #[inline(never)]
    fn open_or_create(
        &'static self,
        caller: &Caller,
        client: &Client<Held>,
        directory: Handle,
        path: &[u8],
        flags: u32,
        mode: u32,
    ) -> Outcome<Opened> {
        let who = client.record.effective();
        if flags & flag::DIRECTORY != 0 {
            return Err(Error::EINVAL.into());
        }
        let exclusive = flags & flag::EXCLUSIVE != 0;
        let treat = if exclusive || flags & flag::NO_FOLLOW != 0 {
            Final::CreateNoFollow
        } else {
            Final::Create
        };
        // Another process may make or remove the name between the walk and the lock.
        loop {
            let walked = self.walk(caller, directory, path, &who, treat)?;
            if let Some(node) = walked.node {
                if exclusive {
                    return Err(Error::EEXIST.into());
                }
                if node.is_directory() {
                    return Err(Error::EISDIR.into());
                }
                return self.open_node(caller, client, node, flags, false);
            }
            walked
                .directory
                .check(&who, access::WRITE | access::EXECUTE)?;
            let owner =
                self.owner_of_new(&walked.directory, &who, m::REGULAR | mode & m::PERMISSIONS);
            let mut locked = entries(&walked.directory)?.write();
            if locked.get(walked.name()).is_some() {
                continue;
            }
            let node = self.new_node(owner, Body::Regular(File::new(self.resources)?))?;
            self.enter(&walked.directory, &mut locked, walked.name(), &node)?;
            drop(locked);
            return self.open_node(caller, client, node, flags, true);
        }
    }

    /// O_TMPFILE: a file without a name.
    fn open_temporary(
        &'static self,
        caller: &Caller,
        who: &Access<'_>,
        directory: Handle,
        path: &[u8],
        flags: u32,
        mode: u32,
    ) -> Outcome<Opened> {
        let writes = matches!(
            flags & flag::ACCESS_MODE,
            flag::WRITE_ONLY | flag::READ_WRITE
        );
        if flags & flag::DIRECTORY == 0 || flags & flag::CREATE != 0 || !writes {
            return Err(Error::EINVAL.into());
        }
        let treat = if flags & flag::NO_FOLLOW != 0 {
            Final::NoFollow
        } else {
            Final::Follow
        };
        let walked = self.walk(caller, directory, path, who, treat)?;
        let node = walked.node.ok_or(Error::ENOENT)?;
        if !node.is_directory() {
            return Err(Error::ENOTDIR.into());
        }
        node.check(who, access::WRITE | access::EXECUTE)?;
        let owner = self.owner_of_new(&node, who, m::REGULAR | mode & m::PERMISSIONS);
        let file = self.new_node(owner, Body::Regular(File::new(self.resources)?))?;
        if flags & flag::EXCLUSIVE == 0 {
            file.set_linkable();
        }
        let flags = flags & !(flag::TEMPORARY | flag::DIRECTORY | flag::EXCLUSIVE);
        Ok(self.hand_out(caller, || {
            OpenNode::new(self, file, flags, crate::fs::DEVICE)
        })?)
    }

    /// Opens a node that is there. `created`: just now, by this call, so the mode does not matter.
    fn open_node(
        &'static self,
        caller: &Caller,
        client: &Client<Held>,
        node: NodeRef,
        flags: u32,
        created: bool,
    ) -> Outcome<Opened> {
        let who = client.record.effective();
        if flags & flag::DIRECTORY != 0 && !node.is_directory() {
            return Err(Error::ENOTDIR.into());
        }
        let open = |node| {
            Ok(self.hand_out(caller, || {
                OpenNode::new(self, node, flags, crate::fs::DEVICE)
            })?)
        };
        if flags & flag::PATH != 0 {
            return open(node);
        }
        let access_mode = flags & flag::ACCESS_MODE;
        let truncate = flags & flag::TRUNCATE != 0 && !created;
        let mut wanted = match access_mode {
            flag::READ_ONLY => access::READ,
            flag::WRITE_ONLY => access::WRITE,
            _ => access::READ | access::WRITE,
        };
        if truncate {
            wanted |= access::WRITE;
        }
        match &node.body {
            Body::Symlink(_) => return Err(Error::ELOOP.into()),
            Body::Directory(_) if wanted & access::WRITE != 0 => return Err(Error::EISDIR.into()),
            _ => {}
        }
        if !created {
            node.check(&who, wanted)?;
        }
        if flags & flag::NO_ATIME != 0 && !who.owns(node.uid()) {
            return Err(Error::EPERM.into());
        }
        match &node.body {
            Body::Device(number) => Err(self.device(caller, node.mode(), *number)),
            Body::Socket | Body::Endpoint(_) => Err(Error::ENXIO.into()),
            Body::Pipe(pipe) => {
                let wish = Wish {
                    read: access_mode != flag::WRITE_ONLY,
                    write: access_mode != flag::READ_ONLY,
                    nonblock: flags & flag::NONBLOCK != 0,
                };
                let (result, woken) = pipe.open(caller, wish);
                if result == Err(Error::WOULD_BLOCK) {
                    // So that the mark goes when the process does.
                    client.extra.note(&node)?;
                }
                woken
                    .into_iter()
                    .for_each(|list| list.wake(&*self.ports.notifier));
                result?;
                open(node)
            }
            Body::Regular(_) if truncate => {
                self.truncate(&node, &who, 0)?;
                open(node)
            }
            _ => open(node),
        }
    }

    /// A device node stands for an object of the server of /dev: the client is sent there, whatever path it came by.
    fn device(&self, caller: &Caller, mode: u32, number: u64) -> Stop {
        let name: &[u8] = match (mode & m::TYPE, major(number), minor(number)) {
            (m::CHARACTER, 1, 3) => b"null",
            (m::CHARACTER, 1, 5) => b"zero",
            (m::CHARACTER, 1, 7) => b"full",
            (m::CHARACTER, 1, 8) => b"random",
            (m::CHARACTER, 1, 9) => b"urandom",
            (m::CHARACTER, 5, 0) => b"tty",
            (m::CHARACTER, 5, 1) => b"console",
            (m::CHARACTER, 5, 2) => b"ptmx",
            _ => return Error::ENXIO.into(),
        };
        match self.walk(
            caller,
            Handle::ROOT,
            b"/dev",
            &Access::ROOT,
            Final::NoFollow,
        ) {
            Err(Stop::Redirect(Redirect {
                kind: redirect::MOUNT,
                mount,
                ..
            })) => Stop::Redirect(Redirect {
                kind: redirect::MOUNT,
                mount,
                path: name.to_vec(),
            }),
            _ => Error::ENXIO.into(),
        }
    }
}

/// Most names of a file, as on ext4.
const LINK_MAX: u32 = 65000;
