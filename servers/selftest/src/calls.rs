//! Parent and child call each other.

use crate::child::{ChildClient, CounterClient};
use crate::faults::REPORTED;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use k42_abi::{Error, Handle, ProcessId};
use k42_rt::log::info;
use k42_sched::{ThreadConfig, now, sleep_until, spawn, spawn_with};

static CHILD: AtomicU32 = AtomicU32::new(0);
static SUM: AtomicU64 = AtomicU64::new(0);

fn child() -> ChildClient {
    ChildClient::root(ProcessId(CHILD.load(Ordering::Acquire)))
}

/// Waits until it has that value.
pub fn wait_for(value: &AtomicU64, wanted: u64) {
    while value.load(Ordering::Acquire) != wanted {
        sleep_until(now() + k42_rt::info().timebase_hz / 1000);
    }
}

extern "C" fn calls_slowly(ms: u64) {
    let slept = child().slow(ms as u32).expect("an answer");
    SUM.fetch_add(u64::from(slept), Ordering::Release);
}

static PLACES: AtomicU64 = AtomicU64::new(0);

extern "C" fn asks_where(vp: u64) {
    for _ in 0..100 {
        assert_eq!(child().vp(), Ok(vp as u32));
    }
    PLACES.fetch_or(1 << vp, Ordering::Release);
}

/// All tests with two processes.
pub fn run(process: ProcessId, cpus: u32) {
    CHILD.store(process.0, Ordering::Release);
    wait_for(&REPORTED, 1);
    let child = child();
    assert_eq!(child.add(40, 2), Ok(42));
    let before = now();
    for n in 0..1000 {
        assert_eq!(child.add(n, n), Ok(2 * n));
    }
    info!("calls: ok, {} ticks for 1000", now() - before);

    crate::figures::run(&child);

    let data: alloc::vec::Vec<u8> = (0..4000).map(|n| n as u8).collect();
    let mut back = [0; 4096];
    let (count, filled) = child.reverse(&data, &mut back).expect("an answer");
    assert_eq!((count, filled), (4000, 4000));
    assert!(back[..4000].iter().rev().eq(data.iter()));
    assert_eq!(
        child.reverse(&data, &mut back[..10]),
        Err((Error::ERANGE, 10))
    );
    info!("payload: ok");

    assert_eq!(child.bounce(10), Ok(10));
    info!("nested calls: ok");

    // More at once than the child has slots for: the rest is told BUSY and comes again.
    let n = 40;
    for ms in 1..=n {
        spawn(calls_slowly, ms).expect("a thread");
    }
    wait_for(&SUM, n * (n + 1) / 2);
    info!("many calls at once: ok");

    for vp in 0..cpus {
        let config = ThreadConfig {
            vp: Some(vp),
            ..ThreadConfig::default()
        };
        spawn_with(config, asks_where, u64::from(vp)).expect("a thread");
    }
    wait_for(&PLACES, (1 << cpus) - 1);
    info!("calls stay on their CPU: ok");

    let handle = child.counter().expect("an object");
    let counter = CounterClient::new(process, handle);
    assert_eq!((counter.next(), counter.next()), (Ok(1), Ok(2)));
    assert_eq!(counter.reset(), Err(Error::NO_RIGHT));
    let other = Handle::new(handle.slot(), handle.sequence() + 1);
    assert_eq!(
        CounterClient::new(process, other).next(),
        Err(Error::BAD_HANDLE)
    );
    assert_eq!(counter.close(), Ok(()));
    assert_eq!(counter.next(), Err(Error::BAD_HANDLE));
    assert_eq!(ChildClient::root(ProcessId(99)).add(1, 1), Err(Error::DEAD));
    info!("objects: ok");
}

/// The copy that the other process made of itself breaks while it is called. (Process 2, in the process server's place, must
/// not.)
pub fn callee_breaks() {
    let copy = ChildClient::root(ProcessId(3));
    assert_eq!(copy.add(1, 2), Ok(3));
    assert_eq!(copy.fail(), Err(Error::DEAD));
    info!("a callee that breaks: ok");
}
