//! Connected local sockets.

use crate::mock::{Client, File, World};
use k42_api::files::{CURRENT, OpenFile, poll};
use k42_api::sockets::{MESSAGE_MAX, Received, Socket, Sockets, kind, option, receive};
use k42_fslib::linux::mode;
use k42_ipc::{Error, Handle, OutBuf, Result};

const KINDS: [u32; 3] = [kind::STREAM, kind::DATAGRAM, kind::SEQUENCED];

fn pair(world: &World, client: &Client, kind: u32) -> Result<[File; 2]> {
    let handles = world.fs.pair(&client.caller(Handle::ROOT), kind, 0)?;
    Ok(handles.map(|handle| client.file(Handle(handle))))
}

fn send(file: &File, data: &[u8]) -> Result<u32> {
    let (socket, caller) = file.object()?;
    socket.send(&caller, data)
}

/// What came, and how long it was.
fn take(file: &File, wanted: u32, flags: u32) -> Result<(Vec<u8>, u32)> {
    let (socket, caller) = file.object()?;
    let mut room = vec![0; MESSAGE_MAX];
    let mut out = OutBuf::new(&mut room);
    let Received { bytes, length } = socket.receive(&caller, 0, wanted, flags, &mut out)?;
    assert_eq!(out.filled().len(), bytes as usize);
    Ok((out.filled().to_vec(), length))
}

fn shut(file: &File, read: bool, write: bool) {
    let (socket, caller) = file.object().unwrap();
    socket.shutdown(&caller, read, write).unwrap();
}

fn error_of(file: &File) -> u32 {
    let (socket, caller) = file.object().unwrap();
    socket.option(&caller, option::ERROR).unwrap()
}

#[test]
fn a_stream_has_no_boundaries() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let [a, b] = pair(&world, &c, kind::STREAM).unwrap();
    assert_eq!(take(&b, 9, 0), Err(Error::WOULD_BLOCK));
    assert_eq!(send(&a, b"one"), Ok(3));
    assert_eq!(world.events.take(), [(20, b.handle.0)]);
    assert_eq!(a.write(b"two"), Ok(3), "a write is a send");
    assert_eq!(take(&b, 4, receive::PEEK), Ok((b"onet".to_vec(), 4)));
    assert_eq!(take(&b, 4, 0), Ok((b"onet".to_vec(), 4)));
    assert_eq!(b.read(9), Ok(b"wo".to_vec()), "a read is a receive");
    let (node, caller) = a.object().unwrap();
    assert_eq!(node.write(&caller, 0, b"x"), Err(Error::ESPIPE));
    assert_eq!(node.seek(&caller, 0, 0), Err(Error::ESPIPE));
    assert_eq!(
        node.attributes(&caller).unwrap().mode & mode::TYPE,
        mode::SOCKET
    );
    assert_eq!(node.write(&caller, CURRENT, b""), Ok(0));
}

#[test]
fn messages_keep_theirs() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    for kind in [kind::DATAGRAM, kind::SEQUENCED] {
        let [a, b] = pair(&world, &c, kind).unwrap();
        for message in [&b"first"[..], b"", b"second"] {
            assert_eq!(send(&a, message), Ok(message.len() as u32));
        }
        assert_eq!(take(&b, 2, receive::PEEK), Ok((b"fi".to_vec(), 5)));
        assert_eq!(take(&b, 2, 0), Ok((b"fi".to_vec(), 5)), "the rest is lost");
        assert_eq!(take(&b, 9, 0), Ok((vec![], 0)));
        assert_eq!(take(&b, 9, 0), Ok((b"second".to_vec(), 6)));
        assert_eq!(take(&b, 9, 0), Err(Error::WOULD_BLOCK));
        assert_eq!(send(&a, &[1; MESSAGE_MAX]), Ok(MESSAGE_MAX as u32));
        assert_eq!(send(&a, &[1; MESSAGE_MAX + 1]), Err(Error::EMSGSIZE));
        assert_eq!(
            take(&b, MESSAGE_MAX as u32, 0).unwrap().1,
            MESSAGE_MAX as u32
        );
    }
}

#[test]
fn ends() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    for kind in KINDS {
        let connects = kind != kind::DATAGRAM;
        let [a, b] = pair(&world, &c, kind).unwrap();
        send(&a, b"last").unwrap();
        shut(&a, false, true);
        assert_eq!(send(&a, b"x"), Err(Error::EPIPE));
        assert_eq!(take(&b, 9, 0).unwrap().0, b"last");
        let end = if connects {
            Ok((vec![], 0))
        } else {
            Err(Error::WOULD_BLOCK)
        };
        assert_eq!(take(&b, 9, receive::NOW), end);
        assert_eq!(send(&b, b"back"), Ok(4), "the other direction is open");

        // What nobody has read is lost, and the other side hears of it once.
        a.close().unwrap();
        let reset = if connects {
            u32::from(Error::ECONNRESET.code())
        } else {
            0
        };
        assert_eq!(b.poll(poll::IN) & poll::ERR != 0, connects);
        assert_eq!((error_of(&b), error_of(&b)), (reset, 0));
        let refused = if connects {
            Error::EPIPE
        } else {
            Error::ECONNREFUSED
        };
        assert_eq!(send(&b, b"x"), Err(refused));
        b.close().unwrap();
    }
    assert_eq!(world.fs.resources.nodes.used(), 0);
}

#[test]
fn a_full_socket_waits_and_is_told() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    for kind in KINDS {
        let [a, b] = pair(&world, &c, kind).unwrap();
        let mut sent = 0;
        let full = loop {
            match send(&a, &[7; 4000]) {
                Ok(count) => sent += count,
                Err(error) => break error,
            }
        };
        assert_eq!(full, Error::WOULD_BLOCK);
        assert!((150_000..=229_376).contains(&sent), "{sent}");
        assert!(world.fs.resources.pages.used() > 0, "much data is counted");
        assert_eq!(a.poll(poll::OUT), 0);
        world.events.take();
        while world.events.take().is_empty() {
            sent -= take(&b, 4000, 0).unwrap().1;
        }
        assert!(sent > 0, "the writer is told before all has been read");
        assert_eq!(a.poll(poll::OUT), poll::OUT);
        a.close().unwrap();
        b.close().unwrap();
        assert_eq!(world.fs.resources.pages.used(), 0, "all is given back");
    }
}

#[test]
fn what_has_no_pages_left_refuses() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let free = world.fs.resources.pages.free();
    world.fs.resources.pages.take(free).unwrap();
    let [a, b] = pair(&world, &c, kind::STREAM).unwrap();
    let refused = loop {
        if let Err(error) = send(&a, &[7; 4000]) {
            break error;
        }
    };
    assert_eq!(refused, Error::ENOBUFS);
    assert!(take(&b, 10, 0).is_ok(), "what was sent is there");
    world.fs.resources.pages.give(free);
}

#[test]
fn only_sockets_are() {
    let world = World::new();
    let c = world.client(20, 0, 0);
    let (r, _w) = c.pipe().unwrap();
    assert_eq!(send(&r, b"x"), Err(Error::ENOTSOCK));
    assert_eq!(take(&r, 1, 0), Err(Error::ENOTSOCK));
    let of = |kind| pair(&world, &c, kind).map(drop);
    assert_eq!(of(3), Err(Error::ESOCKTNOSUPPORT));
    let [a, _b] = pair(&world, &c, kind::STREAM).unwrap();
    assert_eq!(take(&a, 1, 1 << 7), Err(Error::EINVAL));
    let (socket, caller) = a.object().unwrap();
    assert_eq!(socket.option(&caller, 77), Err(Error::ENOPROTOOPT));
    let peer = socket.peer(&caller).unwrap();
    assert_eq!((peer.pid, peer.uid), (1020, 0));
}
