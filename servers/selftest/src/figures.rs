//! What `./k42 bench` reads from the log: lines `figure NAME TICKS TIMES`.

use crate::child::ChildClient;
use core::arch::asm;
use core::hint::black_box;
use k42_rt::log::info;
use k42_sched::now;
use k42_sched::trace::{Class, User, events, is_on};

/// How often each operation is done.
const TIMES: u64 = 1000;

fn figure(name: &str, mut operation: impl FnMut(u64)) {
    for n in 0..10 {
        operation(n);
    }
    let before = now();
    // SAFETY: an instruction that does nothing; QEMU plugins see it and count from here (tools/plugin).
    unsafe { asm!("ori 21, 21, 0", options(nomem, nostack, preserves_flags)) };
    // The compiler does not see how often, so the loop is the same around every operation.
    let mut n = 0;
    while black_box(n) < TIMES {
        operation(n);
        n += 1;
    }
    // SAFETY: likewise; they count no further.
    unsafe { asm!("ori 22, 22, 0", options(nomem, nostack, preserves_flags)) };
    info!("figure {name} {} {TIMES}", now() - before);
}

/// Marks of the flood, and the number of the first: more than a buffer holds many times over.
const FLOOD: u64 = 1_000_000;
const FLOOD_FROM: u64 = 1 << 32;

/// Logs as fast as can be, if marks are traced: whoever reads along keeps up or counts what it missed.
pub fn flood() {
    if is_on(Class::Application) {
        for n in 0..FLOOD {
            events::app::mark::<User>(FLOOD_FROM + n, n);
        }
        info!("flood {FLOOD_FROM} {FLOOD}");
    }
}

/// Takes the figures.
pub fn run(child: &ChildClient) {
    figure("loop", |_| {});
    figure("event", |n| events::app::mark::<User>(n, 1));
    // The least that a protected call can carry: no argument that is looked at, one word back.
    figure("ppc_null", |_| {
        let _ = black_box(child.vp());
    });
}
