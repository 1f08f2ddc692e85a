//! Many threads at once: nothing is lost, nothing locks up, and shared pages keep their contents.

use super::machine::{PAGE, Rig, Rng};
use k42_abi::rights::KernelRights;
use k42_abi::{Error, ProcessId};
use k42_api::memory::{MapOptions, Memory};
use std::thread;

const RW: MapOptions = MapOptions::READ.union(MapOptions::WRITE);
const FIXED: MapOptions = MapOptions::FIXED;
const BASE: u64 = 0x4000_0000;

/// One process's life, with forks and ends, beside others'.
fn live(rig: &Rig, seed: u64) {
    let mut rng = Rng(seed);
    let mut processes = std::vec![rig.process()];
    for _ in 0..800 {
        let at = rng.below(processes.len() as u64) as usize;
        let id = processes[at];
        let caller = Rig::caller(id);
        let (first, pages) = (BASE + rng.below(64) * PAGE, 1 + rng.below(16));
        match rng.below(10) {
            0 => drop(rig.map(id, first, pages, RW | FIXED)),
            1 => rig.server.unmap(&caller, first, pages * PAGE).unwrap(),
            2 if processes.len() < 4 => processes.extend(rig.fork(id).ok()),
            3 if processes.len() > 1 => rig.end(processes.swap_remove(at)),
            4 => drop(rig.server.protect(&caller, first, pages * PAGE, RW.bits())),
            _ => {
                let value = rng.next();
                if rig.store(id, first, value).is_ok() {
                    assert_eq!(rig.load(id, first), Ok(value));
                }
            }
        }
    }
    processes.into_iter().for_each(|process| rig.end(process));
}

#[test]
fn processes_on_many_threads() {
    let rig = Rig::new(16384);
    thread::scope(|scope| {
        for seed in 1..=4 {
            let rig = &rig;
            scope.spawn(move || live(rig, seed * 104_729));
        }
    });
    assert_eq!(rig.in_use(), 0);
}

/// Several processes fault in an object whose owner cuts and fills it.
#[test]
fn an_object_is_cut_while_it_is_used() {
    let rig = Rig::new(16384);
    let kfs = rig
        .server
        .bare_server(ProcessId::KFS, KernelRights::SEND)
        .unwrap();
    let owner = Rig::caller(kfs);
    let object = rig
        .server
        .create_object(&owner, 64 * PAGE, b"file")
        .unwrap();
    let options = (RW | MapOptions::SHARED).bits();
    let window = rig
        .server
        .map_object(&owner, object, 0, 0, 64 * PAGE, options)
        .unwrap();
    let processes: std::vec::Vec<_> = (0..3).map(|_| rig.process()).collect();
    thread::scope(|scope| {
        for (i, &id) in processes.iter().enumerate() {
            let rig = &rig;
            scope.spawn(move || {
                let mut rng = Rng(i as u64 + 5);
                let handle = rig
                    .server
                    .grant(&owner, object, id, RW.bits(), b"")
                    .unwrap();
                let caller = Rig::caller(id);
                for _ in 0..300 {
                    let shared = rng.below(2) == 0;
                    let kind = if shared { options } else { RW.bits() };
                    let at = rig
                        .server
                        .map_object(&caller, handle, 0, 0, 64 * PAGE, kind)
                        .unwrap();
                    for _ in 0..8 {
                        let page = at + rng.below(64) * PAGE;
                        let access = rng.below(2);
                        let result = rig.server.page_fault(id, page, access);
                        let refused = [Error::ENXIO.status(), Error::EACCES.status()];
                        assert!(result == 0 || refused.contains(&result));
                        if rng.below(4) == 0 {
                            // Splits and joins while pages go.
                            let (from, to) = (
                                at + rng.below(64) * PAGE,
                                if shared { RW } else { MapOptions::READ },
                            );
                            rig.server.protect(&caller, from, PAGE, to.bits()).unwrap();
                        }
                        rig.check_translation(id, page);
                    }
                    rig.server.unmap(&caller, at, 64 * PAGE).unwrap();
                }
            });
        }
        let mut rng = Rng(77);
        for _ in 0..300 {
            let pages = rng.below(65);
            rig.server
                .resize_object(&owner, object, pages * PAGE)
                .unwrap();
            rig.server
                .populate_object(&owner, object, 0, pages * PAGE)
                .unwrap();
            (0..pages)
                .for_each(|page| assert!(rig.translation(kfs, window + page * PAGE).is_some()));
        }
    });
    processes.into_iter().for_each(|process| rig.end(process));
    rig.server.unmap(&owner, window, 64 * PAGE).unwrap();
    rig.server.release(&owner, object).unwrap();
    assert_eq!(rig.server.totals(&owner).unwrap().cached, 0);
}
