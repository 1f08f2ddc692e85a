use super::machine::{PAGE, Rig};
use k42_abi::rights::KernelRights;
use k42_abi::{Error, ProcessId};
use k42_api::event;
use k42_api::memory::{MapOptions, Memory};

const RW: u32 = MapOptions::READ.union(MapOptions::WRITE).bits();
const SHARED: u32 = RW | MapOptions::SHARED.bits();

#[test]
fn waiters_are_found_by_the_memory() {
    let rig = Rig::new(4096);
    let kfs = rig
        .server
        .bare_server(ProcessId::KFS, KernelRights::SEND)
        .unwrap();
    let owner = Rig::caller(kfs);
    let object = rig.server.create_object(&owner, 8 * PAGE, b"").unwrap();
    let (a, b) = (rig.process(), rig.process());
    let map = |process, offset, options| {
        let caller = Rig::caller(process);
        let handle = rig.server.grant(&owner, object, process, RW, b"").unwrap();
        rig.server
            .map_object(&caller, handle, offset, 0, 2 * PAGE, options)
            .unwrap()
    };
    let server = &rig.server;
    let (ca, cb) = (Rig::caller(a), Rig::caller(b));
    let (at_a, at_b) = (map(a, 0, SHARED), map(b, PAGE, SHARED));
    let private = map(a, 0, RW);
    let own = server.map_anonymous(&ca, 0, PAGE, RW).unwrap();
    // The same page is the second of one and the first of the other.
    let (word_a, word_b) = (at_a + PAGE + 8, at_b + 8);
    assert_eq!(server.futex_enter(&ca, own, 1, 1), Ok(false));
    assert_eq!(server.futex_enter(&ca, private, 1, 1), Ok(false));
    assert_eq!(server.futex_wake(&ca, private, 1, 1), Ok([0, 0]));
    assert_eq!(server.futex_enter(&ca, 4, 1, 1), Err(Error::EFAULT));
    assert_eq!(server.futex_enter(&ca, word_a, 1, 7), Ok(true));
    assert_eq!(server.futex_enter(&ca, word_a, 2, 8), Ok(true));
    assert_eq!(server.futex_wake(&cb, at_b, 9, u32::MAX), Ok([1, 0]));
    assert_eq!(server.futex_wake(&cb, word_b, 9, 4), Ok([1, 0]));
    assert_eq!(server.futex_wake(&cb, word_b, 9, 2), Ok([1, 1]));
    assert_eq!(rig.model.sent(), [(a, 0, [event::FUTEX, 8])]);
    assert_eq!(server.futex_leave(&ca, 8), Ok(false), "woken already");
    assert_eq!(server.futex_leave(&cb, 7), Ok(false), "another's");
    assert_eq!(server.futex_leave(&ca, 7), Ok(true));
    assert_eq!(server.futex_wake(&cb, word_b, 9, 7), Ok([1, 0]));

    // Moved, and found at the new word.
    for token in 1..=4 {
        assert_eq!(server.futex_enter(&ca, word_a, 1, token), Ok(true));
    }
    assert_eq!(server.futex_requeue(&cb, word_b, at_b, 1, 2), Ok([1, 1, 2]));
    assert_eq!(server.futex_requeue(&ca, own, word_a, 1, 2), Ok([2, 0, 0]));
    assert_eq!(server.futex_requeue(&ca, own, own, 1, 2), Ok([0; 3]));
    assert_eq!(server.futex_wake(&cb, at_b, 9, 1), Ok([1, 2]));
    let sent = rig.model.sent();
    assert_eq!(
        sent.iter()
            .map(|sent| sent.2[1])
            .collect::<std::vec::Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(
        server.futex_requeue(&ca, word_a, own, 0, 5),
        Ok([1, 1, 0]),
        "nobody is moved out of shared memory"
    );

    // The end of a process ends its waits; too many are refused.
    for token in 0..u64::from(crate::futex::MOST) {
        assert_eq!(server.futex_enter(&ca, word_a, 1, token), Ok(true));
    }
    assert_eq!(server.futex_enter(&ca, word_a, 1, 9), Err(Error::EAGAIN));
    rig.end(a);
    assert_eq!(server.futex_wake(&cb, word_b, 9, 1), Ok([1, 0]));
    assert_eq!(server.futex_enter(&ca, word_a, 1, 9), Err(Error::ESRCH));
}
