//! Every interleaving of the queue lock with two and three threads, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p k42-sync --test loom --target-dir target/loom`.
#![cfg(loom)]

use std::sync::Mutex as HostMutex;

use k42_sync::{BlockingMutex, FairMutex, Parker, State, ThreadToken};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

/// Loom's cell notices two threads in the section at once, and a release that does not carry the data over.
#[derive(Default)]
struct Watched(UnsafeCell<u32>);

impl Watched {
    fn add(&mut self) {
        // SAFETY: the pointer is good for the length of the closure; that no other thread uses it is what loom checks.
        self.0.with_mut(|n| unsafe { *n += 1 });
    }

    fn value(&self) -> u32 {
        // SAFETY: as above.
        self.0.with(|n| unsafe { *n })
    }
}

// SAFETY: only ever reached under the lock that is being tested; loom checks just that.
unsafe impl Send for Watched {}

/// Explores all runs with at most `preemptions` involuntary switches; nearly all faults show with two.
fn bounded(preemptions: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(test);
}

#[test]
fn fair_mutex_two_threads_twice() {
    bounded(3, || {
        let lock = Arc::new(FairMutex::new(Watched::default()));
        let other = lock.clone();
        let t = thread::spawn(move || (0..2).for_each(|_| other.lock().add()));
        (0..2).for_each(|_| lock.lock().add());
        t.join().unwrap();
        assert_eq!(lock.lock().value(), 4);
    });
}

#[test]
fn fair_mutex_three_threads() {
    bounded(2, || {
        let lock = Arc::new(FairMutex::new(Watched::default()));
        let others: Vec<_> = (0..2)
            .map(|_| lock.clone())
            .map(|l| thread::spawn(move || l.lock().add()))
            .collect();
        lock.lock().add();
        others.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(lock.lock().value(), 3);
    });
}

/// Parks loom's threads.
enum LoomParker {}

static THREADS: HostMutex<Vec<thread::Thread>> = HostMutex::new(Vec::new());

impl Parker for LoomParker {
    fn current() -> ThreadToken {
        let mut threads = THREADS.lock().unwrap();
        threads.push(thread::current());
        ThreadToken(threads.len() as u64 - 1)
    }

    fn park() {
        thread::park();
    }

    fn unpark(token: ThreadToken) {
        let thread = THREADS.lock().unwrap()[token.0 as usize].clone();
        thread.unpark();
    }
}

#[test]
fn blocking_mutex_loses_no_wakeup() {
    bounded(3, || {
        THREADS.lock().unwrap().clear();
        let lock = Arc::new(BlockingMutex::<_, LoomParker>::new(Watched::default()));
        let other = lock.clone();
        let t = thread::spawn(move || other.lock().add());
        lock.lock().add();
        t.join().unwrap();
        assert_eq!(lock.lock().value(), 2);
    });
}

/// Two readers and a writer of a lock that is quiet at first, by its protocol alone: a queue lock, whose operations loom
/// sees, stands in for the lock inside. Loom's cell notices if a reader and the writer meet.
#[test]
fn read_mostly_readers_and_writer_do_not_meet() {
    struct Shared {
        state: State,
        slots: [AtomicUsize; 2],
        inside: FairMutex<()>,
        value: UnsafeCell<u32>,
    }
    // SAFETY: whether the cell is shared rightly is what loom checks.
    unsafe impl Sync for Shared {}
    // SAFETY: as above.
    unsafe impl Send for Shared {}

    fn read(shared: &Shared, cpu: usize) {
        // SAFETY: the pointer is good for the length of the closure.
        let look = || shared.value.with(|value| assert!(unsafe { *value } < 3));
        if shared.state.enter(&shared.slots[cpu], 1) {
            look();
            State::leave(&shared.slots[cpu]);
        } else if let Some(_guard) = shared.inside.try_lock() {
            shared.state.count();
            look();
        }
    }

    fn write(shared: &Shared) {
        if let Some(_guard) = shared.inside.try_lock()
            && shared.state.end(shared.slots.iter(), 1)
        {
            // SAFETY: as above.
            shared.value.with_mut(|value| unsafe { *value += 1 });
        }
    }

    bounded(3, || {
        let shared = Arc::new(Shared {
            state: State::quiet(),
            slots: [AtomicUsize::new(0), AtomicUsize::new(0)],
            inside: FairMutex::new(()),
            value: UnsafeCell::new(0),
        });
        let s = shared.clone();
        let writer = thread::spawn(move || (0..2).for_each(|_| write(&s)));
        let s = shared.clone();
        let reader = thread::spawn(move || (0..2).for_each(|_| read(&s, 1)));
        read(&shared, 0);
        writer.join().unwrap();
        reader.join().unwrap();
    });
}
