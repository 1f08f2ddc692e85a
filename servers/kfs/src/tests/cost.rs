//! For `valgrind --tool=callgrind`: what the hot operations cost, without the calls around them.

use crate::mock::World;
use k42_api::files::FileSystem;
use k42_ipc::{Handle, OutBuf};

fn setup() -> (World, crate::mock::Client) {
    let world = World::new();
    let c = world.client(20, 0, 0);
    for directory in ["usr", "usr/bin", "usr/lib", "tmp"] {
        c.mkdir(directory, 0o755).unwrap();
    }
    for i in 0..100 {
        c.put(&format!("usr/bin/program{i}"), b"x").unwrap();
    }
    c.put("tmp/f", b"hello").unwrap();
    (world, c)
}

#[test]
#[ignore = "to be run by hand"]
fn stat_loop() {
    let (world, c) = setup();
    let caller = c.caller(Handle::ROOT);
    let mut buffer = [0; 8000];
    for _ in 0..100_000 {
        let mut rest = OutBuf::new(&mut buffer);
        let _ = std::hint::black_box(world.fs.stat(
            &caller,
            Handle::ROOT,
            b"/usr/bin/program50",
            0,
            &mut rest,
        ));
    }
}

#[test]
#[ignore = "to be run by hand"]
fn open_loop() {
    let (world, c) = setup();
    let caller = c.caller(Handle::ROOT);
    let mut buffer = [0; 8000];
    for _ in 0..100_000 {
        let mut rest = OutBuf::new(&mut buffer);
        let opened = world
            .fs
            .open(
                &caller,
                Handle::ROOT,
                b"/usr/bin/program50",
                0,
                0,
                &mut rest,
            )
            .unwrap();
        c.file(opened.handle).close().unwrap();
    }
}
