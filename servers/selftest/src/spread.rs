//! Several dispatchers of one process: wake-ups across, migration, barring.

use crate::threads::{join, milliseconds, start_with};
use core::sync::atomic::{AtomicU64, Ordering};
use k42_rt::Mutex;
use k42_rt::log::info;
use k42_sched::{
    ThreadConfig, ThreadRef, bar, block, current, now, sleep_until, unbar, unblock, vp,
};

static BALL: AtomicU64 = AtomicU64::new(0);
static PLAYERS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

extern "C" fn plays(me: u64) {
    PLAYERS[me as usize].store(current().to_word(), Ordering::Release);
    for round in 0..500 {
        while BALL.load(Ordering::Acquire) != 2 * round + me {
            block();
        }
        BALL.store(2 * round + me + 1, Ordering::Release);
        let other = PLAYERS[1 - me as usize].load(Ordering::Acquire);
        // SAFETY: the word of a live thread, or zero.
        if let Some(other) = unsafe { ThreadRef::from_word(other) } {
            unblock(other);
        }
    }
    crate::threads::ended();
}

fn on(vp: u32) -> ThreadConfig {
    ThreadConfig {
        vp: Some(vp),
        ..ThreadConfig::default()
    }
}

fn ping_pong() {
    start_with(&[(on(0), 0), (on(1), 1)], plays);
    // The first wake-ups may find no partner yet.
    while crate::threads::running() != 0 {
        for player in &PLAYERS {
            // SAFETY: words of threads.
            if let Some(thread) = unsafe { ThreadRef::from_word(player.load(Ordering::Acquire)) } {
                unblock(thread);
            }
        }
        sleep_until(now() + milliseconds(1));
    }
    info!("wake-ups across dispatchers: ok");
}

static SUM: Mutex<u64> = Mutex::new(0);

extern "C" fn adds(_: u64) {
    for _ in 0..20_000 {
        *SUM.lock() += 1;
    }
    crate::threads::ended();
}

fn contention() {
    start_with(&[(on(0), 0), (on(1), 0), (on(0), 0), (on(1), 0)], adds);
    join();
    assert_eq!(*SUM.lock(), 80_000);
    info!("a lock between dispatchers: ok");
}

static SEEN: AtomicU64 = AtomicU64::new(0);

extern "C" fn wanders(_: u64) {
    let end = now() + milliseconds(100);
    while now() < end {
        SEEN.fetch_or(1 << vp(), Ordering::Relaxed);
    }
    crate::threads::ended();
}

fn migration() {
    let config = ThreadConfig {
        migratable: true,
        ..ThreadConfig::default()
    };
    start_with(&[(config, 0), (config, 0), (config, 0)], wanders);
    join();
    let seen = SEEN.load(Ordering::Relaxed);
    assert!(
        seen.count_ones() > 1,
        "threads ran on dispatchers {seen:#b}"
    );
    info!("migration: ok, dispatchers {seen:#b}");
}

static STOP: AtomicU64 = AtomicU64::new(0);
static STEPS: AtomicU64 = AtomicU64::new(0);

extern "C" fn steps(_: u64) {
    while STOP.load(Ordering::Relaxed) == 0 {
        STEPS.fetch_add(1, Ordering::Relaxed);
    }
    crate::threads::ended();
}

fn barring(vps: u32) {
    let config = |vp| ThreadConfig {
        groups: 0b100,
        vp: Some(vp % vps),
        ..ThreadConfig::default()
    };
    start_with(&[(config(0), 0), (config(1), 0), (config(2), 0)], steps);
    sleep_until(now() + milliseconds(5));
    bar(0b100);
    let before = STEPS.load(Ordering::Relaxed);
    sleep_until(now() + milliseconds(20));
    assert_eq!(
        STEPS.load(Ordering::Relaxed),
        before,
        "barred threads stand still"
    );
    unbar(0b100);
    sleep_until(now() + milliseconds(20));
    assert!(STEPS.load(Ordering::Relaxed) > before, "and go on");
    STOP.store(1, Ordering::Relaxed);
    join();
    info!("barring: ok");
}

extern "C" fn says_where(wanted: u64) {
    assert_eq!(u64::from(vp()), wanted);
    info!("dispatcher {wanted}: ok");
    crate::threads::ended();
}

/// All tests, on `vps` dispatchers.
pub fn run(vps: u32) {
    for vp in 0..vps {
        start_with(&[(on(vp), u64::from(vp))], says_where);
        join();
    }
    barring(vps);
    if vps < 2 {
        return;
    }
    ping_pong();
    contention();
    migration();
}
