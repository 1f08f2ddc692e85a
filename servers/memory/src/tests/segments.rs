//! Segments of System V's shared memory: who is counted when.

use super::machine::{PAGE, Rig, Rng};
use k42_abi::rights::KernelRights;
use k42_abi::{Error, Handle, ProcessId, Result};
use k42_api::memory::{MapOptions, Memory, SegmentState};
use std::vec::Vec;

const READ: MapOptions = MapOptions::READ;
const RW: MapOptions = MapOptions::READ.union(MapOptions::WRITE);
const FIXED: MapOptions = MapOptions::FIXED;
const BASE: u64 = 0x4000_0000;
const PROCESS: ProcessId = ProcessId::PROCESS;

fn rig() -> Rig {
    let rig = Rig::new(4096);
    let server = rig.server.bare_server(PROCESS, KernelRights::SEND);
    assert_eq!(server, Ok(PROCESS));
    rig
}

impl Rig {
    fn segment(&self, pages: u64) -> Handle {
        let owner = Rig::caller(PROCESS);
        self.server
            .create_segment(&owner, pages * PAGE, b"/SYSV00000007 (deleted)")
            .unwrap()
    }
    fn attach_at(
        &self,
        segment: Handle,
        process: ProcessId,
        address: u64,
        options: MapOptions,
    ) -> Result<u64> {
        let owner = Rig::caller(PROCESS);
        self.server
            .attach_segment(&owner, segment, process, address, options.bits(), RW.bits())
    }
    fn attach(&self, segment: Handle, process: ProcessId) -> u64 {
        self.attach_at(segment, process, 0, RW).unwrap()
    }
    fn state(&self, segment: Handle) -> Result<SegmentState> {
        self.server.segment_state(&Rig::caller(PROCESS), segment)
    }
    fn attached(&self, segment: Handle) -> u64 {
        self.state(segment).unwrap().attached
    }
    /// A process that has been started, with a Linux pid.
    fn named(&self, pid: u64) -> ProcessId {
        let process = self.process();
        self.start(process, pid);
        process
    }
    fn start(&self, process: ProcessId, pid: u64) {
        let owner = Rig::caller(PROCESS);
        self.server
            .start_space(&owner, process, [pid, 0, 0, 0])
            .unwrap();
    }
    fn detach(&self, process: ProcessId, address: u64) -> Result<()> {
        self.server.detach_segment(&Rig::caller(process), address)
    }
}

#[test]
fn unrelated_processes_share_and_the_last_to_go_takes_it_along() {
    let rig = rig();
    let segment = rig.segment(3);
    let (one, two) = (rig.named(11), rig.named(12));
    assert_eq!(
        rig.state(segment).unwrap(),
        SegmentState {
            attached: 0,
            attach_ticks: 0,
            detach_ticks: 0,
            last_pid: 0,
            frames: 0
        }
    );
    let (first, second) = (rig.attach(segment, one), rig.attach(segment, two));
    rig.store(one, first + 2 * PAGE, 7).unwrap();
    assert_eq!(rig.load(two, second + 2 * PAGE), Ok(7));
    let state = rig.state(segment).unwrap();
    assert_eq!((state.attached, state.last_pid, state.frames), (2, 12, 1));
    assert!(state.attach_ticks != 0 && state.detach_ticks == 0);

    rig.detach(one, first).unwrap();
    let state = rig.state(segment).unwrap();
    assert_eq!((state.attached, state.last_pid), (1, 11));
    assert!(state.detach_ticks > state.attach_ticks);
    assert_eq!(rig.load(one, first), Err(Error::EFAULT.status()));

    // Without an attachment it stays; discarded, it goes with the last.
    let owner = Rig::caller(PROCESS);
    rig.server.discard_segment(&owner, segment).unwrap();
    assert_eq!(rig.load(two, second + 2 * PAGE), Ok(7));
    let again = rig.attach(segment, one);
    assert_eq!(rig.load(one, again + 2 * PAGE), Ok(7));
    rig.end(two);
    assert_eq!(rig.state(segment).unwrap().last_pid, 12);
    rig.end(one);
    assert_eq!(rig.state(segment), Err(Error::EIDRM));
    assert_eq!(rig.server.totals(&owner).unwrap().shared, 0);
    let three = rig.process();
    assert_eq!(rig.attach_at(segment, three, 0, RW), Err(Error::EIDRM));
    rig.server.release(&owner, segment).unwrap();
    assert_eq!(rig.state(segment), Err(Error::BAD_HANDLE));
    rig.end(three);
}

#[test]
fn a_segment_that_nobody_has_keeps_its_contents() {
    let rig = rig();
    let segment = rig.segment(1);
    let one = rig.named(1);
    let at = rig.attach(segment, one);
    rig.store(one, at, 5).unwrap();
    rig.end(one);
    assert_eq!(rig.attached(segment), 0);
    let two = rig.named(2);
    let at = rig.attach_at(segment, two, 0, READ).unwrap();
    assert_eq!(rig.load(two, at), Ok(5));
    assert_eq!(rig.store(two, at, 1), Err(Error::EACCES.status()));
    rig.end(two);
    let owner = Rig::caller(PROCESS);
    rig.server.discard_segment(&owner, segment).unwrap();
    assert_eq!(rig.server.totals(&owner).unwrap().shared, 0);
}

#[test]
fn fork_exec_and_the_end_of_a_process_count() {
    let rig = rig();
    let segment = rig.segment(2);
    let parent = rig.named(1);
    let at = rig.attach(segment, parent);
    rig.attach(segment, parent);
    let child = rig.fork(parent).unwrap();
    let state = rig.state(segment).unwrap();
    assert_eq!(
        (state.attached, state.last_pid),
        (4, 1),
        "the parent's doing"
    );
    rig.start(child, 2);
    rig.store(child, at, 9).unwrap();
    assert_eq!(rig.load(parent, at), Ok(9));
    rig.server.clear_program(&Rig::caller(child), BASE).unwrap();
    let state = rig.state(segment).unwrap();
    assert_eq!((state.attached, state.last_pid), (2, 2));
    rig.end(child);
    assert_eq!(rig.attached(segment), 2);
    // A child that never ran leaves no trace but the parent's.
    let child = rig.fork(parent).unwrap();
    assert_eq!(rig.attached(segment), 4);
    rig.end(child);
    assert_eq!(rig.state(segment).unwrap().last_pid, 1);
    // What begins with an exec, and what gets a fresh library.
    let owner = Rig::caller(PROCESS);
    let bare = rig.server.fork_space(&owner, parent, 0, 0, true).unwrap();
    assert_eq!(rig.attached(segment), 2);
    let renewed = rig.server.renew_space(&owner, parent, 0).unwrap();
    assert_eq!(rig.attached(segment), 4);
    for process in [bare, renewed, parent] {
        rig.end(process);
    }
    assert_eq!(rig.attached(segment), 0);
}

#[test]
fn whatever_unmaps_detaches() {
    let rig = rig();
    let segment = rig.segment(6);
    let process = rig.named(1);
    let caller = Rig::caller(process);
    let options = RW | FIXED | MapOptions::NO_REPLACE;
    let at = rig.attach_at(segment, process, BASE, options).unwrap();
    assert_eq!(at, BASE);
    assert_eq!(
        rig.attach_at(segment, process, BASE + PAGE, options),
        Err(Error::EEXIST)
    );
    assert_eq!(
        rig.attach_at(segment, process, BASE + 1, options),
        Err(Error::EINVAL)
    );
    let refused = rig.state(segment).unwrap();
    assert_eq!((refused.attached, refused.detach_ticks), (1, 0));

    // A hole makes two of it; each change of access another.
    rig.server.unmap(&caller, BASE + PAGE, PAGE).unwrap();
    assert_eq!(rig.attached(segment), 2);
    rig.server
        .protect(&caller, BASE + 3 * PAGE, PAGE, READ.bits())
        .unwrap();
    assert_eq!(rig.attached(segment), 4);
    rig.server
        .protect(&caller, BASE + 3 * PAGE, PAGE, RW.bits())
        .unwrap();
    assert_eq!(rig.attached(segment), 4);
    rig.map(process, BASE + 5 * PAGE, 1, RW | FIXED).unwrap();
    assert_eq!(rig.attached(segment), 4, "the last piece is shorter");
    assert_eq!(rig.detach(process, BASE + 2 * PAGE), Err(Error::EINVAL));
    assert_eq!(rig.detach(process, BASE + 8), Err(Error::EINVAL));
    assert_eq!(rig.detach(process, u64::MAX), Err(Error::EINVAL));
    // The first page too: the rest is still found by where it would be.
    rig.server.unmap(&caller, BASE, PAGE).unwrap();
    assert_eq!(rig.attached(segment), 3);
    rig.detach(process, BASE).unwrap();
    assert_eq!(rig.attached(segment), 0);
    rig.load(process, BASE + 5 * PAGE).unwrap();

    // Replaced as a whole, moved, and shown twice.
    let other = rig.segment(1);
    rig.attach_at(segment, process, BASE, RW | FIXED).unwrap();
    rig.attach_at(other, process, BASE + PAGE, RW | FIXED)
        .unwrap();
    assert_eq!((rig.attached(segment), rig.attached(other)), (2, 1));
    rig.server
        .remap(&caller, BASE + PAGE, PAGE, PAGE, 3, BASE + 64 * PAGE)
        .unwrap();
    assert_eq!(rig.attached(other), 1);
    rig.server
        .remap(&caller, BASE + 64 * PAGE, 0, PAGE, 1, 0)
        .unwrap();
    assert_eq!(rig.attached(other), 2);
    rig.detach(process, BASE + 64 * PAGE).unwrap();
    assert_eq!(rig.attached(other), 1);
    rig.end(process);
    assert_eq!((rig.attached(segment), rig.attached(other)), (0, 0));
}

#[test]
fn only_the_process_server_has_segments() {
    let rig = rig();
    let kfs = rig
        .server
        .bare_server(ProcessId::KFS, KernelRights::SEND)
        .unwrap();
    let process = rig.named(1);
    let segment = rig.segment(1);
    for who in [Rig::caller(kfs), Rig::caller(process)] {
        let server = &rig.server;
        assert_eq!(server.create_segment(&who, PAGE, b""), Err(Error::EPERM));
        assert_eq!(
            server.attach_segment(&who, segment, process, 0, RW.bits(), RW.bits()),
            Err(Error::EPERM)
        );
        assert_eq!(server.segment_state(&who, segment), Err(Error::EPERM));
        assert_eq!(server.discard_segment(&who, segment), Err(Error::EPERM));
    }
    let owner = Rig::caller(PROCESS);
    assert_eq!(
        rig.server.create_segment(&owner, 0, b""),
        Err(Error::EINVAL)
    );
    assert_eq!(
        rig.server.create_segment(&owner, u64::MAX, b""),
        Err(Error::ENOMEM)
    );
    assert_eq!(
        rig.attach_at(segment, process, 0, RW | MapOptions::LIBRARY),
        Err(Error::EINVAL)
    );
    assert_eq!(
        rig.attach_at(segment, ProcessId(4000), 0, RW),
        Err(Error::ESRCH)
    );
    assert_eq!(rig.attached(segment), 0);
    // What is no segment cannot be used as one.
    let file = rig.server.create_object(&owner, PAGE, b"").unwrap();
    assert_eq!(rig.state(file), Err(Error::EINVAL));
    assert_eq!(rig.attach_at(file, process, 0, RW), Err(Error::EINVAL));
}

#[test]
fn running_out_of_memory_is_an_error() {
    let rig = rig();
    let segment = rig.segment(4000);
    let process = rig.named(1);
    let at = rig.attach(segment, process);
    let failed = (0..4000).find_map(|page| rig.store(process, at + page * PAGE, 1).err());
    assert_eq!(failed, Some(Error::ENOMEM.status()));
    let own = rig.map(process, 0, 1, RW).unwrap();
    rig.store(process, own, 1)
        .expect("private memory of others is still to be had");
    rig.detach(process, at).unwrap();
    let owner = Rig::caller(PROCESS);
    rig.server.discard_segment(&owner, segment).unwrap();
    assert_eq!(rig.server.totals(&owner).unwrap().shared, 0);
}

#[test]
fn random_histories_count_every_region() {
    let rig = rig();
    let segment = rig.segment(8);
    let mut rng = Rng(77);
    let mut processes = Vec::from([rig.named(1)]);
    for step in 0..4000 {
        let at = rng.below(processes.len() as u64) as usize;
        let process = processes[at];
        let caller = Rig::caller(process);
        let (address, bytes) = (BASE + rng.below(40) * PAGE, (1 + rng.below(6)) * PAGE);
        match rng.below(12) {
            0..=2 => assert!(rig.attach_at(segment, process, address, RW | FIXED).is_ok()),
            3 => _ = rig.detach(process, address),
            4..=5 => rig.server.unmap(&caller, address, bytes).unwrap(),
            6 => _ = rig.server.protect(&caller, address, bytes, READ.bits()),
            7 => _ = rig.server.protect(&caller, address, bytes, RW.bits()),
            8 => {
                let to = BASE + rng.below(40) * PAGE;
                let old = [0, bytes][rng.below(2) as usize];
                _ = rig.server.remap(&caller, address, old, bytes, 3, to);
            }
            9 if processes.len() < 6 => {
                let child = rig.fork(process).unwrap();
                rig.start(child, step);
                processes.push(child);
            }
            10 if processes.len() > 1 => {
                processes.swap_remove(at);
                rig.end(process);
            }
            11 if rng.below(20) == 0 => rig.server.clear_program(&caller, BASE).unwrap(),
            _ => _ = rig.store(process, address, step),
        }
        let shown: u64 = processes
            .iter()
            .map(|&process| rig.server.space(process).unwrap().segment_regions())
            .sum();
        assert_eq!(rig.attached(segment), shown, "step {step}");
    }
    processes.iter().for_each(|&process| rig.end(process));
    assert_eq!(rig.attached(segment), 0);
}
