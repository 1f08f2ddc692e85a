//! /proc through its interfaces.

use super::mock::World;
use crate::Root;
use crate::linux::signal;
use k42_api::files::{CURRENT, FileKind, FileSystem, OpenFile, Opened, path_flag, redirect};
use k42_api::process::Process;
use k42_fslib::dirent;
use k42_fslib::linux::open as flag;
use k42_fslib::walk::Tree;
use k42_ipc::{Caller, Error, Handle, OutBuf, Result};
use std::any::Any;

impl World {
    fn open_at(&self, pid: i32, directory: Handle, path: &str, flags: u32) -> Result<Opened> {
        let mut rest = [0; 4200];
        Root(self.server).open(
            &self.caller(pid),
            directory,
            path.as_bytes(),
            flags,
            0,
            &mut OutBuf::new(&mut rest),
        )
    }
    fn open(&self, pid: i32, path: &str, flags: u32) -> Result<Caller> {
        let opened = self.open_at(pid, Handle::ROOT, path, flags)?;
        Ok(Caller {
            handle: opened.handle,
            ..self.caller(pid)
        })
    }
    fn with_file<R>(&self, caller: &Caller, act: impl FnOnce(&dyn OpenFile) -> R) -> R {
        let (object, _) = self
            .server
            .files
            .lookup(caller.process, caller.handle)
            .unwrap();
        let object: &(dyn Any + Send + Sync) = &*object;
        act(object
            .downcast_ref::<crate::procfs::open::OpenNode>()
            .unwrap())
    }
    fn read_piece(&self, file: &Caller, offset: u64, room: usize) -> Result<Vec<u8>> {
        let mut buffer = vec![0; room];
        let mut out = OutBuf::new(&mut buffer);
        self.with_file(file, |open| open.read(file, offset, &mut out))?;
        Ok(out.filled().to_vec())
    }
    fn read(&self, pid: i32, path: &str) -> Result<String> {
        let file = self.open(pid, path, flag::READ_ONLY)?;
        let mut all = Vec::new();
        loop {
            let piece = self.read_piece(&file, CURRENT, 100)?;
            if piece.is_empty() {
                break;
            }
            all.extend(piece);
        }
        self.with_file(&file, |open| open.close(&file))?;
        Ok(String::from_utf8(all).unwrap())
    }
    fn list(&self, pid: i32, path: &str, room: usize) -> Vec<String> {
        let file = self.open(pid, path, flag::DIRECTORY).unwrap();
        let mut names = Vec::new();
        loop {
            let mut buffer = vec![0; room];
            let mut out = OutBuf::new(&mut buffer);
            self.with_file(&file, |open| open.read_directory(&file, &mut out))
                .unwrap();
            let mut bytes = out.filled();
            if bytes.is_empty() {
                return names;
            }
            while let Some(entry) = dirent::parse(&mut bytes) {
                names.push(String::from_utf8(entry.name.to_vec()).unwrap());
            }
        }
    }
    fn link(&self, pid: i32, path: &str) -> (Result<u32>, Vec<u8>) {
        let mut buffer = [0; 4200];
        let mut out = OutBuf::new(&mut buffer);
        let result =
            Root(self.server).read_link(&self.caller(pid), Handle::ROOT, path.as_bytes(), &mut out);
        (result, out.filled().to_vec())
    }
}

#[test]
fn stat_has_its_fields_in_place() {
    let world = World::new();
    let child = world.fork(1);
    world
        .server
        .program_changed(
            &world.caller(child),
            b"a (strange) name",
            b"sh\0-c\0",
            b"/bin/sh",
        )
        .unwrap();
    let text = world.read(1, &format!("/{child}/stat")).unwrap();
    let (front, rest) = text.rsplit_once(") ").unwrap();
    assert_eq!(front, format!("{child} (a (strange) nam"));
    let fields: Vec<&str> = rest.split_whitespace().collect();
    assert_eq!(fields.len(), 50, "fifty-two with pid and name");
    assert_eq!(fields[..6], ["S", "1", "1", "1", "0", "-1"]);
    assert_eq!(
        (fields[20], fields[21]),
        ("40960", "2"),
        "size and resident pages"
    );
    assert_eq!(
        world.read(1, &format!("{child}/cmdline")).unwrap(),
        "sh\0-c\0"
    );
    world.kill(1, child, signal::KILL).unwrap();
    assert!(
        world
            .read(1, &format!("/{child}/stat"))
            .unwrap()
            .contains(") Z 1 ")
    );
    assert_eq!(world.read(1, &format!("/{child}/cmdline")).unwrap(), "");
    assert_eq!(
        world.read(1, &format!("/{child}/comm")).unwrap(),
        "a (strange) nam\n"
    );
    world.wait(1, child, crate::linux::wait::EXITED).unwrap();
    assert_eq!(world.read(1, &format!("/{child}/stat")), Err(Error::ENOENT));
}

#[test]
fn every_file_can_be_read() {
    let world = World::new();
    let child = world.fork(1);
    fn visit(world: &World, pid: i32, path: &str, seen: &mut usize) {
        for name in world.list(pid, if path.is_empty() { "/" } else { path }, 64) {
            if name == "." || name == ".." {
                continue;
            }
            let path = format!("{path}/{name}");
            let mut rest = [0; 100];
            let attributes = Root(world.server)
                .stat(
                    &world.caller(pid),
                    Handle::ROOT,
                    path.as_bytes(),
                    path_flag::NO_FOLLOW,
                    &mut OutBuf::new(&mut rest),
                )
                .unwrap();
            *seen += 1;
            match attributes.mode >> 12 {
                4 => visit(world, pid, &path, seen),
                8 => {
                    let text = world.read(pid, &path).unwrap();
                    assert!(
                        text.is_empty() || text.ends_with('\n') || text.ends_with('\0'),
                        "{path}: {text:?}"
                    );
                }
                _ => assert!(
                    !world.link(pid, &path).1.is_empty()
                        || path.ends_with("exe")
                        || path.ends_with("cwd"),
                    "{path}"
                ),
            }
        }
    }
    let mut seen = 0;
    visit(&world, child, "", &mut seen);
    assert!(seen > 90, "{seen}");
}

#[test]
fn names_and_places() {
    let world = World::new();
    let child = world.fork(1);
    let names = world.list(1, "/", 4096);
    assert!(
        ["..", "self", "meminfo", "sys", "k42", "1"]
            .iter()
            .all(|name| names.iter().any(|other| other == name))
    );
    assert!(names.contains(&child.to_string()));
    assert_eq!(world.list(1, "/1/task", 64), [".", "..", "1"]);
    assert!(!world.list(1, "/1/task/1", 64).contains(&"task".to_string()));
    for (path, wanted) in [
        ("/sys/kernel/random", "/sys/kernel/random"),
        ("self", &format!("/{child}")),
        ("self/../meminfo", "/meminfo"),
        ("thread-self/stat", &format!("/{child}/stat")),
    ] {
        let file = world.open(child, path, 0).unwrap();
        let mut buffer = [0; 100];
        let mut out = OutBuf::new(&mut buffer);
        world
            .with_file(&file, |open| open.path(&file, &mut out))
            .unwrap();
        assert_eq!(std::str::from_utf8(out.filled()).unwrap(), wanted);
    }
    let directory = world
        .open_at(child, Handle::ROOT, "/sys/kernel", 0)
        .unwrap();
    assert_eq!(directory.kind, FileKind::Directory);
    assert_eq!(
        world
            .open_at(child, directory.handle, "ostype", 0)
            .unwrap()
            .kind,
        FileKind::Generated
    );
    for (path, error) in [
        ("/9999", Error::ENOENT),
        ("/01", Error::ENOENT),
        ("/+1", Error::ENOENT),
        ("/meminfo/x", Error::ENOTDIR),
        ("/1/task/2", Error::ENOENT),
    ] {
        assert_eq!(world.open(child, path, 0).unwrap_err(), error, "{path}");
    }
    assert_eq!(
        world
            .open(child, "/meminfo", flag::CREATE | flag::EXCLUSIVE)
            .unwrap_err(),
        Error::EEXIST
    );
    assert_eq!(
        world.open(child, "/new", flag::CREATE).unwrap_err(),
        Error::ENOENT
    );
    assert_eq!(
        world.open(child, "/", flag::WRITE_ONLY).unwrap_err(),
        Error::EISDIR
    );
    assert_eq!(
        world.open(child, "../etc", 0).unwrap_err(),
        Error::CROSS_MOUNT
    );
}

#[test]
fn links_that_only_the_library_can_follow() {
    let world = World::new();
    let child = world.fork(1);
    world
        .server
        .program_changed(&world.caller(child), b"sh", b"", b"/bin/sh")
        .unwrap();
    assert_eq!(
        world.link(child, "/self"),
        (
            Ok(child.to_string().len() as u32),
            child.to_string().into_bytes()
        )
    );
    assert_eq!(world.link(child, "/self/exe"), (Ok(7), b"/bin/sh".to_vec()));
    let magic = |text: &str| [&[redirect::MAGIC, 0, 0, 0, 0], text.as_bytes()].concat();
    assert_eq!(
        world.link(child, "/self/fd/7"),
        (Err(Error::CROSS_MOUNT), magic("fd:7"))
    );
    assert_eq!(
        world.link(child, "/self/cwd"),
        (Err(Error::CROSS_MOUNT), magic("fd:-100"))
    );
    assert_eq!(
        world.link(1, &format!("/{child}/fd/7")).0,
        Err(Error::ENOENT)
    );
    assert_eq!(
        world.link(1, &format!("/{child}/cwd")).0,
        Err(Error::EACCES)
    );
    let mut buffer = [0; 100];
    let mut out = OutBuf::new(&mut buffer);
    let open = Root(world.server).open(
        &world.caller(child),
        Handle::ROOT,
        b"self/exe",
        0,
        0,
        &mut out,
    );
    assert_eq!(open, Err(Error::CROSS_MOUNT));
    assert_eq!(
        out.filled(),
        [&[redirect::ABSOLUTE, 0, 0, 0, 0], &b"/bin/sh"[..]].concat()
    );
    let mut out = OutBuf::new(&mut buffer);
    let open = Root(world.server).open(
        &world.caller(child),
        Handle::ROOT,
        b"self/fd/3/name",
        0,
        0,
        &mut out,
    );
    assert_eq!(
        (open, out.filled()),
        (Err(Error::CROSS_MOUNT), &magic("fd:3/name")[..])
    );
}

#[test]
fn reading_again_from_the_start_shows_what_is_now() {
    let world = World::new();
    let file = world
        .open(1, "/sys/kernel/hostname", flag::READ_WRITE)
        .unwrap();
    assert_eq!(world.read_piece(&file, CURRENT, 2).unwrap(), b"k4");
    world
        .with_file(&file, |open| open.write(&file, 0, b"other\n"))
        .unwrap();
    assert_eq!(
        world.read_piece(&file, CURRENT, 9).unwrap(),
        b"2\n",
        "what it was when it was begun"
    );
    world
        .with_file(&file, |open| open.seek(&file, 0, 0))
        .unwrap();
    assert_eq!(world.read_piece(&file, CURRENT, 9).unwrap(), b"other\n");
    assert_eq!(world.read_piece(&file, 3, 9).unwrap(), b"er\n");
    assert_eq!(
        world.with_file(&file, |open| open.seek(&file, -1, 0)),
        Err(Error::EINVAL)
    );
    let child = world.fork(1);
    world.become_user(child, 5);
    assert_eq!(
        world
            .open(child, "/sys/kernel/hostname", flag::WRITE_ONLY)
            .unwrap_err(),
        Error::EACCES
    );
    assert_eq!(
        world.open(child, "/1/environ", 0).unwrap_err(),
        Error::EACCES
    );
}

#[test]
fn handles_are_forked_and_end() {
    let world = World::new();
    let file = world.open(1, "/meminfo", 0).unwrap();
    let child = world.fork(1);
    let childs = Caller {
        process: world.space(child),
        ..file
    };
    assert!(
        world
            .read_piece(&childs, 0, 20)
            .unwrap()
            .starts_with(b"MemTotal: ")
    );
    assert!(
        world
            .read(1, "/k42/counts")
            .unwrap()
            .contains("\nproc_handles 3\n"),
        "and the counts themselves"
    );
    world.exit(child, 0);
    assert_eq!(
        world
            .server
            .files
            .lookup(childs.process, childs.handle)
            .err(),
        Some(Error::BAD_HANDLE)
    );
    assert!(
        world
            .read(1, "/k42/counts")
            .unwrap()
            .contains("\nzombies 1\n")
    );
}

#[test]
fn files_as_programs_parse_them() {
    let world = World::new();
    world.mock.state().now = 512_000_000 * 90 + 256_000_000;
    assert!(world.read(1, "/uptime").unwrap().starts_with("90.50 361.9"));
    assert_eq!(
        world.read(1, "/mounts").unwrap(),
        "root / kfs rw 0 0\nnone /with\\040space proc rw 0 0\n"
    );
    assert!(
        world
            .read(1, "/self/mountinfo")
            .unwrap()
            .ends_with("2 1 0:21 / /with\\040space rw - proc none rw\n")
    );
    assert_eq!(world.read(1, "/self/maps").unwrap().lines().count(), 300);
    assert!(world.read(1, "/cpuinfo").unwrap().contains("POWER9"));
    let loads = world.read(1, "/loadavg").unwrap();
    assert_eq!(loads.split_whitespace().count(), 5);
    assert!(
        world
            .read(1, "/meminfo")
            .unwrap()
            .contains("MemFree:          409600 kB\n")
    );
    let uuid = world.read(1, "/sys/kernel/random/uuid").unwrap();
    assert_eq!((uuid.len(), &uuid[14..15]), (37, "4"));
    let sight = crate::procfs::tree::Sight {
        server: world.server,
        own: 1,
    };
    assert_eq!(
        sight.parent(&sight.lookup(&sight.root(), b"sys").unwrap().unwrap()),
        Some(sight.root())
    );
}
