//! Contents of regular files.

use crate::mock::{FRAMES, World};
use k42_api::files::OpenFile;
use k42_api::memory::MapOptions;
use k42_fslib::linux::{open as flag, seek};
use k42_ipc::{Error, Handle};
use std::sync::atomic::Ordering;

const RW: u32 = flag::READ_WRITE | flag::CREATE;

#[test]
fn grows_from_small_to_mapped() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let f = c.open("f", RW, 0o644).unwrap();
    let mut expected = Vec::new();
    for i in 0..3000u32 {
        f.write(&i.to_le_bytes()).unwrap();
        expected.extend(i.to_le_bytes());
        if i == 100 {
            assert_eq!(world.store.objects(), 0, "small files stay in the heap");
        }
    }
    assert_eq!(world.store.objects(), 1);
    assert!(
        world.store.calls.load(Ordering::Relaxed) < 40,
        "appending asks the memory server seldom"
    );
    assert_eq!(c.get("f").unwrap(), expected);
    assert_eq!(f.stat().unwrap().blocks, 3 * 8);
    f.close().unwrap();
    assert_eq!(
        world.fs.resources.pages.used(),
        3,
        "what was taken ahead is given back"
    );
}

#[test]
fn shared_offset_and_append() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let f = c.open("f", RW | flag::APPEND, 0o644).unwrap();
    let child = world.fork(&c, 30);
    let g = child.file(f.handle);
    f.write(b"ab").unwrap();
    g.write(b"cd").unwrap();
    assert_eq!(g.seek(1, seek::SET), Ok(1));
    assert_eq!(f.read(2).unwrap(), b"bc");
    f.write(b"e").unwrap();
    assert_eq!(
        (g.seek(0, seek::CURRENT), c.get("f").unwrap()),
        (Ok(5), b"abcde".to_vec())
    );
    f.close().unwrap();
    assert_eq!(g.pread(0, 1).unwrap(), b"a");
}

#[test]
fn sparse() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let f = c.open("f", RW, 0o644).unwrap();
    f.pwrite(1 << 30, b"end").unwrap();
    assert_eq!(
        (f.stat().unwrap().size, f.stat().unwrap().blocks),
        ((1 << 30) + 3, 8)
    );
    assert_eq!(f.pread(5000, 3).unwrap(), [0; 3]);
    assert_eq!(f.seek(0, seek::DATA), Ok(1 << 30));
    assert_eq!(f.seek(1 << 30, seek::HOLE), Ok((1 << 30) + 3));
    assert_eq!(f.seek((1 << 30) + 3, seek::DATA), Err(Error::ENXIO));
    f.pwrite(10_000, &[1; 10]).unwrap();
    assert_eq!(
        (f.seek(0, seek::DATA), f.seek(8192, seek::HOLE)),
        (Ok(8192), Ok(12288))
    );
    f.truncate(9000).unwrap();
    assert_eq!(f.pread(8190, 9000).unwrap(), [0; 810]);
    f.truncate(20_000).unwrap();
    assert_eq!(f.pread(8190, 4000).unwrap(), [0; 4000]);
    assert_eq!(f.pwrite(16 << 40, b"x"), Err(Error::EFBIG));
    assert_eq!(f.truncate(1 << 60), Err(Error::EFBIG));
    f.truncate(0).unwrap();
    assert_eq!(
        (world.fs.resources.pages.used(), world.store.objects()),
        (0, 0)
    );
}

#[test]
fn out_of_space_loses_nothing() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let f = c.open("f", RW, 0o644).unwrap();
    f.write_all(&[1; 10_000]).unwrap();
    f.close().unwrap();
    let f = c.open("f", RW | flag::APPEND, 0o644).unwrap();
    world.store.frames.store(1, Ordering::Relaxed);
    assert_eq!(f.write(&[2; 8000]).unwrap(), (12288 - 10_000) + 4096);
    assert_eq!(f.write(&[3; 8000]), Err(Error::ENOSPC));
    assert_eq!(f.stat().unwrap().size, 16384);
    let data = c.get("f").unwrap();
    assert_eq!((data.len(), &data[9999..10001]), (16384, &[1, 2][..]));
    // A small file that cannot grow stays what it was.
    c.put("s", &[5; 100]).unwrap();
    let s = c.open("s", 2, 0).unwrap();
    assert_eq!(s.pwrite(0, &[6; 4000]), Err(Error::ENOSPC));
    assert_eq!(c.get("s").unwrap(), [5; 100]);
    // The server's own limit.
    world.store.frames.store(FRAMES, Ordering::Relaxed);
    world
        .fs
        .resources
        .pages
        .set_limit(world.fs.resources.pages.used());
    assert_eq!(c.put("t", b"x"), Err(Error::ENOSPC));
    world
        .fs
        .resources
        .nodes
        .set_limit(world.fs.resources.nodes.used());
    assert_eq!(c.mkdir("d", 0o755), Err(Error::ENOSPC));
}

#[test]
fn mapped_by_a_client() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let f = c.open("f", RW, 0o644).unwrap();
    f.write(b"hello").unwrap();
    let map = |options: MapOptions| {
        let (object, caller) = f.object().unwrap();
        object.map_handle(&caller, options.bits())
    };
    let object = map(MapOptions::READ | MapOptions::WRITE | MapOptions::SHARED).unwrap();
    world.store.client_store(object, 0, b"J");
    world.store.client_store(object, 100, b"beyond the end");
    assert_eq!(c.get("f").unwrap(), b"Jello");
    f.pwrite(200, b"x").unwrap();
    assert_eq!(
        f.pread(100, 10).unwrap(),
        [0; 10],
        "what was stored beyond the end never shows"
    );
    f.truncate(3 * 4096).unwrap();
    world.store.client_store(object, 8200, b"in a hole");
    assert_eq!(f.pread(8200, 9).unwrap(), b"in a hole");
    assert_eq!(f.stat().unwrap().blocks, 16);
    f.truncate(0).unwrap();
    assert_eq!(
        map(MapOptions::READ | MapOptions::SHARED),
        Ok(object),
        "mappings stay with the file"
    );
    let r = c.open("f", flag::READ_ONLY, 0).unwrap();
    let (file, caller) = r.object().unwrap();
    assert_eq!(
        file.map_handle(&caller, (MapOptions::WRITE | MapOptions::SHARED).bits()),
        Err(Error::EACCES)
    );
    assert!(
        file.map_handle(&caller, (MapOptions::WRITE | MapOptions::READ).bits())
            .is_ok()
    );
    assert_eq!(world.store.name(object), b"/f");
    c.rename("f", "g", 0).unwrap();
    map(MapOptions::READ).unwrap();
    assert_eq!(world.store.name(object), b"/g");
    c.unlink("g").unwrap();
    map(MapOptions::READ).unwrap();
    assert_eq!(world.store.name(object), b"/g", "the last name stays");
    let w = c.open("h", 1 | 0o100, 0o644).unwrap();
    let (file, caller) = w.object().unwrap();
    assert_eq!(
        file.map_handle(&caller, MapOptions::READ.bits()),
        Err(Error::EACCES)
    );
}

#[test]
fn allocate_and_punch() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let f = c.open("f", RW, 0o644).unwrap();
    let allocate = |mode, offset, length| {
        let (object, caller) = f.object().unwrap();
        object.allocate(&caller, mode, offset, length)
    };
    allocate(0, 0, 40_000).unwrap();
    assert_eq!(
        (f.stat().unwrap().size, f.stat().unwrap().blocks),
        (40_000, 80)
    );
    f.pwrite(0, &[9; 8000]).unwrap();
    allocate(3, 100, 12_000).unwrap();
    assert_eq!(f.pread(98, 4).unwrap(), [9, 9, 0, 0]);
    assert_eq!(
        f.stat().unwrap().blocks,
        72,
        "page 0 is kept, 1 punched, 2 kept"
    );
    assert_eq!(allocate(8, 0, 4096), Err(Error::EOPNOTSUPP));
    assert_eq!(allocate(2, 0, 4096), Err(Error::EOPNOTSUPP));
    assert_eq!(allocate(0, 0, 0), Err(Error::EINVAL));
    allocate(1, 0, 100_000).unwrap();
    assert_eq!(f.stat().unwrap().size, 40_000);
}

#[test]
fn bad_arguments() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let f = c.open("f", RW, 0o644).unwrap();
    assert_eq!(f.pread(1 << 63, 1), Err(Error::EINVAL));
    assert_eq!(f.pwrite(1 << 63, b"x"), Err(Error::EINVAL));
    assert_eq!(f.seek(-1, seek::SET), Err(Error::EINVAL));
    assert_eq!(f.seek(0, 9), Err(Error::EINVAL));
    assert_eq!(f.pread(i64::MAX as u64, 10).unwrap(), []);
    assert_eq!(c.file(Handle(12345)).read(1), Err(Error::BAD_HANDLE));
    assert_eq!(
        c.opened(Handle(777), "f", 0, 0).unwrap_err(),
        Error::BAD_HANDLE
    );
    assert_eq!(c.truncate("f", u64::MAX), Err(Error::EINVAL));
}
