//! Under loom (`RUSTFLAGS="--cfg loom" cargo test -p k42-sched --release --test loom`): a thread that blocks, wakers
//! on other dispatchers, and the kernel's soft interrupt between them. No wake-up is lost, and nobody becomes ready twice.
#![cfg(loom)]

// The modules themselves, over a thread that has nothing but what they touch.
#[path = "../src/inbox.rs"]
mod inbox;
#[allow(dead_code, reason = "the model does not use all of it")]
#[path = "../src/mark.rs"]
mod mark;
mod thread {
    use core::sync::atomic::AtomicPtr;
    pub(crate) struct Thread {
        pub(crate) inbox_next: AtomicPtr<Thread>,
        pub(crate) mark: crate::mark::Mark,
    }
}

use inbox::Inbox;
use loom::model::Builder;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Notify};
use thread::Thread;

/// Explores all interleavings with up to three preemptions.
fn explore(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(body);
}

/// The owner's dispatcher as the others see it.
struct Dispatcher {
    inbox: Inbox,
    /// The soft-interrupt word: what makes the kernel run the dispatcher again.
    soft: AtomicU64,
    /// The kernel choosing the dispatcher because of it.
    chosen: Notify,
    /// What the waker wrote before it woke.
    message: AtomicU64,
}

fn new_thread() -> *mut Thread {
    Box::into_raw(Box::new(Thread {
        inbox_next: core::sync::atomic::AtomicPtr::new(core::ptr::null_mut()),
        mark: mark::Mark::new(),
    }))
}

fn unblock(dispatcher: &Dispatcher, thread: usize) {
    let thread = thread as *mut Thread;
    // SAFETY: freed after all have been joined.
    unsafe {
        if (*thread).mark.unblock() && dispatcher.inbox.push(thread) {
            dispatcher.soft.fetch_or(1, Ordering::AcqRel);
            dispatcher.chosen.notify();
        }
    }
}

#[test]
fn no_wake_up_is_lost() {
    explore(|| {
        let dispatcher = Arc::new(Dispatcher {
            inbox: Inbox::new(),
            soft: AtomicU64::new(0),
            chosen: Notify::new(),
            message: AtomicU64::new(0),
        });
        let blocked = new_thread();
        let wakers: Vec<_> = (0..2)
            .map(|_| {
                let (dispatcher, thread) = (dispatcher.clone(), blocked as usize);
                loom::thread::spawn(move || {
                    dispatcher.message.fetch_add(1, Ordering::Relaxed);
                    unblock(&dispatcher, thread);
                })
            })
            .collect();
        // The thread waits until both have said something; each wait is a block and a run loop.
        while dispatcher.message.load(Ordering::Relaxed) < 2 {
            // SAFETY: freed below.
            if unsafe { (*blocked).mark.block() } {
                let mut ready = 0;
                while ready == 0 {
                    dispatcher.soft.swap(0, Ordering::Acquire);
                    dispatcher.inbox.take_all(|thread| {
                        assert_eq!(thread, blocked);
                        ready += 1;
                    });
                    if ready == 0 {
                        // YIELD: the kernel comes back when a soft interrupt is pending.
                        while dispatcher.soft.load(Ordering::Relaxed) == 0 {
                            dispatcher.chosen.wait();
                        }
                    }
                }
                assert_eq!(ready, 1, "ready once");
            }
        }
        wakers
            .into_iter()
            .for_each(|waker| waker.join().expect("waker"));
        // SAFETY: made above, and nobody else is left.
        drop(unsafe { Box::from_raw(blocked) });
    });
}

#[test]
fn two_threads_in_one_inbox() {
    explore(|| {
        let dispatcher = Arc::new(Dispatcher {
            inbox: Inbox::new(),
            soft: AtomicU64::new(0),
            chosen: Notify::new(),
            message: AtomicU64::new(0),
        });
        let threads = [new_thread(), new_thread()];
        for thread in threads {
            // SAFETY: freed below.
            assert!(unsafe { (*thread).mark.block() });
        }
        let wakers: Vec<_> = threads
            .iter()
            .map(|thread| {
                let (dispatcher, thread) = (dispatcher.clone(), *thread as usize);
                loom::thread::spawn(move || unblock(&dispatcher, thread))
            })
            .collect();
        let mut seen = Vec::new();
        while seen.len() < 2 {
            dispatcher.soft.swap(0, Ordering::Acquire);
            let before = seen.len();
            dispatcher.inbox.take_all(|thread| seen.push(thread));
            if seen.len() == before {
                while dispatcher.soft.load(Ordering::Relaxed) == 0 {
                    dispatcher.chosen.wait();
                }
            }
        }
        seen.sort();
        let mut wanted = threads.to_vec();
        wanted.sort();
        assert_eq!(seen, wanted, "each once");
        wakers
            .into_iter()
            .for_each(|waker| waker.join().expect("waker"));
        for thread in threads {
            // SAFETY: as above.
            drop(unsafe { Box::from_raw(thread) });
        }
    });
}
