use super::machine::{PAGE, Rig};
use crate::fcm::AROUND;
use k42_abi::layout::{DISPATCHERS, LIBRARY_BASE};
use k42_abi::map::MapFlags;
use k42_abi::message::fault_access::{EXECUTE, READ, WRITE};
use k42_abi::{Error, ProcessId};
use k42_api::memory::{MapOptions, Memory};
use k42_ipc::OutBuf;
use std::string::String;

const RW: MapOptions = MapOptions::READ.union(MapOptions::WRITE);
const FIXED: MapOptions = MapOptions::FIXED;

#[test]
fn memory_is_zero_and_comes_back() {
    let rig = Rig::new(4096);
    let process = rig.process();
    let at = rig.map(process, 0, 100, RW).unwrap();
    assert_eq!(at % PAGE, 0);
    for i in 0..100 {
        assert_eq!(rig.load(process, at + i * PAGE), Ok(0));
        rig.store(process, at + i * PAGE + 8, i).unwrap();
    }
    for i in 0..100 {
        assert_eq!(rig.load(process, at + i * PAGE + 8), Ok(i));
    }
    let caller = Rig::caller(process);
    rig.server.unmap(&caller, at, 50 * PAGE).unwrap();
    assert_eq!(rig.load(process, at), Err(Error::EFAULT.status()));
    assert_eq!(rig.load(process, at + 50 * PAGE + 8), Ok(50));
    rig.end(process);
    assert_eq!(rig.in_use(), 0);
}

#[test]
fn faults_tell_what_is_wrong() {
    let rig = Rig::new(2048);
    let process = rig.process();
    let at = rig.map(process, 0, 4, MapOptions::READ).unwrap();
    assert_eq!(rig.touch(process, at, WRITE), Err(Error::EACCES.status()));
    assert_eq!(rig.touch(process, at, EXECUTE), Err(Error::EACCES.status()));
    assert!(rig.touch(process, at, READ).is_ok());
    assert_eq!(rig.touch(process, 0, READ), Err(Error::EFAULT.status()));
    assert_eq!(
        rig.touch(process, u64::MAX, READ),
        Err(Error::EFAULT.status())
    );
    assert_eq!(
        rig.server.page_fault(ProcessId(0xdead_beef), at, READ),
        Error::ESRCH.status()
    );
}

#[test]
fn fixed_mappings_obey_their_options() {
    let rig = Rig::new(2048);
    let process = rig.process();
    let at = 0x1000_0000;
    assert_eq!(rig.map(process, at, 4, RW | FIXED), Ok(at));
    rig.store(process, at, 1).unwrap();
    assert_eq!(
        rig.map(process, at + PAGE, 1, RW | FIXED | MapOptions::NO_REPLACE),
        Err(Error::EEXIST)
    );
    assert_eq!(rig.map(process, at, 1, RW | FIXED), Ok(at));
    assert_eq!(rig.load(process, at), Ok(0));
    assert_eq!(rig.map(process, at + 1, 1, RW | FIXED), Err(Error::EINVAL));
    assert_eq!(
        rig.map(process, LIBRARY_BASE - PAGE, 2, RW | FIXED),
        Err(Error::EPERM)
    );
    assert_eq!(
        rig.map(process, !(PAGE - 1), 2, RW | FIXED),
        Err(Error::ENOMEM)
    );
    assert_eq!(rig.map(process, 0, u64::MAX / PAGE, RW), Err(Error::ENOMEM));
    assert_eq!(rig.map(process, 0, 0, RW), Err(Error::EINVAL));
    let library = rig.map(process, 0, 2, RW | MapOptions::LIBRARY).unwrap();
    assert!(library >= LIBRARY_BASE);
    // Nobody maps over, unmaps or opens up a dispatcher.
    let caller = Rig::caller(process);
    assert_eq!(
        rig.map(process, DISPATCHERS, 1, RW | FIXED | MapOptions::LIBRARY),
        Err(Error::EPERM)
    );
    assert_eq!(
        rig.server.unmap(&caller, DISPATCHERS, PAGE),
        Err(Error::EPERM)
    );
    assert_eq!(
        rig.server.protect(&caller, DISPATCHERS, PAGE, 0),
        Err(Error::EACCES)
    );
}

#[test]
fn protection_is_changed_by_pieces_and_joined_again() {
    let rig = Rig::new(2048);
    let process = rig.process();
    let caller = Rig::caller(process);
    let at = rig.map(process, 0, 10, RW).unwrap();
    let regions = rig.server.usage(&caller, process).unwrap().regions;
    (0..10).for_each(|i| rig.store(process, at + i * PAGE, i).unwrap());
    rig.server
        .protect(&caller, at + 3 * PAGE, 4 * PAGE, MapOptions::READ.bits())
        .unwrap();
    assert_eq!(
        rig.server.usage(&caller, process).unwrap().regions,
        regions + 2
    );
    assert_eq!(
        rig.store(process, at + 3 * PAGE, 1),
        Err(Error::EACCES.status())
    );
    assert_eq!(rig.load(process, at + 3 * PAGE), Ok(3));
    rig.server
        .protect(&caller, at + 3 * PAGE, 4 * PAGE, 0)
        .unwrap();
    assert_eq!(
        rig.load(process, at + 3 * PAGE),
        Err(Error::EACCES.status())
    );
    rig.server
        .protect(&caller, at + 3 * PAGE, 4 * PAGE, RW.bits())
        .unwrap();
    assert_eq!(rig.server.usage(&caller, process).unwrap().regions, regions);
    (0..10).for_each(|i| assert_eq!(rig.load(process, at + i * PAGE), Ok(i)));
    assert_eq!(
        rig.server.protect(&caller, at, 11 * PAGE, 0),
        Err(Error::ENOMEM)
    );
}

#[test]
fn fork_gives_a_copy_and_each_side_keeps_its_own() {
    let rig = Rig::new(4096);
    let parent = rig.process();
    let at = rig.map(parent, 0x2000_0000, 64, RW).unwrap();
    let shared = rig.map(parent, 0, 4, RW | MapOptions::SHARED).unwrap();
    (0..64).for_each(|i| rig.store(parent, at + i * PAGE, 1000 + i).unwrap());
    rig.store(parent, shared, 1).unwrap();
    let child = rig.fork(parent).unwrap();
    rig.check_exclusive();
    let used = rig.in_use();
    for i in 0..64 {
        assert_eq!(rig.load(child, at + i * PAGE), Ok(1000 + i));
    }
    rig.check_exclusive();
    assert!(rig.in_use() <= used + 8, "loads must not copy");
    rig.store(child, at, 1).unwrap();
    rig.store(parent, at + PAGE, 2).unwrap();
    rig.store(child, shared, 77).unwrap();
    rig.check_exclusive();
    assert_eq!(rig.load(parent, at), Ok(1000));
    assert_eq!(rig.load(child, at + PAGE), Ok(1001));
    assert_eq!(rig.load(parent, shared), Ok(77));
    rig.end(child);
    // Alone again: one fault brings the neighbours back writable, without a copy.
    let used = rig.in_use();
    (2..64).for_each(|i| rig.store(parent, at + i * PAGE, i).unwrap());
    assert_eq!(rig.in_use(), used);
    rig.end(parent);
    assert_eq!(rig.in_use(), 0);
}

#[test]
fn fault_around_maps_what_is_there() {
    let rig = Rig::new(4096);
    let parent = rig.process();
    let at = rig.map(parent, 0x2000_0000, 128, RW).unwrap();
    (0..128).for_each(|i| rig.store(parent, at + i * PAGE, i).unwrap());
    let child = rig.fork(parent).unwrap();
    let before = rig.mapped_pages(child);
    rig.load(child, at + 5 * PAGE).unwrap();
    assert_eq!(rig.mapped_pages(child), before + AROUND as usize);
    assert_eq!(
        rig.translation(child, at + 6 * PAGE).unwrap().1,
        MapFlags::READ
    );
    rig.end(child);
    rig.store(parent, at + 20 * PAGE, 1).unwrap();
    assert_eq!(
        rig.translation(parent, at + 21 * PAGE).unwrap().1,
        MapFlags::READ | MapFlags::WRITE
    );
}

#[test]
fn hot_pages_are_copied_by_the_next_fork() {
    let rig = Rig::new(4096);
    let parent = rig.process();
    let at = rig.map(parent, 0x2000_0000, 32, RW).unwrap();
    (0..32).for_each(|i| rig.store(parent, at + i * PAGE, i).unwrap());
    let first = rig.fork(parent).unwrap();
    // All is mapped in both for loads, nothing for stores.
    for id in [first, parent] {
        (0..32).for_each(|i| {
            assert_eq!(
                rig.translation(id, at + i * PAGE).unwrap().1,
                MapFlags::READ
            )
        });
    }
    rig.store(parent, at + 3 * PAGE, 99).unwrap();
    rig.end(first);
    let second = rig.fork(parent).unwrap();
    for id in [second, parent] {
        assert!(
            rig.translation(id, at + 3 * PAGE)
                .unwrap()
                .1
                .contains(MapFlags::WRITE)
        );
        assert_eq!(
            rig.translation(id, at + 4 * PAGE).unwrap().1,
            MapFlags::READ
        );
    }
    rig.check_exclusive();
    rig.store(second, at + 3 * PAGE, 1).unwrap();
    assert_eq!(rig.load(parent, at + 3 * PAGE), Ok(99));
    // With a child alive, what the parent shares with it must not become writable by a third.
    let third = rig.fork(parent).unwrap();
    rig.check_exclusive();
    [third, second, parent]
        .into_iter()
        .for_each(|id| rig.end(id));
    assert_eq!(rig.in_use(), 0);
}

#[test]
fn stacks_grow_to_their_limit_and_hot_pages_are_copied() {
    let rig = Rig::new(4096);
    let process = rig.process();
    let caller = Rig::caller(process);
    let top = LIBRARY_BASE - (1 << 30);
    rig.map(
        process,
        top - 4 * PAGE,
        4,
        RW | FIXED | MapOptions::GROWS_DOWN,
    )
    .unwrap();
    rig.server
        .set_limit(&caller, k42_api::memory::limit::STACK, 64 * PAGE)
        .unwrap();
    rig.store(process, top - 8, 1).unwrap();
    rig.store(process, top - 63 * PAGE, 2).unwrap();
    assert_eq!(
        rig.store(process, top - 65 * PAGE, 3),
        Err(Error::EFAULT.status())
    );
    assert_eq!(rig.server.usage(&caller, process).unwrap().stack, 63 * PAGE);
    let child = rig.fork(process).unwrap();
    assert!(
        rig.translation(child, top - 8)
            .unwrap()
            .1
            .contains(MapFlags::WRITE)
    );
    assert!(
        rig.translation(process, top - 8)
            .unwrap()
            .1
            .contains(MapFlags::WRITE)
    );
    rig.check_exclusive();
    rig.store(child, top - 8, 9).unwrap();
    assert_eq!(rig.load(process, top - 8), Ok(1));
    rig.end(child);
    rig.end(process);
    assert_eq!(rig.in_use(), 0);
}

#[test]
fn the_break_moves_both_ways() {
    let rig = Rig::new(4096);
    let process = rig.process();
    let caller = Rig::caller(process);
    rig.server.clear_program(&caller, 0x2000_0010).unwrap();
    assert_eq!(rig.server.set_break(&caller, 0), Ok(0x2000_0010));
    assert_eq!(
        rig.server.set_break(&caller, 0x2000_0010 + 5 * PAGE),
        Ok(0x2000_0010 + 5 * PAGE)
    );
    rig.store(process, 0x2000_1000, 5).unwrap();
    assert_eq!(rig.server.set_break(&caller, 0x2001_0000), Ok(0x2001_0000));
    assert_eq!(rig.load(process, 0x2000_1000), Ok(5));
    assert_eq!(rig.server.set_break(&caller, 0x2000_0020), Ok(0x2000_0020));
    assert_eq!(rig.load(process, 0x2000_1000), Err(Error::EFAULT.status()));
    assert_eq!(rig.server.set_break(&caller, 0x1000), Ok(0x2000_0020));
    rig.map(process, 0x2001_0000, 1, RW | FIXED).unwrap();
    assert_eq!(rig.server.set_break(&caller, 0x2002_0000), Ok(0x2000_0020));
    let mut buffer = [0; 4096];
    let mut out = OutBuf::new(&mut buffer);
    assert_eq!(
        rig.server.describe(&caller, ProcessId::NONE, 0, &mut out),
        Ok(0)
    );
    let text = String::from_utf8(out.filled().into()).unwrap();
    assert!(text.contains("20010000-20011000 rw-p"), "{text}");
    rig.server.clear_program(&caller, 0x3000_0000).unwrap();
    assert_eq!(rig.server.usage(&caller, process).unwrap().private, 0);
}

#[test]
fn remap_grows_moves_and_shrinks() {
    let rig = Rig::new(4096);
    let process = rig.process();
    let caller = Rig::caller(process);
    let at = 0x2000_0000;
    rig.map(process, at, 8, RW | FIXED).unwrap();
    (0..8).for_each(|i| rig.store(process, at + i * PAGE, i).unwrap());
    assert_eq!(
        rig.server.remap(&caller, at, 8 * PAGE, 12 * PAGE, 0, 0),
        Ok(at)
    );
    rig.store(process, at + 11 * PAGE, 11).unwrap();
    rig.map(process, at + 12 * PAGE, 1, MapOptions::READ | FIXED)
        .unwrap();
    assert_eq!(
        rig.server.remap(&caller, at, 12 * PAGE, 16 * PAGE, 0, 0),
        Err(Error::ENOMEM)
    );
    let to = rig
        .server
        .remap(&caller, at, 12 * PAGE, 16 * PAGE, 1, 0)
        .unwrap();
    assert_ne!(to, at);
    assert_eq!(rig.load(process, at), Err(Error::EFAULT.status()));
    (0..8).for_each(|i| assert_eq!(rig.load(process, to + i * PAGE), Ok(i)));
    assert_eq!(rig.load(process, to + 15 * PAGE), Ok(0));
    assert_eq!(
        rig.server.remap(&caller, to, 16 * PAGE, 4 * PAGE, 0, 0),
        Ok(to)
    );
    assert_eq!(
        rig.load(process, to + 4 * PAGE),
        Err(Error::EFAULT.status())
    );
    // A piece out of the middle, to a fixed place.
    assert_eq!(
        rig.server
            .remap(&caller, to + PAGE, PAGE, 2 * PAGE, 3, 0x5000_0000),
        Ok(0x5000_0000)
    );
    assert_eq!(rig.load(process, 0x5000_0000), Ok(1));
    assert_eq!(rig.load(process, to), Ok(0));
    assert_eq!(rig.load(process, to + 2 * PAGE), Ok(2));
    assert_eq!(rig.load(process, to + PAGE), Err(Error::EFAULT.status()));
    rig.end(process);
    assert_eq!(rig.in_use(), 0);
}

#[test]
fn advice_drops_pages() {
    let rig = Rig::new(4096);
    let process = rig.process();
    let caller = Rig::caller(process);
    let at = rig.map(process, 0, 4, RW).unwrap();
    (0..4).for_each(|i| rig.store(process, at + i * PAGE, 7).unwrap());
    rig.server.advise(&caller, at + PAGE, 2 * PAGE, 4).unwrap();
    assert_eq!(rig.load(process, at), Ok(7));
    assert_eq!(rig.load(process, at + PAGE), Ok(0));
    assert_eq!(rig.server.advise(&caller, at, PAGE, 77), Err(Error::EINVAL));
    assert_eq!(
        rig.server.advise(&caller, at, 5 * PAGE, 0),
        Err(Error::ENOMEM)
    );
    let mut buffer = [9; 8];
    let mut out = OutBuf::new(&mut buffer);
    rig.server
        .resident(&caller, at, 4 * PAGE, &mut out)
        .unwrap();
    assert_eq!(out.filled(), [1, 1, 0, 1]);
    assert_eq!(rig.server.check_range(&caller, at, 4 * PAGE, false), Ok(()));
    assert_eq!(
        rig.server.check_range(&caller, at, 5 * PAGE, true),
        Err(Error::ENOMEM)
    );
}
