use super::machine::{PAGE, Rig};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use k42_abi::rights::KernelRights;
use k42_abi::{Error, ProcessId};
use k42_api::memory::{MapOptions, Memory};

const RW: MapOptions = MapOptions::READ.union(MapOptions::WRITE);
const SHARED: MapOptions = MapOptions::SHARED;
const EAGER: MapOptions = MapOptions::EAGER;

/// A rig with a file server.
fn rig() -> (Rig, ProcessId) {
    let rig = Rig::new(4096);
    let server = rig
        .server
        .bare_server(ProcessId::KFS, KernelRights::SEND)
        .unwrap();
    (rig, server)
}

#[test]
fn the_owner_fills_and_others_map() {
    let (rig, kfs) = rig();
    let owner = Rig::caller(kfs);
    let object = rig
        .server
        .create_object(&owner, 10 * PAGE, b"/etc/motd")
        .unwrap();
    let window = rig
        .server
        .map_object(
            &owner,
            object,
            0,
            0,
            10 * PAGE,
            (RW | SHARED | EAGER).bits(),
        )
        .unwrap();
    (0..10).for_each(|i| assert!(rig.translation(kfs, window + i * PAGE).is_some()));
    (0..10).for_each(|i| rig.store(kfs, window + i * PAGE, 100 + i).unwrap());

    let process = rig.process();
    let caller = Rig::caller(process);
    assert_eq!(
        rig.server
            .map_object(&caller, object, 0, 0, PAGE, RW.bits()),
        Err(Error::BAD_HANDLE)
    );
    let handle = rig
        .server
        .grant(&owner, object, process, MapOptions::READ.bits(), b"")
        .unwrap();
    assert_eq!(
        rig.server
            .map_object(&caller, handle, 0, 0, PAGE, (RW | SHARED).bits()),
        Err(Error::EACCES)
    );
    assert_eq!(
        rig.server.resize_object(&caller, handle, 0),
        Err(Error::NO_RIGHT)
    );
    assert_eq!(
        rig.server
            .map_object(&caller, handle, 5, 0, PAGE, RW.bits()),
        Err(Error::EINVAL)
    );
    let private = rig
        .server
        .map_object(&caller, handle, PAGE, 0, 9 * PAGE, RW.bits())
        .unwrap();
    let shared = rig
        .server
        .map_object(
            &caller,
            handle,
            0,
            0,
            12 * PAGE,
            (MapOptions::READ | SHARED).bits(),
        )
        .unwrap();
    assert_eq!(rig.load(process, private), Ok(101));
    assert!(
        rig.translation(process, private + 6 * PAGE).is_some(),
        "neighbours come along"
    );
    rig.store(process, private, 1).unwrap();
    assert_eq!(rig.load(kfs, window + PAGE), Ok(101));
    assert_eq!(rig.load(process, shared + PAGE), Ok(101));
    rig.store(kfs, window + 2 * PAGE, 5).unwrap();
    assert_eq!(rig.load(process, private + PAGE), Ok(5));
    assert_eq!(
        rig.load(process, shared + 10 * PAGE),
        Err(Error::ENXIO.status())
    );
    rig.check_exclusive();
    let shown = || {
        let mut lines = [0; 4096];
        let mut out = k42_ipc::OutBuf::new(&mut lines);
        rig.server
            .describe(&caller, ProcessId::NONE, 0, &mut out)
            .unwrap();
        let text = String::from_utf8(out.filled().to_vec()).unwrap();
        text.lines()
            .filter_map(|line| line.split_once('/').map(|(_, name)| name.to_string()))
            .collect::<Vec<_>>()
    };
    // The private mapping is two regions or one; each has its file's name.
    let names = shown();
    assert!(names.len() >= 2 && names.iter().all(|name| name == "etc/motd"));
    rig.server
        .grant(
            &owner,
            object,
            process,
            MapOptions::READ.bits(),
            b"/etc/new",
        )
        .unwrap();
    assert!(shown().iter().all(|name| name == "etc/new"));

    // Truncation takes the pages from everybody, and zeroes the rest of the last.
    rig.store(kfs, window + 3 * PAGE + 8, 33).unwrap();
    rig.server
        .resize_object(&owner, object, 3 * PAGE + 8)
        .unwrap();
    assert_eq!(rig.load(process, shared + 3 * PAGE), Ok(103));
    assert_eq!(rig.load(process, shared + 3 * PAGE + 8), Ok(0));
    assert_eq!(
        rig.load(process, shared + 4 * PAGE),
        Err(Error::ENXIO.status())
    );
    assert_eq!(
        rig.load(process, private + 4 * PAGE),
        Err(Error::ENXIO.status())
    );
    assert_eq!(rig.server.object_frames(&owner, object), Ok(4));
    // Grown again: zeroes, mapped for the owner.
    rig.server.resize_object(&owner, object, 6 * PAGE).unwrap();
    rig.server
        .populate_object(&owner, object, 0, 6 * PAGE)
        .unwrap();
    (0..6).for_each(|i| assert!(rig.translation(kfs, window + i * PAGE).is_some()));
    assert_eq!(rig.load(process, shared + 4 * PAGE), Ok(0));
    rig.server
        .punch_object(&owner, object, 0, 2 * PAGE - 1)
        .unwrap();
    assert!(rig.translation(kfs, window).is_none());
    assert_eq!(rig.load(process, shared), Ok(0));
    assert!(
        rig.translation(kfs, window).is_some(),
        "what a client brings in, the owner sees"
    );
    assert_eq!(rig.load(process, shared + PAGE), Ok(101));

    // A fork has the same handles; the FCM goes with the last of everything.
    let child = rig.fork(process).unwrap();
    assert!(
        rig.server
            .map_object(
                &Rig::caller(child),
                handle,
                0,
                0,
                PAGE,
                MapOptions::READ.bits()
            )
            .is_ok()
    );
    rig.server.release(&caller, handle).unwrap();
    assert_eq!(rig.server.release(&caller, handle), Err(Error::BAD_HANDLE));
    assert!(
        rig.server
            .map_object(
                &Rig::caller(child),
                handle,
                0,
                0,
                PAGE,
                MapOptions::READ.bits()
            )
            .is_ok()
    );
    let frames = rig.server.object_frames(&owner, object).unwrap();
    rig.end(process);
    rig.end(child);
    assert_eq!(rig.server.totals(&owner).unwrap().cached, frames * PAGE);
    rig.server.unmap(&owner, window, 10 * PAGE).unwrap();
    rig.server.release(&owner, object).unwrap();
    assert_eq!(rig.server.totals(&owner).unwrap().cached, 0);
}

#[test]
fn populate_ends_without_memory_and_the_rest_lives() {
    let (rig, kfs) = rig();
    let owner = Rig::caller(kfs);
    let object = rig.server.create_object(&owner, 1 << 30, b"big").unwrap();
    assert_eq!(
        rig.server.populate_object(&owner, object, 0, 1 << 30),
        Err(Error::ENOSPC)
    );
    let process = rig.process();
    let at = rig.map(process, 0, 16, RW).unwrap();
    (0..16).for_each(|i| rig.store(process, at + i * PAGE, i).unwrap());
    assert_eq!(
        rig.server
            .map_object(&owner, object, 0, 0, 1 << 30, (RW | SHARED | EAGER).bits()),
        Err(Error::ENOMEM)
    );
    rig.server.resize_object(&owner, object, 0).unwrap();
    assert_eq!(rig.server.totals(&owner).unwrap().cached, 0);
}

#[test]
fn only_servers_make_objects_and_only_the_process_server_makes_processes() {
    let (rig, kfs) = rig();
    let process = rig.process();
    let caller = Rig::caller(process);
    assert_eq!(
        rig.server.create_object(&caller, PAGE, b""),
        Err(Error::EPERM)
    );
    for who in [caller, Rig::caller(kfs)] {
        assert_eq!(rig.server.create_space(&who, 0), Err(Error::EPERM));
        assert_eq!(
            rig.server.fork_space(&who, process, 0, 0, false),
            Err(Error::EPERM)
        );
        assert_eq!(rig.server.destroy_space(&who, process), Err(Error::EPERM));
        assert_eq!(
            rig.server.start_space(&who, process, [0; 4]),
            Err(Error::EPERM)
        );
    }
    assert_eq!(rig.server.usage(&caller, kfs), Err(Error::EPERM));
}
