//! Names, permissions, attributes.

use crate::mock::{Client, NO_CHANGE, World};
use k42_api::files::{FileSystem, SetAttributes, redirect, set};
use k42_fslib::linux::{mode, open as flag, rename};
use k42_ipc::{Caller, Error, Handle, OutBuf, ProcessId};

fn world() -> (World, Client) {
    let world = World::new();
    let root = world.client(20, 0, 0);
    (world, root)
}

#[test]
fn make_and_list() {
    let (_world, c) = world();
    c.mkdir("a", 0o755).unwrap();
    c.mkdir("/a/b", 0o755).unwrap();
    c.put("a/f", b"hello").unwrap();
    c.symlink("b", "a/l").unwrap();
    c.link("a/f", "a/g").unwrap();
    assert_eq!(c.list("a").unwrap(), [".", "..", "b", "f", "g", "l"]);
    assert_eq!(c.get("a/g").unwrap(), b"hello");
    assert_eq!(
        (
            c.stat("a").unwrap().links,
            c.stat("a/f").unwrap().links,
            c.stat("/").unwrap().links
        ),
        (3, 2, 3)
    );
    assert_eq!(c.read_link("a/l").unwrap(), b"b");
    assert_eq!(c.lstat("a/l").unwrap().mode, mode::SYMLINK | 0o777);
    assert_eq!(c.stat("a/l").unwrap().inode, c.stat("a/b").unwrap().inode);
    assert_eq!(c.mkdir("a/b", 0o755), Err(Error::EEXIST));
    assert_eq!(c.rmdir("a"), Err(Error::ENOTEMPTY));
    assert_eq!(c.unlink("a/b"), Err(Error::EISDIR));
    assert_eq!(c.rmdir("a/f"), Err(Error::ENOTDIR));
    for name in ["a/f", "a/g", "a/l"] {
        c.unlink(name).unwrap();
    }
    c.rmdir("a/b").unwrap();
    c.rmdir("a").unwrap();
    assert_eq!(c.stat("a").unwrap_err(), Error::ENOENT);
    assert_eq!(c.stat("/").unwrap().links, 2);
}

#[test]
fn everything_comes_back() {
    let (world, c) = world();
    let before = world.fs.resources.nodes.used();
    for i in 0..50 {
        c.put(&format!("f{i}"), &vec![7; i * 997]).unwrap();
    }
    assert!(world.fs.resources.pages.used() > 0);
    for i in 0..50 {
        c.unlink(&format!("f{i}")).unwrap();
    }
    assert_eq!(world.fs.resources.pages.used(), 0);
    assert_eq!(world.fs.resources.nodes.used(), before);
    assert_eq!(world.store.objects(), 0);
}

#[test]
fn unlinked_while_open() {
    let (world, c) = world();
    let f = c.open("f", flag::CREATE | flag::READ_WRITE, 0o600).unwrap();
    f.write(&[1; 5000]).unwrap();
    assert_eq!(f.path().unwrap(), "/f");
    c.unlink("f").unwrap();
    assert_eq!(
        (f.stat().unwrap().links, f.pread(4000, 2000).unwrap().len()),
        (0, 1000)
    );
    assert_eq!(f.path(), Err(Error::ENOENT));
    assert_eq!(world.store.objects(), 1);
    f.close().unwrap();
    assert_eq!(
        (world.store.objects(), world.fs.resources.pages.used()),
        (0, 0)
    );
}

#[test]
fn removed_directory_stays_usable_but_empty() {
    let (_world, c) = world();
    c.mkdir("d", 0o755).unwrap();
    let d = c
        .opened(Handle::ROOT, "d", flag::DIRECTORY, 0)
        .unwrap()
        .handle;
    c.rmdir("d").unwrap();
    assert_eq!(
        c.opened(d, "x", flag::CREATE | flag::WRITE_ONLY, 0o600)
            .unwrap_err(),
        Error::ENOENT
    );
    assert_eq!(c.file(d).names(500), Err(Error::ENOENT));
    assert_eq!(c.file(d).path(), Err(Error::ENOENT));
}

#[test]
fn deep_chain_of_removed_directories() {
    let (world, c) = world();
    let before = world.fs.resources.nodes.used();
    let mut at = c;
    let mut all = vec![at];
    for _ in 0..5000 {
        at.mkdir("d", 0o755).unwrap();
        at = at.below("d");
        all.push(at);
    }
    let names: Vec<_> = all.iter().rev().skip(1).map(|dir| dir.rmdir("d")).collect();
    assert!(names.iter().all(Result::is_ok));
    // The last one is still open, and holds all those above it.
    let last = all.pop().unwrap();
    all.drain(1..)
        .for_each(|dir| dir.file(dir.base).close().unwrap());
    assert_eq!(world.fs.resources.nodes.used(), before + 5000);
    last.file(last.base).close().unwrap();
    assert_eq!(world.nodes_used(before), before);
}

#[test]
fn permissions() {
    let (world, root) = world();
    let user = world.client(21, 1000, 1000);
    root.mkdir("tmp", 0o1777).unwrap();
    root.mkdir("private", 0o700).unwrap();
    root.put("private/secret", b"x").unwrap();
    root.put("tmp/roots", b"x").unwrap();
    assert_eq!(user.stat("private/secret").unwrap_err(), Error::EACCES);
    assert_eq!(user.mkdir("x", 0o755), Err(Error::EACCES));
    user.put("tmp/mine", b"y").unwrap();
    assert_eq!(user.unlink("tmp/roots"), Err(Error::EPERM));
    assert_eq!(user.rename("tmp/roots", "tmp/r2", 0), Err(Error::EPERM));
    assert_eq!(user.rename("tmp/mine", "tmp/roots", 0), Err(Error::EPERM));
    assert_eq!(user.chmod("tmp/roots", 0o777), Err(Error::EPERM));
    assert_eq!(user.chown("tmp/mine", 0, 0), Err(Error::EPERM));
    assert_eq!(user.chown("tmp/mine", 1000, 1000), Ok(()));
    assert_eq!(
        user.open("tmp/roots", flag::WRITE_ONLY, 0).err(),
        Some(Error::EACCES)
    );
    root.chmod("tmp/roots", 0o4755).unwrap();
    assert_eq!(user.access("tmp/roots", 1), Ok(()));
    assert_eq!(user.access("tmp/roots", 2), Err(Error::EACCES));
    root.chown("tmp/roots", 1000, 5).unwrap();
    assert_eq!(root.stat("tmp/roots").unwrap().mode, mode::REGULAR | 0o755);
    // Written to by somebody who is not root: the set-user-id bit goes.
    user.chmod("tmp/mine", 0o6777).unwrap();
    user.open("tmp/mine", flag::WRITE_ONLY, 0)
        .unwrap()
        .write(b"z")
        .unwrap();
    assert_eq!(user.stat("tmp/mine").unwrap().mode & 0o7777, 0o777);
    // Not in the group: no set-group-id bit.
    root.chown("tmp/mine", 1000, 77).unwrap();
    user.chmod("tmp/mine", 0o2755).unwrap();
    assert_eq!(user.stat("tmp/mine").unwrap().mode & 0o7777, 0o755);
}

#[test]
fn group_of_directory() {
    let (world, root) = world();
    root.mkdir("g", 0o777).unwrap();
    root.chown("g", 0, 50).unwrap();
    root.chmod("g", 0o2777).unwrap();
    let user = world.client(21, 1000, 1000);
    user.mkdir("g/d", 0o755).unwrap();
    user.put("g/f", b"").unwrap();
    assert_eq!(
        (
            user.stat("g/d").unwrap().gid,
            user.stat("g/d").unwrap().mode & 0o7777
        ),
        (50, 0o2755)
    );
    assert_eq!(
        (user.stat("g/f").unwrap().gid, user.stat("g/f").unwrap().uid),
        (50, 1000)
    );
}

#[test]
fn times() {
    let (world, root) = world();
    let user = world.client(21, 1000, 1000);
    root.put("f", b"x").unwrap();
    let before = root.stat("f").unwrap();
    root.get("f").unwrap();
    let read = root.stat("f").unwrap();
    assert!(read.accessed > before.accessed && read.modified == before.modified);
    root.get("f").unwrap();
    assert_eq!(
        root.stat("f").unwrap().accessed,
        read.accessed,
        "relatime: once is enough"
    );
    let both = SetAttributes {
        which: set::ACCESSED | set::MODIFIED,
        accessed: 5,
        modified: 6,
        ..NO_CHANGE
    };
    assert_eq!(user.change("f", 0, both), Err(Error::EPERM));
    root.change("f", 0, both).unwrap();
    let now = root.stat("f").unwrap();
    assert_eq!((now.accessed, now.modified), (5, 6));
    assert!(now.changed > read.changed);
    let touch = SetAttributes {
        which: set::ACCESSED_NOW | set::MODIFIED_NOW,
        ..NO_CHANGE
    };
    assert_eq!(user.change("f", 0, touch), Err(Error::EACCES));
    root.chmod("f", 0o666).unwrap();
    user.change("f", 0, touch).unwrap();
    assert!(root.stat("f").unwrap().modified > 6);
}

#[test]
fn renames() {
    let (_world, c) = world();
    for d in ["a", "a/b", "a/b/c", "e"] {
        c.mkdir(d, 0o755).unwrap();
    }
    c.put("f", b"f").unwrap();
    c.put("g", b"g").unwrap();
    assert_eq!(c.rename("a", "a/b/c/x", 0), Err(Error::EINVAL));
    assert_eq!(c.rename("a/b/c", "a", 0), Err(Error::ENOTEMPTY));
    assert_eq!(c.rename("a", "f", 0), Err(Error::ENOTDIR));
    assert_eq!(c.rename("f", "e", 0), Err(Error::EISDIR));
    assert_eq!(c.rename("f", "f", 0), Ok(()));
    assert_eq!(c.rename("f", "g", rename::NO_REPLACE), Err(Error::EEXIST));
    assert_eq!(c.rename("f", "nope", rename::EXCHANGE), Err(Error::ENOENT));
    assert_eq!(c.rename("f", "new/", 0), Err(Error::ENOTDIR));
    assert_eq!(c.rename(".", "x", 0), Err(Error::EBUSY));
    c.rename("f", "a", rename::EXCHANGE).unwrap();
    assert_eq!(
        (c.get("a").unwrap(), c.list("f/b").unwrap().len()),
        (b"f".to_vec(), 3)
    );
    c.rename("f", "a", rename::EXCHANGE).unwrap();
    c.rename("a/b", "e", 0).unwrap();
    assert_eq!(c.list("e").unwrap(), [".", "..", "c"]);
    assert_eq!(
        (
            c.stat("a").unwrap().links,
            c.stat("e").unwrap().links,
            c.stat("/").unwrap().links
        ),
        (2, 3, 4)
    );
    let d = c.open("e/c", flag::DIRECTORY, 0).unwrap();
    c.rename("e", "a/moved", 0).unwrap();
    assert_eq!(d.path().unwrap(), "/a/moved/c");
    let above = c.opened(d.handle, "../..", 0, 0).unwrap();
    assert_eq!(c.file(above.handle).path().unwrap(), "/a");
    c.rename("f", "g", 0).unwrap();
    assert_eq!(c.get("g").unwrap(), b"f");
    c.link("g", "h").unwrap();
    c.rename("g", "h", 0).unwrap();
    assert_eq!(
        c.stat("g").unwrap().links,
        2,
        "two names of one file: nothing happens"
    );
}

#[test]
fn listing_sees_each_entry_once() {
    let (_world, c) = world();
    c.mkdir("d", 0o755).unwrap();
    for i in 0..200 {
        c.put(&format!("d/{i:03}"), b"").unwrap();
    }
    let d = c.open("d", flag::DIRECTORY, 0).unwrap();
    let mut seen = Vec::new();
    let mut i = 0;
    loop {
        let names = d.names(120).unwrap();
        if names.is_empty() {
            break;
        }
        seen.extend(names.into_iter().filter(|n| !n.starts_with('.')));
        // Rename what has been seen, remove some of it, add others.
        let last = seen.last().unwrap().clone();
        c.rename(&format!("d/{last}"), &format!("d/new{i}"), 0)
            .unwrap();
        c.put(&format!("d/more{i}"), b"").unwrap();
        i += 1;
    }
    let expected: Vec<String> = (0..200).map(|i| format!("{i:03}")).collect();
    assert_eq!(seen, expected);
    assert!(d.names(20).unwrap().is_empty());
    d.seek(0, 0).unwrap();
    assert_eq!(d.names(20), Err(Error::EINVAL));
    assert!(d.names(8000).unwrap().len() > 100);
}

#[test]
fn mounts() {
    let (world, c) = world();
    c.mkdir("proc", 0o555).unwrap();
    c.mkdir("dev", 0o755).unwrap();
    let name = Caller {
        process: ProcessId::NAME,
        vp: 0,
        handle: Handle::ROOT,
        rights: 0,
    };
    assert_eq!(
        world
            .fs
            .set_mount_point(&c.caller(Handle::ROOT), b"/proc", 4),
        Err(Error::EPERM)
    );
    world.fs.set_mount_point(&name, b"/proc", 4).unwrap();
    world.fs.set_mount_point(&name, b"/dev", 5).unwrap();
    assert_eq!(
        world.fs.set_mount_point(&name, b"/dev/pts", 6),
        Err(Error::CROSS_MOUNT)
    );
    assert_eq!(
        world.fs.set_mount_point(&name, b"/none", 6),
        Err(Error::ENOENT)
    );
    let mut buffer = [0; 100];
    let mut rest = OutBuf::new(&mut buffer);
    let caller = c.caller(Handle::ROOT);
    assert_eq!(
        world
            .fs
            .open(&caller, Handle::ROOT, b"/proc/self/x", 0, 0, &mut rest),
        Err(Error::CROSS_MOUNT)
    );
    assert_eq!(
        rest.filled(),
        [&[redirect::MOUNT, 4, 0, 0, 0][..], b"self/x"].concat()
    );
    assert_eq!(c.rmdir("proc"), Err(Error::EBUSY));
    assert_eq!(c.rename("proc", "x", 0), Err(Error::EBUSY));
    assert_eq!(c.mkdir("proc", 0), Err(Error::EEXIST));
    // A device node outside /dev stands for the one in it.
    let mut rest = OutBuf::new(&mut buffer);
    world
        .fs
        .make_node(
            &caller,
            Handle::ROOT,
            b"null",
            mode::CHARACTER | 0o666,
            0x103,
            &mut rest,
        )
        .unwrap();
    assert_eq!(
        world
            .fs
            .open(&caller, Handle::ROOT, b"null", 0, 0, &mut rest),
        Err(Error::CROSS_MOUNT)
    );
    assert_eq!(
        rest.filled(),
        [&[redirect::MOUNT, 5, 0, 0, 0][..], b"null"].concat()
    );
    world.fs.set_mount_point(&name, b"/proc", u32::MAX).unwrap();
    assert!(c.stat("/proc").is_ok());
}

#[test]
fn odd_opens() {
    let (world, c) = world();
    c.mkdir("d", 0o755).unwrap();
    c.symlink("none", "l").unwrap();
    c.symlink("l2", "l2").unwrap();
    let fails = |path, flags| c.open(path, flags, 0o644).err();
    assert_eq!(fails("d", flag::WRITE_ONLY), Some(Error::EISDIR));
    assert_eq!(fails("d", flag::CREATE), Some(Error::EISDIR));
    assert_eq!(fails("new/", flag::CREATE), Some(Error::EISDIR));
    assert_eq!(fails("l", flag::NO_FOLLOW), Some(Error::ELOOP));
    assert_eq!(
        fails("l", flag::CREATE | flag::EXCLUSIVE),
        Some(Error::EEXIST)
    );
    assert_eq!(fails("l2", 0), Some(Error::ELOOP));
    assert_eq!(fails("", 0), Some(Error::ENOENT));
    assert!(c.open("l", flag::CREATE, 0o644).is_ok());
    assert!(c.stat("none").is_ok());
    assert_eq!(fails("none", flag::DIRECTORY), Some(Error::ENOTDIR));
    let p = c.open("none", flag::PATH, 0).unwrap();
    assert_eq!(p.read(1), Err(Error::EBADF));
    assert!(p.stat().is_ok());
    // O_TMPFILE, and its first name by AT_EMPTY_PATH.
    let t = c
        .open(
            "d",
            flag::TEMPORARY | flag::DIRECTORY | flag::READ_WRITE,
            0o600,
        )
        .unwrap();
    t.write(b"data").unwrap();
    let (caller, mut room) = (c.caller(Handle::ROOT), [0; 64]);
    world
        .fs
        .link(
            &caller,
            t.handle,
            b"",
            Handle::ROOT,
            b"d/named",
            8,
            &mut OutBuf::new(&mut room),
        )
        .unwrap();
    assert_eq!(c.get("d/named").unwrap(), b"data");
    c.unlink("none").unwrap();
    assert_eq!(
        c.open(&"x".repeat(256), flag::CREATE, 0).err(),
        Some(Error::ENAMETOOLONG)
    );
    assert!(c.open(&"x".repeat(255), flag::CREATE, 0).is_ok());
}

#[test]
fn locks() {
    let (world, a) = world();
    let b = world.client(21, 0, 0);
    a.put("f", b"data").unwrap();
    let (fa, fb) = (a.open("f", 2, 0).unwrap(), b.open("f", 2, 0).unwrap());
    let lock = |file: &crate::mock::File, kind, ty, start, length, wait| {
        use k42_api::files::OpenFile;
        let (object, caller) = file.object().unwrap();
        object.lock(&caller, kind, ty, start, length, wait)
    };
    lock(&fa, 0, 1, 10, 10, false).unwrap();
    assert_eq!(lock(&fb, 0, 1, 15, 1, false), Err(Error::EAGAIN));
    assert_eq!(lock(&fb, 1, 1, 0, 0, false), Ok([1, 10, 10, 1020]));
    assert_eq!(lock(&fb, 0, 0, 15, 1, true), Err(Error::WOULD_BLOCK));
    world.events.take();
    lock(&fa, 0, 2, 0, 0, false).unwrap();
    assert_eq!(world.events.take(), [(21, fb.handle.0)]);
    lock(&fb, 0, 1, 0, 0, true).unwrap();
    // Ending gives everything back.
    assert_eq!(lock(&fa, 0, 0, 0, 0, true), Err(Error::WOULD_BLOCK));
    world.end(b);
    assert_eq!(world.events.take(), [(20, fa.handle.0)]);
    assert!(lock(&fa, 0, 0, 0, 0, true).is_ok());
}

#[test]
fn a_root_of_its_own() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    c.mkdir("jail", 0o755).unwrap();
    c.mkdir("jail/in", 0o755).unwrap();
    c.put("name", b"outside").unwrap();
    c.put("jail/name", b"jail").unwrap();
    c.symlink("/name", "jail/in/link").unwrap();
    let outside = c.open(".", 0, 0).unwrap();
    let jail = c.open("jail", 0, 0).unwrap();
    let (_, at) = jail.object().unwrap();
    let user = world.client(21, 1000, 1000);
    let own = user.open("jail", 0, 0).unwrap();
    let (_, of_user) = own.object().unwrap();
    assert_eq!(
        world.fs.set_root(&of_user, of_user.handle),
        Err(Error::EPERM)
    );
    let file = c.open("name", 0, 0).unwrap();
    let (_, of_file) = file.object().unwrap();
    assert_eq!(
        world.fs.set_root(&of_file, of_file.handle),
        Err(Error::ENOTDIR)
    );
    world.fs.set_root(&at, at.handle).unwrap();
    for path in ["/name", "name", "/../../name", "in/../../name", "in/link"] {
        assert_eq!(c.get(path).unwrap(), b"jail", "{path}");
        assert_eq!(user.get("/name").unwrap(), b"outside", "others have theirs");
    }
    // A child has it too, and what is open from before leads out.
    let child = world.fork(&c, 22);
    assert_eq!(child.get("/../name").unwrap(), b"jail");
    let (_, before) = outside.object().unwrap();
    let mut rest = [0; 100];
    let opened = world.fs.open(
        &before,
        before.handle,
        b"name",
        0,
        0,
        &mut OutBuf::new(&mut rest),
    );
    assert_eq!(c.file(opened.unwrap().handle).path().unwrap(), "/name");
}

/// Whatever the short way gives is what the long one gives, for all paths of up to three of these names.
#[test]
fn the_short_way_leads_where_the_long_one_does() {
    use crate::directory::Step;
    use crate::plain::plain;
    use k42_fslib::Access;
    use k42_fslib::walk::{Final, Last};
    const NAMES: [&str; 10] = [
        "d",
        "f",
        "tod",
        "nowhere",
        "mounted",
        "locked",
        "missing",
        "",
        "..",
        "a longer name than a word",
    ];
    let (world, c) = world();
    for base in ["", "d/", "a longer name than a word/", "locked/", "d/d/"] {
        for directory in ["d", "mounted", "locked", "a longer name than a word"] {
            c.mkdir(&format!("{base}{directory}"), 0o755).unwrap();
        }
        c.put(&format!("{base}f"), b"").unwrap();
        c.symlink("d", &format!("{base}tod")).unwrap();
        c.symlink("missing", &format!("{base}nowhere")).unwrap();
        world
            .fs
            .mount_on(format!("{base}mounted").as_bytes(), 7)
            .unwrap();
    }
    c.chmod("locked", 0o700).unwrap();
    c.chmod("d/locked", 0o700).unwrap();

    let one = NAMES.map(String::from);
    let two = one.iter().flat_map(|a| NAMES.map(|b| format!("{a}/{b}")));
    let two: Vec<String> = two.collect();
    let three = two.iter().flat_map(|a| NAMES.map(|b| format!("{a}/{b}")));
    let names: Vec<String> = three.chain(two.clone()).chain(one).collect();
    let paths = names
        .iter()
        .flat_map(|path| [path.clone(), format!("/{path}"), format!("{path}/")]);

    let user = Access {
        uid: 1,
        gid: 1,
        groups: &[],
    };
    let guard = k42_object::enter();
    let root = world.fs.root();
    let (mut short, mut long) = (0, 0);
    for path in paths {
        for who in [&Access::ROOT, &user] {
            for treat in [
                Final::Follow,
                Final::NoFollow,
                Final::Entry,
                Final::Create,
                Final::CreateNoFollow,
            ] {
                let Some(found) = plain(&guard, &root, path.as_bytes(), who, treat) else {
                    long += 1;
                    continue;
                };
                short += 1;
                let start = Step::Held(root.clone());
                let walked = world
                    .fs
                    .walk_all(&guard, None, start, path.as_bytes(), who, treat)
                    .unwrap_or_else(|stop| panic!("{path} {treat:?}: {stop:?}"));
                let inode = |step: &Step<'_>| step.inode;
                assert_eq!(
                    found.node.as_ref().map(inode),
                    walked.node.as_ref().map(inode),
                    "{path} {treat:?}"
                );
                let directory = found.directory.unwrap_or(&root);
                assert_eq!(directory.inode, walked.directory.inode, "{path} {treat:?}");
                assert_eq!(found.name, walked.name(), "{path} {treat:?}");
                assert!(walked.last == Last::Name && !walked.trailing_slash);
            }
        }
    }
    assert!(short > 500 && long > 500, "{short} short, {long} long");
}
