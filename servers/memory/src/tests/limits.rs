use super::machine::{PAGE, Rig};
use k42_abi::Error;
use k42_api::memory::{MapOptions, Memory, limit, lock};

const RW: MapOptions = MapOptions::READ.union(MapOptions::WRITE);

#[test]
fn one_takes_everything_and_the_others_live() {
    let rig = Rig::new(4096);
    let (hog, other) = (rig.process(), rig.process());
    let at = rig.map(hog, 0, 4000, RW).unwrap();
    let there = rig.map(other, 0, 64, RW).unwrap();
    rig.store(other, there, 1).unwrap();
    let mut got = 0;
    let end = loop {
        match rig.store(hog, at + got * PAGE, got) {
            Ok(()) => got += 1,
            Err(status) => break status,
        }
    };
    assert_eq!(end, Error::ENOMEM.status());
    assert!(got > 3000);
    // Its library can still tell it.
    let stack = rig.map(hog, 0, 8, RW | MapOptions::LIBRARY).unwrap();
    (0..8).for_each(|i| rig.store(hog, stack + i * PAGE, i).unwrap());
    assert_eq!(
        rig.store(hog, at + got * PAGE, 0),
        Err(Error::ENOMEM.status())
    );
    (0..64).for_each(|i| rig.store(other, there + i * PAGE, i).unwrap());
    let child = rig.fork(other).unwrap();
    (0..32).for_each(|i| rig.store(child, there + i * PAGE, i).unwrap());
    (0..got).for_each(|i| assert_eq!(rig.load(hog, at + i * PAGE), Ok(i)));
    [hog, child, other]
        .into_iter()
        .for_each(|process| rig.end(process));
    assert_eq!(rig.in_use(), 0);
}

#[test]
fn forking_a_large_process_ends_in_errors_only() {
    let rig = Rig::new(4096);
    let process = rig.process();
    let at = rig.map(process, 0, 2000, RW).unwrap();
    (0..2000).for_each(|i| rig.store(process, at + i * PAGE, i).unwrap());
    let mut children = std::vec![];
    while let Ok(child) = rig.fork(process) {
        children.push(child);
        let stored = (0..2000)
            .map(|i| rig.store(child, at + i * PAGE, 1))
            .find_map(Result::err);
        if stored.is_some() && children.len() > 40 {
            break;
        }
    }
    for child in children {
        rig.end(child);
    }
    (0..2000).for_each(|i| assert_eq!(rig.load(process, at + i * PAGE), Ok(i)));
    rig.end(process);
    assert_eq!(rig.in_use(), 0);
}

#[test]
fn limits_are_kept() {
    let rig = Rig::new(4096);
    let process = rig.process();
    let caller = Rig::caller(process);
    let at = rig.map(process, 0, 100, RW).unwrap();
    rig.server
        .set_limit(&caller, limit::ADDRESS_SPACE, 120 * PAGE)
        .unwrap();
    assert_eq!(
        rig.map(process, 0, 21, MapOptions::READ),
        Err(Error::ENOMEM)
    );
    assert!(rig.map(process, 0, 20, MapOptions::READ).is_ok());
    assert_eq!(
        rig.server.remap(&caller, at, 100 * PAGE, 101 * PAGE, 1, 0),
        Err(Error::ENOMEM)
    );
    rig.server.unmap(&caller, at, 50 * PAGE).unwrap();
    assert!(rig.map(process, 0, 50, MapOptions::READ).is_ok());
    rig.server
        .set_limit(&caller, limit::ADDRESS_SPACE, u64::MAX)
        .unwrap();
    rig.server
        .set_limit(&caller, limit::DATA, 60 * PAGE)
        .unwrap();
    assert_eq!(rig.map(process, 0, 11, RW), Err(Error::ENOMEM));
    assert!(rig.map(process, 0, 11, MapOptions::READ).is_ok());
    assert_eq!(rig.server.set_limit(&caller, 1, 0), Err(Error::EINVAL));
    // More than the machine has, and that only as a promise.
    assert_eq!(rig.map(process, 0, 5000, RW), Err(Error::ENOMEM));
    rig.server
        .set_limit(&caller, limit::DATA, u64::MAX)
        .unwrap();
    assert_eq!(rig.map(process, 0, 5000, RW), Err(Error::ENOMEM));
    assert!(
        rig.map(process, 0, 5000, RW | MapOptions::NO_RESERVE)
            .is_ok()
    );
}

#[test]
fn eager_memory_is_all_or_nothing() {
    let rig = Rig::new(2048);
    let process = rig.process();
    let used = rig.in_use();
    assert_eq!(
        rig.map(process, 0, 2000, RW | MapOptions::EAGER),
        Err(Error::ENOMEM)
    );
    assert!(rig.in_use() < used + 32, "only tables may stay");
    let at = rig.map(process, 0, 200, RW | MapOptions::EAGER).unwrap();
    (0..200).for_each(|i| assert!(rig.translation(process, at + i * PAGE).is_some()));
    // The same again next to it: one region grows, what was there is not touched.
    let more = rig.map(process, 0, 200, RW | MapOptions::EAGER).unwrap();
    assert!(more < at);
    rig.end(process);
    assert_eq!(rig.in_use(), 0);
}

#[test]
fn processes_come_and_go() {
    let rig = Rig::new(2048);
    let process = rig.process();
    for _ in 0..200 {
        let child = rig.fork(process).unwrap();
        rig.server
            .start_space(
                &Rig::caller(k42_abi::ProcessId::PROCESS),
                child,
                [1, 2, 3, 4],
            )
            .unwrap();
        rig.end(child);
        assert_eq!(rig.server.page_fault(child, 0, 0), Error::ESRCH.status());
    }
    assert_eq!(
        rig.server.create_dispatcher(&Rig::caller(process), 0, 4, 0),
        Ok(1)
    );
    rig.end(process);
    assert_eq!(rig.in_use(), 0);
    assert_eq!(rig.server.totals(&Rig::caller(process)).unwrap().spaces, 0);
}

#[test]
fn locks() {
    let rig = Rig::new(4096);
    let process = rig.process();
    let caller = Rig::caller(process);
    let server = &rig.server;
    let set =
        |at, pages: u64, how, limit: u64| server.lock(&caller, at, pages * PAGE, how, limit * PAGE);
    let locked = || server.usage(&caller, process).unwrap().locked / PAGE;
    let at = rig.map(process, 0, 16, RW).unwrap();
    assert_eq!(set(at, 4, lock::LOCK, 3), Err(Error::ENOMEM));
    assert_eq!(locked(), 0);
    assert_eq!(set(at, 4, lock::LOCK, 4), Ok(()));
    assert!((0..16).all(|i| rig.translation(process, at + i * PAGE).is_some() == (i < 4)));
    assert_eq!(set(at + 2 * PAGE, 4, lock::LOCK, 6), Ok(()), "two more");
    assert_eq!(locked(), 6);
    assert_eq!(server.advise(&caller, at, PAGE, 4), Err(Error::EINVAL));
    assert_eq!(
        server.check_range(&caller, at, PAGE, true),
        Err(Error::EBUSY)
    );
    let child = rig.fork(process).unwrap();
    assert_eq!(
        server.usage(&Rig::caller(child), child).unwrap().locked,
        0,
        "not inherited"
    );
    assert_eq!(set(at + PAGE, 2, 0, 0), Ok(()));
    assert_eq!(locked(), 4);
    server.unmap(&caller, at, 5 * PAGE).unwrap();
    assert_eq!(locked(), 1);
    assert_eq!(set(at, 16, 0, 0), Err(Error::ENOMEM), "there is a hole");
    assert_eq!(set(at, 1, 16, 9), Err(Error::EINVAL));

    // All, and what will come.
    assert_eq!(set(0, 0, lock::LOCK | lock::ALL, 10), Err(Error::ENOMEM));
    assert_eq!(set(0, 0, lock::LOCK | lock::ALL | lock::FUTURE, 20), Ok(()));
    assert_eq!(locked(), 11);
    assert_eq!(rig.map(process, 0, 10, RW), Err(Error::EAGAIN));
    let new = rig.map(process, 0, 9, RW).unwrap();
    assert!((0..9).all(|i| rig.translation(process, new + i * PAGE).is_some()));
    assert_eq!(locked(), 20);
    assert_eq!(set(0, 0, lock::ALL, 0), Ok(()));
    assert_eq!(locked(), 0);
    rig.map(process, 0, 100, RW).unwrap();
    [process, child]
        .into_iter()
        .for_each(|process| rig.end(process));
    assert_eq!(rig.in_use(), 0);
}
