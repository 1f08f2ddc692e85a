//! Whether a process leaves memory behind: counted by the allocator, per thread, since other tests run beside.

use super::mock::World;
use crate::linux::{signal, wait};
use k42_object::{Config, System};
use std::alloc::{GlobalAlloc, Layout, System as Heap};
use std::cell::Cell;

struct Counting;

thread_local! {
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    // While the thread ends, nobody counts any more.
    let _ = BYTES.try_with(|sum| sum.set(sum.get() + bytes));
}

// SAFETY: all work is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { Heap.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller's promise.
        unsafe { Heap.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn processes_leave_nothing_behind() {
    // SAFETY: all references of this world are made and used in this test.
    let objects = unsafe { System::new(Config::new(1, || 0)) }.unwrap();
    let world = World::with(objects);
    let round = || {
        for n in 0..300 {
            let job = world.fork(1);
            world.set_group(1, job, job).unwrap();
            let child = world.fork(job);
            match n % 3 {
                0 => world.kill(1, -job, signal::KILL).unwrap(),
                1 => world.kill(1, child, 15).unwrap(),
                _ => world.kill(1, child, signal::STOP).unwrap(),
            }
            if n % 3 != 0 {
                world.exit(child, 0);
                world.exit(job, 0);
            }
            while world.wait(1, -1, wait::EXITED | wait::NOHANG).is_ok() {}
            let mut state = world.mock.state();
            state.log = Vec::new();
            state.events = Vec::new();
        }
        objects.collect();
        BYTES.get()
    };
    round();
    let (first, second) = (round(), round());
    assert!(
        second - first < 4096,
        "{} bytes in 600 processes",
        second - first
    );
}
