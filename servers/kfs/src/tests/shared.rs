//! Memory that clients share with KFS: files that they read and write by themselves, rings of pipes.

use crate::mock::{Client, File, World};
use crate::open::OpenNode;
use k42_api::files::{OpenFile, view};
use k42_fslib::linux::open as flag;
use k42_ipc::{Caller, Error, Handle, Result};

fn on<T>(world: &World, c: &Client, file: &File, f: impl FnOnce(&OpenNode, &Caller) -> T) -> T {
    let caller = c.caller(file.handle);
    let node = world.fs.ports.handles.get(&caller, file.handle).unwrap();
    f(&node, &caller)
}

fn lent(world: &World, c: &Client, file: &File, write: bool) -> Result<[Handle; 2]> {
    on(world, c, file, |node, caller| node.view(caller, write)).map(|both| both.map(Handle))
}

#[test]
fn a_view_tells_length_and_when_to_ask() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    c.put("f", &[1; 5000]).unwrap();
    let file = c.open("f", flag::READ_WRITE, 0).unwrap();
    let [data, seen] = lent(&world, &c, &file, true).unwrap();
    let word = |index: usize| world.store.client_load(seen, index as u64 * 8);
    assert_eq!(word(view::SIZE), 5000);
    assert_eq!(
        word(view::FLAGS),
        view::READ_ASKS,
        "never read since it was written"
    );
    file.read(1).unwrap();
    file.read(1).unwrap();
    assert_eq!(word(view::FLAGS), 0);
    c.truncate("f", 100).unwrap();
    assert_eq!(word(view::SIZE), 100);
    assert_eq!(word(view::FLAGS), view::READ_ASKS);
    file.pwrite(8000, b"end").unwrap();
    assert_eq!(word(view::SIZE), 8003);
    c.chmod("f", 0o4755).unwrap();
    assert_eq!(word(view::FLAGS) & view::WRITE_ASKS, view::WRITE_ASKS);
    // What the client stores is what others read, in the hole as well.
    world.store.client_store(data, 4000, b"by itself");
    assert_eq!(file.pread(4000, 9).unwrap(), b"by itself");
    // The data stays where the client has it, whatever happens to the file.
    c.truncate("f", 0).unwrap();
    assert_eq!(word(view::SIZE), 0);
    file.pwrite(0, b"new").unwrap();
    world.store.client_store(data, 0, b"N");
    assert_eq!(file.pread(0, 3).unwrap(), b"New");
}

#[test]
fn holes_are_known_while_there_are_none_to_store_into() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    c.put("f", &[1; 8192]).unwrap();
    let file = c.open("f", flag::READ_WRITE, 0).unwrap();
    let [data, _] = lent(&world, &c, &file, true).unwrap();
    assert_eq!(c.stat("f").unwrap().blocks, 16);
    file.pwrite(16000, b"y").unwrap();
    world.store.client_store(data, 8192, b"x");
    assert_eq!(file.pread(8192, 1).unwrap(), b"x");
}

#[test]
fn a_view_needs_the_right_access() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    c.put("f", b"small").unwrap();
    let reading = c.open("f", flag::READ_ONLY, 0).unwrap();
    let writing = c.open("f", flag::WRITE_ONLY, 0).unwrap();
    assert_eq!(lent(&world, &c, &reading, true), Err(Error::EACCES));
    assert_eq!(lent(&world, &c, &writing, true), Err(Error::EACCES));
    lent(&world, &c, &reading, false).unwrap();
    c.unlink("f").unwrap();
    reading.close().unwrap();
    writing.close().unwrap();
    assert_eq!(world.store.objects(), 0, "data and view are gone");
}

#[test]
fn a_ring_is_held_by_one_on_each_side() {
    let world = World::new();
    let c = world.client(20, 5, 5);
    let (r, w) = c.pipe().unwrap();
    w.write(b"before").unwrap();
    let other = world.fork(&c, 21);
    let (r2, w2) = (other.file(r.handle), other.file(w.handle));
    let hold = |who: &Client, file: &File, bytes, write| {
        on(&world, who, file, |node, caller| {
            node.hold(caller, bytes, write)
        })
    };
    let release = |who: &Client, file: &File, bytes, write| {
        on(&world, who, file, |node, caller| {
            node.release(caller, bytes, write)
        })
    };
    assert_eq!(
        hold(&c, &w, 10, true),
        Err(Error::EINVAL),
        "nobody has asked for the ring"
    );
    let ring = on(&world, &c, &w, |node, caller| node.ring(caller)).unwrap();
    assert_eq!(hold(&c, &w, 60_000, true), Ok([6, 60_000]));
    assert_eq!(hold(&other, &w2, 10, true), Err(Error::WOULD_BLOCK));
    assert_eq!(w2.write(b"x"), Err(Error::WOULD_BLOCK));
    assert_eq!(
        release(&other, &w2, 1, true),
        Err(Error::EINVAL),
        "it is not his"
    );
    assert_eq!(
        release(&c, &w, 60_001, true),
        Err(Error::EINVAL),
        "it was less"
    );
    world.store.client_store(ring, 6, b"by itself");
    world.events.take();
    release(&c, &w, 9, true).unwrap();
    assert_eq!(world.events.take(), [(21, w.handle.0)]);
    assert_eq!(r.read(6).unwrap(), b"before");
    assert_eq!(hold(&c, &r, 100, false), Ok([6, 9]));
    assert_eq!(r2.read(100), Err(Error::WOULD_BLOCK));
    // A process that ends gives back what it held.
    world.end(c);
    assert_eq!(r2.read(100).unwrap(), b"by itself");
    assert_eq!(hold(&other, &w2, 65536, true), Ok([15, 65536]));
    release(&other, &w2, 0, true).unwrap();
    w2.close().unwrap();
    assert_eq!(hold(&other, &r2, 10, false), Ok([0, 0]), "the end");
    r2.close().unwrap();
    assert_eq!(world.store.objects(), 0);
    assert_eq!(world.fs.resources.pages.used(), 0);
}

#[test]
fn a_ring_is_for_those_who_could_open_the_pipe() {
    let world = World::new();
    let c = world.client(20, 5, 5);
    let (_, w) = c.pipe().unwrap();
    let server = Caller {
        process: k42_ipc::ProcessId::PROCESS,
        vp: 0,
        handle: Handle::ROOT,
        rights: 0,
    };
    let other = world.fork(&c, 21);
    let ids = k42_api::lifecycle::Credentials {
        euid: 6,
        egid: 6,
        ruid: 6,
        rgid: 6,
        fsuid: 6,
        fsgid: 6,
    };
    k42_api::lifecycle::Lifecycle::credentials_changed(&world.fs, &server, other.process, ids, &[])
        .unwrap();
    let theirs = other.file(w.handle);
    let asked = on(&world, &other, &theirs, |node, caller| node.ring(caller));
    assert_eq!(asked, Err(Error::EACCES));
}
