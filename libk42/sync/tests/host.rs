//! The locks under real threads of the host.
#![cfg(not(loom))]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;

use k42_sync::{
    BlockingMutex, FairMutex, Lazy, Once, Parker, ReadMostly, SpinMutex, SpinRwLock, ThreadToken,
};

const THREADS: usize = 4;
const ROUNDS: usize = if cfg!(miri) { 20 } else { 200 };

/// Parks host threads; the token is an index into a table of permits.
enum HostParker {}

static PERMITS: [(Mutex<bool>, Condvar); 16] = [const { (Mutex::new(false), Condvar::new()) }; 16];
static NEXT: AtomicUsize = AtomicUsize::new(0);
static PARKED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static ME: usize = NEXT.fetch_add(1, Ordering::Relaxed);
}

impl Parker for HostParker {
    fn current() -> ThreadToken {
        ThreadToken(ME.with(|me| *me) as u64)
    }

    fn park() {
        PARKED.fetch_add(1, Ordering::Relaxed);
        let (permit, wake) = &PERMITS[ME.with(|me| *me)];
        let mut permit = wake
            .wait_while(permit.lock().unwrap(), |permit| !*permit)
            .unwrap();
        *permit = false;
    }

    fn unpark(thread: ThreadToken) {
        let (permit, wake) = &PERMITS[thread.0 as usize];
        *permit.lock().unwrap() = true;
        wake.notify_one();
    }
}

/// Every thread adds one, many times, with a moment inside the section in which others can come.
fn hammer(lock_and_add: impl Fn() + Sync) {
    thread::scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| (0..ROUNDS).for_each(|_| lock_and_add()));
        }
    });
}

fn add_slowly(n: &mut usize) {
    let before = *n;
    if before.is_multiple_of(64) {
        thread::yield_now();
    }
    *n = before + 1;
}

#[test]
fn fair_mutex_excludes() {
    let lock = FairMutex::new(0);
    hammer(|| add_slowly(&mut lock.lock()));
    assert_eq!(lock.into_inner(), THREADS * ROUNDS);
}

#[test]
fn blocking_mutex_excludes() {
    let lock = BlockingMutex::<_, HostParker>::new(0);
    hammer(|| add_slowly(&mut lock.lock()));
    assert_eq!(lock.into_inner(), THREADS * ROUNDS);
}

#[test]
fn a_waiter_that_waits_long_parks_and_is_woken() {
    let lock = BlockingMutex::<_, HostParker>::new(0);
    let before = PARKED.load(Ordering::Relaxed);
    thread::scope(|s| {
        let held = lock.lock();
        s.spawn(|| *lock.lock() += 1);
        while PARKED.load(Ordering::Relaxed) == before {
            thread::yield_now();
        }
        drop(held);
    });
    assert_eq!(lock.into_inner(), 1);
}

#[test]
fn try_lock_never_waits() {
    let lock = FairMutex::new(());
    let held = lock.try_lock().expect("free");
    assert!(lock.is_locked() && lock.try_lock().is_none());
    drop(held);
    assert!(lock.try_lock().is_some());
    assert!(!lock.is_locked());
}

#[test]
fn an_unsized_value_can_be_guarded() {
    let lock: &FairMutex<[u8]> = &FairMutex::new([1, 2, 3]);
    lock.lock()[1] = 9;
    assert_eq!(*lock.lock(), [1, 9, 3]);
}

#[test]
fn the_spin_crates_types_work_with_our_strategy() {
    static ONCE: Once<u32> = Once::new();
    static LAZY: Lazy<u32> = Lazy::new(|| 7);
    let (mutex, rw) = (SpinMutex::new(0), SpinRwLock::new(0));
    hammer(|| {
        add_slowly(&mut mutex.lock());
        *rw.write() += *ONCE.call_once(|| 1);
    });
    assert_eq!(
        (mutex.into_inner(), *rw.read(), *LAZY),
        (THREADS * ROUNDS, (THREADS * ROUNDS) as u32, 7)
    );
}

#[test]
fn read_mostly_excludes() {
    let lock = ReadMostly::new([0usize; 2]);
    // Both ways to read: by the lock inside at first, by a slot when it has been read often.
    for _ in 0..1000 {
        let held = lock.try_read(3).expect("nobody writes");
        let other = lock.try_read(4).expect("readers share");
        assert_eq!(*held, *other);
        assert!(lock.try_write().is_none());
        drop(held);
        assert!(lock.try_write().is_none());
    }
    lock.try_write().expect("all readers have gone")[0] = 1;
    let held = lock.try_write().expect("nobody is there");
    assert!(lock.try_read(3).is_none() && lock.try_write().is_none());
    drop(held);
    assert_eq!(lock.try_read(3).expect("the writer has gone")[0], 1);
}

#[test]
fn read_mostly_is_whole_under_load() {
    let lock = ReadMostly::new([0usize; 2]);
    let cpus = AtomicUsize::new(0);
    hammer(|| {
        let cpu = cpus.fetch_add(1, Ordering::Relaxed);
        if cpu.is_multiple_of(50) {
            let mut value = loop {
                match lock.try_write() {
                    Some(guard) => break guard,
                    None => thread::yield_now(),
                }
            };
            value[0] += 1;
            thread::yield_now();
            value[1] += 1;
        } else if let Some(value) = lock.try_read(cpu) {
            assert_eq!(value[0], value[1]);
        }
    });
    let mut lock = lock;
    assert_eq!(*lock.get_mut(), [(THREADS * ROUNDS).div_ceil(50); 2]);
}
