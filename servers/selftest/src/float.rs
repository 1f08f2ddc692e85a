//! Floating-point registers belong to their threads.

use crate::threads::{ended, join, start_with};
use k42_rt::log::info;
use k42_sched::fp::{FpState, attach};
use k42_sched::{ThreadConfig, yield_now};

/// f1, as bits. The program is soft-float, so the instructions are numbers: lfd 1,0(r) and stfd 1,0(r).
fn set(bits: u64) {
    // SAFETY: changes f1, which no compiled code here uses.
    unsafe {
        core::arch::asm!("mr 9, {}", ".long 0xc8290000", in(reg) &raw const bits, out("r9") _)
    };
}

fn get() -> u64 {
    let mut bits = 0u64;
    // SAFETY: writes to `bits`.
    unsafe { core::arch::asm!("mr 9, {}", ".long 0xd8290000", in(reg) &raw mut bits, out("r9") _) };
    bits
}

extern "C" fn keeps(me: u64) {
    let mut area = FpState::ZERO;
    area.vsr[1][0] = 1000 + me;
    // SAFETY: the area outlives the thread's use of it: the thread ends without it, see `exit`.
    unsafe { attach(&raw mut area) };
    assert_eq!(get(), 1000 + me, "begins as the area says");
    for round in 0..50 {
        set(me << 32 | round);
        yield_now();
        assert_eq!(get(), me << 32 | round, "thread {me}");
    }
    ended();
}

/// All tests.
pub fn run() {
    start_with(
        &[
            (ThreadConfig::default(), 1),
            (ThreadConfig::default(), 2),
            (ThreadConfig::default(), 3),
        ],
        keeps,
    );
    join();
    info!("floating point: ok");
}
