//! A process that forks: the parent copies it page by page, as a memory server would, and one thread comes back twice.

use crate::calls::wait_for;
use crate::faults::{ParentClient, REPORTED};
use crate::loader::{self, PAGES};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use k42_abi::dispatcher::DispatcherPage;
use k42_abi::layout::{EMU_IMAGE, MEMORY_WINDOW, TRACE};
use k42_abi::rights::KernelRights;
use k42_abi::{Error, ProcessId, Result};
use k42_rt::log::info;
use k42_rt::sys;
use k42_sched::{fork::fork_call, spawn};

static IN_CHILD: AtomicBool = AtomicBool::new(false);
static RAN: AtomicU64 = AtomicU64::new(0);

extern "C" fn ask(_: u64) -> u64 {
    match ParentClient::root(ProcessId::MEMORY).fork() {
        Ok(process) => u64::from(process.0),
        Err(error) => error.status() as u64 & 0xffff_ffff,
    }
}

extern "C" fn runs(n: u64) {
    RAN.fetch_add(n, Ordering::Relaxed);
}

/// In process 2, after its other tests.
pub fn fork_when_told() {
    let kept = [1u64, 2, 3];
    let parent = ParentClient::root(ProcessId::MEMORY);
    match fork_call(ask, 0) {
        Some(copy) => {
            assert_eq!(copy, 3, "the copy's number");
            assert!(!IN_CHILD.load(Ordering::Relaxed), "memory is not shared");
            parent.report(100).expect("the parent listens");
        }
        None => {
            IN_CHILD.store(true, Ordering::Relaxed);
            assert_eq!(kept.iter().sum::<u64>(), 6);
            assert_eq!(k42_rt::own_process().0, 3);
            assert_eq!(
                k42_sched::page().library[0].load(Ordering::Relaxed),
                4321,
                "the START words"
            );
            // Threads, timers and calls work in the copy.
            spawn(runs, 7).expect("a thread");
            k42_sched::sleep_until(k42_sched::now() + k42_rt::info().timebase_hz / 1000);
            assert_eq!(RAN.load(Ordering::Relaxed), 7);
            parent.report(10_000).expect("the parent listens");
        }
    }
}

/// In process 1: copies `process` as process 3.
pub fn copy(process: ProcessId) -> Result<ProcessId> {
    let root = loader::take(64 << 10, 64 << 10)?;
    let new = sys::space_create(root, KernelRights::SEND, 3)?;
    let copy_bytes = |from: u64, to: u64, bytes: u64| {
        // SAFETY: both are in the window; the source is mapped in `process`, whose calling thread waits.
        unsafe {
            core::ptr::copy_nonoverlapping(
                (MEMORY_WINDOW + from) as *const u8,
                (MEMORY_WINDOW + to) as *mut u8,
                bytes as usize,
            );
        }
    };
    let _ = process;
    let pages = PAGES.lock().clone();
    for (address, frame, flags) in pages {
        // The trace region is everybody's.
        let shared = (TRACE..EMU_IMAGE).contains(&address);
        let own = if flags.contains(k42_abi::map::MapFlags::WRITE) && !shared {
            let own = loader::take(4096, 4096)?;
            copy_bytes(frame, own, 4096);
            own
        } else {
            frame
        };
        loader::map(new, address, own, flags)?;
    }
    let bytes = loader::area_bytes(loader::SLOTS);
    let area = loader::take(bytes, 4096)?;
    copy_bytes(loader::AREA.load(Ordering::Relaxed), area, bytes);
    loader::make_dispatcher(new, 0, loader::SLOTS, area)?;
    // SAFETY: in the window, not started yet.
    let page = unsafe { &*((MEMORY_WINDOW + area) as *const DispatcherPage) };
    page.library[0].store(4321, Ordering::Relaxed);
    sys::dispatcher_start(new, 0)?;
    if new.0 == 3 { Ok(new) } else { Err(Error::EIO) }
}

/// In process 1: waits for both.
pub fn run(child: ProcessId) {
    crate::child::ChildClient::root(child)
        .go_on()
        .expect("an answer");
    wait_for(&REPORTED, 10_101);
    info!("fork: ok");
}
