//! Shared memory of System V: the table, and who may what.

use super::mock::World;
use crate::shm::{SEGMENTS_MAX, Table};
use k42_api::shm::flag::{IPC_CREAT, IPC_EXCL, SHM_DEST, SHM_LOCKED, SHM_RDONLY, SHM_REMAP};
use k42_api::shm::{SharedMemory, which};
use k42_ipc::Error;

const PAGE: u64 = 4096;

#[test]
fn keys_lead_to_segments() {
    let world = World::new();
    let (server, me) = (world.server, world.caller(1));
    assert_eq!(server.get(&me, 7, PAGE, 0o600), Err(Error::ENOENT));
    let id = server.get(&me, 7, 5000, IPC_CREAT | 0o600).unwrap();
    assert_eq!(server.get(&me, 7, 0, 0), Ok(id));
    assert_eq!(server.get(&me, 7, 5000, IPC_CREAT), Ok(id));
    assert_eq!(server.get(&me, 7, 5001, 0), Err(Error::EINVAL));
    let exclusive = IPC_CREAT | IPC_EXCL;
    assert_eq!(server.get(&me, 7, PAGE, exclusive), Err(Error::EEXIST));
    // Private ones are each their own.
    let private = [(); 2].map(|()| server.get(&me, 0, 1, 0o600).unwrap());
    assert_ne!(private[0], private[1]);
    for bytes in [0, u64::MAX] {
        assert_eq!(server.get(&me, 0, bytes, 0o600), Err(Error::EINVAL));
    }
    let status = server.status(&me, which::ID, id).unwrap();
    assert_eq!((status.key, status.bytes, status.mode), (7, 5000, 0o600));
    assert_eq!((status.creator, status.attached), (1, 0));
    server.remove(&me, id).unwrap();
    assert_eq!(server.get(&me, 7, PAGE, 0), Err(Error::ENOENT));
    assert_eq!(server.remove(&me, id), Err(Error::EINVAL));
    // The place is used again, with another id.
    let again = server.get(&me, 8, PAGE, IPC_CREAT | 0o600).unwrap();
    assert!(again != id && again & 0x7fff == id & 0x7fff);
    assert_eq!(server.attach(&me, id, 0, 0), Err(Error::EINVAL));
}

#[test]
fn a_removed_segment_stays_while_it_is_attached() {
    let world = World::new();
    let (server, me) = (world.server, world.caller(1));
    let id = server.get(&me, 7, PAGE, IPC_CREAT | 0o600).unwrap();
    server.attach(&me, id, 0, 0).unwrap();
    server.remove(&me, id).unwrap();
    let status = server.status(&me, which::ID, id).unwrap();
    assert_eq!((status.key, status.mode & SHM_DEST), (0, SHM_DEST));
    assert_eq!(status.attached, 1);
    // Its id leads there still, its key does not.
    server.attach(&me, id, 0, SHM_RDONLY).unwrap();
    let other = server.get(&me, 7, PAGE, IPC_CREAT | 0o600).unwrap();
    assert_ne!(other, id);
    for segment in world.mock.state().segments.values_mut() {
        segment.attached = 0;
    }
    assert_eq!(
        server.status(&me, which::ID, id).map(drop),
        Err(Error::EINVAL)
    );
    assert_eq!(world.mock.state().segments.len(), 1);
    assert_eq!(server.totals(&me, false).unwrap().segments, 1);
}

#[test]
fn permissions() {
    let world = World::new();
    let (server, root) = (world.server, world.caller(1));
    let pids = [(); 2].map(|()| world.fork(1));
    world.become_user(pids[0], 1000);
    world.become_user(pids[1], 1001);
    let [owner, other] = pids.map(|pid| world.caller(pid));
    let id = server.get(&owner, 7, PAGE, IPC_CREAT | 0o640).unwrap();
    server.attach(&owner, id, 0, 0).unwrap();
    server.attach(&root, id, 0, 0).unwrap();
    // Nothing for others; then reading.
    assert_eq!(server.get(&other, 7, PAGE, 0o444), Err(Error::EACCES));
    assert_eq!(server.attach(&other, id, 0, SHM_RDONLY), Err(Error::EACCES));
    let status = |caller| {
        server
            .status(caller, which::ID, id)
            .map(|status| status.mode)
    };
    assert_eq!(status(&other), Err(Error::EACCES));
    assert_eq!(server.set(&other, id, 1001, 1001, 0o777), Err(Error::EPERM));
    assert_eq!(server.remove(&other, id), Err(Error::EPERM));
    server.set(&owner, id, 1000, 1000, 0o604).unwrap();
    assert_eq!(status(&other), Ok(0o604));
    server.attach(&other, id, 0, SHM_RDONLY).unwrap();
    assert_eq!(server.attach(&other, id, 0, 0), Err(Error::EACCES));
    // A new owner; the creator keeps his rights.
    server.set(&root, id, 1001, 1001, 0o600).unwrap();
    server.attach(&other, id, 0, 0).unwrap();
    server.attach(&owner, id, 0, 0).unwrap();
    server.lock(&root, id, true).unwrap();
    assert_eq!(status(&root).unwrap() & SHM_LOCKED, SHM_LOCKED);
    assert_eq!(server.attach(&root, id, 0, SHM_REMAP), Err(Error::EINVAL));
    assert_eq!(server.attach(&root, id, !4095, 0), Err(Error::EINVAL));
    server.remove(&other, id).unwrap();
}

#[test]
fn running_out_is_an_error() {
    let world = World::new();
    let (server, root) = (world.server, world.caller(1));
    world.mock.state().fail_segment = true;
    let get = |caller, bytes| server.get(caller, 0, bytes, 0o600);
    assert_eq!(get(&root, PAGE), Err(Error::ENOMEM));
    let user = world.fork(1);
    world.become_user(user, 1000);
    let user = world.caller(user);
    let limit = server.totals(&root, false).unwrap().pages_max;
    assert_eq!(get(&root, (2 * limit + 1) * PAGE), Err(Error::ENOMEM));
    assert_eq!(get(&root, (limit + 1) * PAGE), Err(Error::ENOSPC));
    // A user may have half of it, and half of the ids.
    let half = get(&user, limit / 2 * PAGE).unwrap();
    assert_eq!(get(&user, PAGE), Err(Error::ENOSPC));
    server.remove(&user, half).unwrap();
    for _ in 0..SEGMENTS_MAX / 2 {
        get(&user, 1).unwrap();
    }
    assert_eq!(get(&user, 1), Err(Error::ENOSPC));
    let ids: Vec<i32> = (0..SEGMENTS_MAX / 2)
        .map(|_| get(&root, 1).unwrap())
        .collect();
    assert_eq!(get(&root, 1), Err(Error::ENOSPC));
    // One that was removed while attached makes room as soon as nobody has it.
    server.attach(&root, ids[0], 0, 0).unwrap();
    server.remove(&root, ids[0]).unwrap();
    assert_eq!(get(&root, 1), Err(Error::ENOSPC));
    for segment in world.mock.state().segments.values_mut() {
        segment.attached = 0;
    }
    get(&root, 1).unwrap();
    assert_eq!(get(&root, 1), Err(Error::ENOSPC));
}

#[test]
fn an_empty_table_has_nothing() {
    let mut table = Table::new(1 << 30);
    for id in [0, 1, -1, i32::MAX, i32::MIN, 1 << 15] {
        assert_eq!(table.get(id).map(drop), Err(Error::EINVAL));
        assert_eq!(table.at(id), Err(Error::EINVAL));
        assert_eq!(table.unlock(id), Err(Error::EINVAL));
    }
    assert_eq!(table.used(), (0, 0, 0));
}
