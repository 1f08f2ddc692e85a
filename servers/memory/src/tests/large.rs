//! Pages brought in ahead, and large pages.

use super::machine::{PAGE, Rig};
use k42_abi::Error;
use k42_abi::map::LARGE_PAGE;
use k42_api::memory::{MapOptions, Memory};

const RW: MapOptions = MapOptions::READ.union(MapOptions::WRITE);
const IN_LARGE: u64 = LARGE_PAGE / PAGE;

/// A process that has walked through `pages` pages.
fn walked(pages: u64) -> (Rig, k42_abi::ProcessId, u64) {
    let rig = Rig::new(16384);
    let process = rig.process();
    let at = rig.map(process, 0, pages, RW).unwrap();
    (0..pages).for_each(|i| rig.store(process, at + i * PAGE, i).unwrap());
    (rig, process, at)
}

#[test]
fn who_touches_little_is_charged_little() {
    let rig = Rig::new(4096);
    let process = rig.process();
    let at = rig.map(process, 0, 1000, RW).unwrap();
    let private = || {
        rig.server
            .usage(&Rig::caller(process), process)
            .unwrap()
            .private
            / PAGE
    };
    let before = private();
    for i in 0..100 {
        rig.store(process, at + (i * 7 % 1000) * PAGE, i).unwrap();
    }
    assert_eq!(private() - before, 100);
    let more = rig.map(process, 0, 1000, RW).unwrap();
    for i in 0..40 {
        rig.store(process, more + i * PAGE, i).unwrap();
        assert!(private() - before - 100 <= 2 * (i + 1));
    }
}

#[test]
fn who_walks_gets_large_pages() {
    let (rig, process, at) = walked(4 * IN_LARGE);
    assert_eq!(rig.large_pages(process), 3);
    (0..4 * IN_LARGE).for_each(|i| assert_eq!(rig.load(process, at + i * PAGE), Ok(i)));
    let usage = rig.server.usage(&Rig::caller(process), process).unwrap();
    assert_eq!(usage.private / PAGE, 4 * IN_LARGE);
    assert!(usage.faults < 20, "{} faults", usage.faults);
    rig.end(process);
    assert_eq!(rig.in_use(), 0);
}

#[test]
fn a_hole_in_a_large_page_takes_nothing_else_away() {
    let (rig, process, at) = walked(4 * IN_LARGE);
    let caller = Rig::caller(process);
    let hole = at + 2 * LARGE_PAGE + 5 * PAGE;
    rig.server.unmap(&caller, hole, 3 * PAGE).unwrap();
    assert_eq!(rig.load(process, hole), Err(Error::EFAULT.status()));
    assert_eq!(rig.load(process, hole - PAGE), Ok(2 * IN_LARGE + 4));
    assert_eq!(rig.load(process, hole + 3 * PAGE), Ok(2 * IN_LARGE + 8));
    // What is mapped into the hole does not end at its borders.
    rig.map(process, hole, 3, RW | MapOptions::FIXED).unwrap();
    rig.store(process, hole, 1).unwrap();
    assert_eq!(rig.load(process, hole + PAGE), Ok(0));
    rig.check_exclusive();
    rig.end(process);
    assert_eq!(rig.in_use(), 0);
}

#[test]
fn access_to_a_part_of_a_large_page_is_taken_away() {
    let (rig, process, at) = walked(4 * IN_LARGE);
    let caller = Rig::caller(process);
    let part = at + LARGE_PAGE + 100 * PAGE;
    rig.server
        .protect(&caller, part, 10 * PAGE, MapOptions::READ.bits())
        .unwrap();
    assert_eq!(rig.store(process, part, 0), Err(Error::EACCES.status()));
    rig.store(process, part - PAGE, 7).unwrap();
    rig.store(process, part + 10 * PAGE, 7).unwrap();
    rig.server
        .protect(&caller, part, 10 * PAGE, RW.bits())
        .unwrap();
    rig.store(process, part, 7).unwrap();
    // A whole one.
    let whole = at + 3 * LARGE_PAGE;
    rig.server
        .protect(&caller, whole, LARGE_PAGE, MapOptions::READ.bits())
        .unwrap();
    assert_eq!(
        rig.store(process, whole + PAGE, 0),
        Err(Error::EACCES.status())
    );
    assert_eq!(rig.load(process, whole + PAGE), Ok(3 * IN_LARGE + 1));
}

#[test]
fn fork_shares_large_pages_until_they_are_stored_to() {
    let (rig, process, at) = walked(4 * IN_LARGE);
    let used = rig.in_use();
    let child = rig.fork(process).unwrap();
    assert!(rig.in_use() - used < 100);
    let page = at + 3 * LARGE_PAGE + 9 * PAGE;
    rig.store(child, page, 1).unwrap();
    rig.store(process, page + PAGE, 2).unwrap();
    rig.check_exclusive();
    assert_eq!(rig.load(process, page), Ok(3 * IN_LARGE + 9));
    assert_eq!(rig.load(child, page + PAGE), Ok(3 * IN_LARGE + 10));
    rig.end(child);
    (0..IN_LARGE).for_each(|i| {
        rig.store(process, at + 3 * LARGE_PAGE + i * PAGE, i)
            .unwrap()
    });
    rig.end(process);
    assert_eq!(rig.in_use(), 0);
}

#[test]
fn a_walk_when_memory_ends_gets_the_last_pages_singly() {
    let rig = Rig::new(4096);
    let process = rig.process();
    let at = rig.map(process, 0, 4000, RW).unwrap();
    let got = (0..4000)
        .find(|i| rig.store(process, at + i * PAGE, *i).is_err())
        .unwrap();
    assert!(got > 3000, "{got}");
    (0..got).for_each(|i| assert_eq!(rig.load(process, at + i * PAGE), Ok(i)));
    rig.end(process);
    assert_eq!(rig.in_use(), 0);
}
