//! One dispatcher, many threads.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use k42_abi::CommId;
use k42_rt::log::info;
use k42_rt::{AsyncEvent, Mutex, info as machine};
use k42_sched::{
    ThreadConfig, ThreadRef, block, block_until, current, now, sleep_until, spawn, spawn_with,
    unblock, yield_now,
};

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static COUNT: Mutex<u64> = Mutex::new(0);
static EVENTS: AtomicU64 = AtomicU64::new(0);

/// So many milliseconds in ticks.
pub fn milliseconds(n: u64) -> u64 {
    machine().timebase_hz / 1000 * n
}

/// Waits until all that were started have ended.
pub fn join() {
    while RUNNING.load(Ordering::Acquire) != 0 {
        sleep_until(now() + milliseconds(1));
    }
}

/// How many have not ended yet.
pub fn running() -> usize {
    RUNNING.load(Ordering::Acquire)
}

/// A thread says that it ends.
pub fn ended() {
    RUNNING.fetch_sub(1, Ordering::Release);
}

/// Starts a thread for each entry.
pub fn start_with(threads: &[(ThreadConfig, u64)], function: extern "C" fn(u64)) {
    RUNNING.store(threads.len(), Ordering::Release);
    for (config, argument) in threads {
        spawn_with(*config, function, *argument).expect("a thread");
    }
}

fn start(n: usize, function: extern "C" fn(u64)) -> Vec<ThreadRef> {
    RUNNING.store(n, Ordering::Release);
    (0..n)
        .map(|i| spawn(function, i as u64).expect("a thread"))
        .collect()
}

extern "C" fn counts(_: u64) {
    for _ in 0..100 {
        let mut count = COUNT.lock();
        let before = *count;
        yield_now();
        *count = before + 1;
    }
    RUNNING.fetch_sub(1, Ordering::Release);
}

/// Yields while holding the lock, so that the others must block.
fn lock() {
    start(10, counts);
    join();
    assert_eq!(*COUNT.lock(), 1000);
    info!("lock and yield: ok");
}

static BALL: AtomicU64 = AtomicU64::new(0);
static OTHER: AtomicU64 = AtomicU64::new(0);

extern "C" fn plays(me: u64) {
    for round in 0..1000 {
        while BALL.load(Ordering::Acquire) != 2 * round + me {
            block();
        }
        BALL.store(2 * round + me + 1, Ordering::Release);
        // SAFETY: words of live threads.
        if let Some(other) = unsafe { ThreadRef::from_word(OTHER.load(Ordering::Acquire)) } {
            OTHER.store(current().to_word(), Ordering::Release);
            unblock(other);
        }
    }
    RUNNING.fetch_sub(1, Ordering::Release);
}

fn ping_pong() {
    RUNNING.store(2, Ordering::Release);
    let second = spawn(plays, 1).expect("a thread");
    OTHER.store(second.to_word(), Ordering::Release);
    let before = now();
    spawn(plays, 0).expect("a thread");
    join();
    info!(
        "block and unblock: ok, {} ticks for 1000 rounds",
        now() - before
    );
}

fn timers() {
    let before = now();
    sleep_until(before + milliseconds(5));
    let slept = now() - before;
    assert!(slept >= milliseconds(5), "slept {slept}");
    let late = block_until(now() + milliseconds(2));
    assert!(late, "nobody woke us");
    unblock(current());
    assert!(
        !block_until(now() + milliseconds(1000)),
        "an earlier wake-up counts"
    );
    info!("timers: ok, 5 ms took {slept} ticks");
}

static TURNS: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

extern "C" fn computes(me: u64) {
    let end = now() + milliseconds(100);
    while now() < end {
        TURNS[me as usize].fetch_add(1, Ordering::Relaxed);
    }
    RUNNING.fetch_sub(1, Ordering::Release);
}

/// Threads that never block share the CPU.
fn preemption() {
    start(3, computes);
    join();
    let turns: Vec<u64> = TURNS.iter().map(|t| t.load(Ordering::Relaxed)).collect();
    assert!(turns.iter().all(|t| *t > 100), "each ran: {turns:?}");
    info!(
        "preemption: ok, {} times stopped, turns {turns:?}",
        k42_sched::page().preemptions.load(Ordering::Relaxed)
    );
}

fn hear(event: AsyncEvent) {
    if let AsyncEvent::Message(message) = event {
        assert_eq!(message.words[0], 77);
        EVENTS.fetch_add(message.words[1], Ordering::Release);
    }
}

fn messages() {
    k42_rt::on_event(hear).expect("a thread for events");
    let me = CommId(k42_sched::page().comm_id.load(Ordering::Relaxed));
    for n in 1..=30 {
        while k42_rt::sys::send(me, &[77, n, 0, 0, 0, 0]).is_err() {
            yield_now();
        }
    }
    while EVENTS.load(Ordering::Acquire) != 30 * 31 / 2 {
        sleep_until(now() + milliseconds(1));
    }
    info!("asynchronous messages: ok");
}

/// All tests of one process.
pub fn run() {
    lock();
    ping_pong();
    timers();
    preemption();
    messages();
}
