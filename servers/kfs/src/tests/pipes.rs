//! Pipes and FIFOs.

use crate::mock::World;
use k42_api::files::poll;
use k42_fslib::linux::{mode, open as flag};
use k42_ipc::Error;

#[test]
fn bytes_in_order_and_end() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let (r, w) = c.pipe().unwrap();
    assert_eq!(r.read(10), Err(Error::WOULD_BLOCK));
    assert_eq!(w.write(b"hello").unwrap(), 5);
    assert_eq!(world.events.take(), [(20, r.handle.0)]);
    assert_eq!(r.read(3).unwrap(), b"hel");
    assert_eq!(r.read(10).unwrap(), b"lo");
    assert_eq!(r.poll(poll::IN), 0);
    assert_eq!(w.poll(poll::OUT), poll::OUT);
    w.close().unwrap();
    assert_eq!(world.events.take(), [(20, r.handle.0)]);
    assert_eq!(r.poll(poll::IN), poll::HUP);
    assert_eq!(r.read(10).unwrap(), b"");
    r.close().unwrap();
    assert_eq!(world.fs.resources.nodes.used(), 0);
}

#[test]
fn full_and_atomic() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let (r, w) = c.pipe().unwrap();
    let mut total = 0;
    while let Ok(n) = w.write(&[7; 4000]) {
        assert_eq!(n, 4000);
        total += 4000;
    }
    assert_eq!(total, 64_000);
    assert_eq!(w.write(&[7; 4000]), Err(Error::WOULD_BLOCK));
    assert_eq!(
        w.write(&[7; 8000]).unwrap(),
        1536,
        "more than PIPE_BUF may be split"
    );
    assert_eq!(w.poll(poll::OUT), 0);
    world.events.take();
    assert_eq!(r.read(4000).unwrap().len(), 4000);
    assert_eq!(
        world.events.take(),
        [],
        "there is no room for an atomic write yet"
    );
    assert_eq!(r.read(96).unwrap().len(), 96);
    assert_eq!(world.events.take(), [(20, w.handle.0)]);
    assert_eq!(w.write(&[7; 4000]).unwrap(), 4000);
    r.close().unwrap();
    assert_eq!(w.write(b"x"), Err(Error::EPIPE));
    assert_eq!(w.poll(poll::OUT) & poll::ERR, poll::ERR);
}

#[test]
fn ends_are_counted_over_fork() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let (r, w) = c.pipe().unwrap();
    let child = world.fork(&c, 30);
    w.close().unwrap();
    assert_eq!(
        r.read(1),
        Err(Error::WOULD_BLOCK),
        "the child still has the writing end"
    );
    world.end(child);
    assert_eq!(r.read(1).unwrap(), b"");
}

#[test]
fn fifo_rendezvous() {
    let world = World::new();
    let (a, b) = (world.client(20, 0, 0), world.client(21, 0, 0));
    a.make("f", mode::FIFO | 0o666).unwrap();
    assert_eq!(
        a.open("f", flag::WRITE_ONLY | flag::NONBLOCK, 0).err(),
        Some(Error::ENXIO)
    );
    assert_eq!(
        a.open("f", flag::READ_ONLY, 0).err(),
        Some(Error::WOULD_BLOCK)
    );
    assert_eq!(
        a.open("f", flag::READ_ONLY, 0).err(),
        Some(Error::WOULD_BLOCK)
    );
    world.events.take();
    // The writer comes, writes and goes before the reader asks again: the reader still gets all.
    let w = b.open("f", flag::WRITE_ONLY, 0).unwrap();
    assert_eq!(world.events.take(), [(20, 0)]);
    w.write(b"data").unwrap();
    w.close().unwrap();
    let r = a.open("f", flag::READ_ONLY, 0).unwrap();
    assert_eq!(r.read(10).unwrap(), b"data");
    assert_eq!(r.read(10).unwrap(), b"");
    r.close().unwrap();
    // A writer that waits, and is killed.
    assert_eq!(
        b.open("f", flag::WRITE_ONLY, 0).err(),
        Some(Error::WOULD_BLOCK)
    );
    world.end(b);
    assert_eq!(
        a.open("f", flag::READ_ONLY, 0).err(),
        Some(Error::WOULD_BLOCK)
    );
    let both = a.open("f", flag::READ_WRITE, 0).unwrap();
    both.write(b"x").unwrap();
    let r = a.open("f", flag::READ_ONLY | flag::NONBLOCK, 0).unwrap();
    assert_eq!(r.read(1).unwrap(), b"x");
    assert_eq!(r.seek(0, 0), Err(Error::ESPIPE));
}
