//! Mock neighbours, and a world in which tests act as processes by their pids.

use crate::Server;
use crate::env::{Environment, Kernel, MemoryCalls, Notify, SegmentCalls, Servers, Statistics};
use crate::record::{Life, Record};
use k42_abi::info::Count;
use k42_api::lifecycle::Credentials;
use k42_api::memory::{MapOptions, MemoryTotals, SegmentState, SpaceUsage};
use k42_api::process::{Process, WaitResult};
use k42_fslib::mounts::Mount;
use k42_ipc::{Caller, Error, Handle, OutBuf, ProcessId, Result};
use k42_object::{Config, System, system};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, Once};

/// What the neighbours know.
#[derive(Default)]
pub struct State {
    /// Address spaces, and whether they were started with which words.
    pub spaces: BTreeMap<ProcessId, Option<[u64; 4]>>,
    pub frozen: BTreeSet<ProcessId>,
    /// Clients of each file server.
    pub clients: BTreeSet<(ProcessId, ProcessId)>,
    pub credentials: BTreeMap<ProcessId, Credentials>,
    /// Events sent: process, dispatcher, kind.
    pub events: Vec<(ProcessId, u32, u64)>,
    /// Everything that was called, in order.
    pub log: Vec<String>,
    pub weights: BTreeMap<ProcessId, u64>,
    pub off: Option<u32>,
    pub first_soon: bool,
    /// Next fork_space fails.
    pub fail_fork: bool,
    pub cpu: u32,
    pub now: u64,
    next: u16,
    /// RLIMIT_CPU is looked after.
    pub watching: bool,
    /// Segments of shared memory.
    pub segments: BTreeMap<u64, MockSegment>,
    /// Next create_segment fails.
    pub fail_segment: bool,
}

/// A segment as the memory server would have it.
#[derive(Clone, Copy, Default)]
pub struct MockSegment {
    pub attached: u64,
    pub discarded: bool,
}

impl MockSegment {
    fn is_over(&self) -> bool {
        self.discarded && self.attached == 0
    }
}

#[derive(Clone, Default)]
pub struct Mock(pub Arc<Mutex<State>>);

impl Mock {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
    fn new_space(&self) -> ProcessId {
        let mut state = self.state();
        // Indices are used again soon, with another generation, as the kernel does.
        let id = loop {
            state.next += 1;
            let index = 16 + state.next % 500;
            if !state
                .spaces
                .keys()
                .any(|space| space.index() == usize::from(index))
            {
                break ProcessId::new(index, 1 + state.next / 500);
            }
        };
        state.spaces.insert(id, None);
        id
    }
}

impl MemoryCalls for Mock {
    fn create_space(&self, _: u32) -> Result<ProcessId> {
        Ok(self.new_space())
    }
    fn fork_space(&self, parent: ProcessId, _: u32, _: u32, _: bool) -> Result<ProcessId> {
        if std::mem::take(&mut self.state().fail_fork) {
            return Err(Error::ENOMEM);
        }
        assert!(self.state().spaces.contains_key(&parent));
        Ok(self.new_space())
    }
    fn renew_space(&self, parent: ProcessId, cpu: u32) -> Result<ProcessId> {
        self.fork_space(parent, 0, cpu, false)
    }
    fn start_space(&self, process: ProcessId, words: [u64; 4]) -> Result<()> {
        let mut state = self.state();
        let place = state.spaces.get_mut(&process).ok_or(Error::ESRCH)?;
        assert_eq!(place.replace(words), None);
        Ok(())
    }
    fn destroy_space(&self, process: ProcessId) -> Result<[u64; 2]> {
        let mut state = self.state();
        state.log.push(format!("destroy {process:?}"));
        state.frozen.remove(&process);
        state
            .spaces
            .remove(&process)
            .map(|_| [7, 8192])
            .ok_or(Error::ESRCH)
    }
    fn usage(&self, process: ProcessId) -> Result<SpaceUsage> {
        let there = self.state().spaces.contains_key(&process);
        let usage = SpaceUsage {
            mapped: 40960,
            resident: 8192,
            private: 4096,
            regions: 3,
            faults: 7,
            heap: 4096,
            stack: 8192,
            text: 4096,
            locked: 8192,
        };
        if there { Ok(usage) } else { Err(Error::ESRCH) }
    }
    fn totals(&self) -> Result<MemoryTotals> {
        let mb = 1 << 20;
        Ok(MemoryTotals {
            total: 512 * mb,
            free: 400 * mb,
            cached: 20 * mb,
            anonymous: 8 * mb,
            tables: mb,
            pinned: 2 * mb,
            shared: 0,
            fcms: 11,
            regions: 22,
            spaces: 5,
        })
    }
    fn describe(&self, _: ProcessId, from: u64, out: &mut OutBuf<'_>) -> Result<u64> {
        let line = |n: u64| {
            format!(
                "{:08x}-{:08x} r-xp 00000000 00:01 7          /bin/x\n",
                n << 16,
                (n << 16) + 4096
            )
        };
        for n in from..300 {
            if out.put(line(n).as_bytes()).is_err() {
                return Ok(n);
            }
        }
        Ok(0)
    }
}

impl Servers for Mock {
    fn client_created(
        &self,
        server: ProcessId,
        process: ProcessId,
        ids: Credentials,
        _: &[u8],
    ) -> Result<()> {
        let mut state = self.state();
        state.clients.insert((server, process));
        state.credentials.insert(process, ids);
        Ok(())
    }
    fn client_forked(&self, server: ProcessId, parent: ProcessId, child: ProcessId) -> Result<()> {
        let mut state = self.state();
        assert!(state.clients.contains(&(server, parent)));
        state.clients.insert((server, child));
        Ok(())
    }
    fn client_ended(&self, server: ProcessId, process: ProcessId) -> Result<()> {
        let mut state = self.state();
        state.log.push(format!("ended {process:?}"));
        assert!(state.clients.remove(&(server, process)));
        Ok(())
    }
    fn credentials_changed(
        &self,
        _: ProcessId,
        process: ProcessId,
        ids: Credentials,
        _: &[u8],
    ) -> Result<()> {
        self.state().credentials.insert(process, ids);
        Ok(())
    }
    fn mounts(&self, out: &mut OutBuf<'_>) -> Result<u32> {
        for (id, [point, kind, source]) in [
            (0, ["/", "kfs", "root"]),
            (1, ["/with space", "proc", "none"]),
        ] {
            let mount = Mount {
                id,
                parent: 0,
                server: ProcessId::KFS,
                flags: 0,
                point,
                kind,
                source,
                options: "rw",
            };
            k42_fslib::mounts::put(out, &mount)?;
        }
        Ok(1)
    }
}

impl SegmentCalls for Mock {
    fn create_segment(&self, _: u64, _: &[u8]) -> Result<Handle> {
        let mut state = self.state();
        if std::mem::take(&mut state.fail_segment) {
            return Err(Error::ENOMEM);
        }
        let handle = 1 + state.segments.keys().max().unwrap_or(&0);
        state.segments.insert(handle, MockSegment::default());
        Ok(Handle(handle))
    }
    fn attach_segment(
        &self,
        segment: Handle,
        _: ProcessId,
        address: u64,
        options: MapOptions,
        may: MapOptions,
    ) -> Result<u64> {
        assert!(may.contains(options & MapOptions::WRITE));
        let mut state = self.state();
        let segment = state
            .segments
            .get_mut(&segment.0)
            .ok_or(Error::BAD_HANDLE)?;
        if segment.is_over() {
            return Err(Error::EIDRM);
        }
        segment.attached += 1;
        Ok(if address == 0 { 0x7000_0000 } else { address })
    }
    fn segment_state(&self, segment: Handle) -> Result<SegmentState> {
        let state = self.state();
        let segment = state.segments.get(&segment.0).ok_or(Error::BAD_HANDLE)?;
        if segment.is_over() {
            return Err(Error::EIDRM);
        }
        Ok(SegmentState {
            attached: segment.attached,
            attach_ticks: 0,
            detach_ticks: 0,
            last_pid: 0,
            frames: 1,
        })
    }
    fn discard_segment(&self, segment: Handle) -> Result<()> {
        let mut state = self.state();
        let segment = state
            .segments
            .get_mut(&segment.0)
            .ok_or(Error::BAD_HANDLE)?;
        segment.discarded = true;
        Ok(())
    }
    fn release_segment(&self, segment: Handle) {
        assert!(self.state().segments.remove(&segment.0).is_some());
    }
}

impl Notify for Mock {
    fn send(&self, process: ProcessId, vp: u32, kind: u64) {
        self.state().events.push((process, vp, kind));
    }
}

impl Kernel for Mock {
    fn freeze(&self, process: ProcessId) -> Result<()> {
        let mut state = self.state();
        assert!(state.spaces.contains_key(&process));
        state.frozen.insert(process);
        Ok(())
    }
    fn thaw(&self, process: ProcessId) -> Result<()> {
        assert!(self.state().frozen.remove(&process));
        Ok(())
    }
    fn statistics(&self, process: ProcessId) -> Result<Statistics> {
        let there = self.state().spaces.contains_key(&process);
        if there {
            Ok(Statistics {
                ticks: 512,
                chosen: 2,
                preemptions: 1,
            })
        } else {
            Err(Error::ESRCH)
        }
    }
    fn set_weight(&self, process: ProcessId, weight: u64) -> Result<()> {
        self.state().weights.insert(process, weight);
        Ok(())
    }
    fn power_off(&self, status: u32) {
        self.state().off = Some(status);
    }
    fn count(&self, which: Count) -> Result<u64> {
        Ok(100 + which as u64)
    }
    fn random(&self) -> u64 {
        0x0123_4567_89ab_cdef
    }
    fn cpu(&self) -> u32 {
        self.state().cpu
    }
    fn cpus(&self) -> u32 {
        4
    }
    fn ticks(&self) -> u64 {
        self.state().now
    }
    fn ticks_per_second(&self) -> u64 {
        512_000_000
    }
    fn boot_ticks(&self) -> u64 {
        0
    }
    fn boot_seconds(&self) -> u64 {
        1_700_000_000
    }
    fn memory_bytes(&self) -> u64 {
        512 << 20
    }
}

impl Environment for Mock {
    fn watch_processor_limits(&self) {
        self.state().watching = true;
    }
    fn start_first_soon(&self) {
        self.state().first_soon = true;
    }
}

/// The object system that all tests of this program share.
fn objects() -> &'static System {
    static START: Once = Once::new();
    START.call_once(|| {
        System::start(Config::new(4, || 0)).expect("started once");
    });
    system().expect("started")
}

/// A server with a first process.
pub struct World {
    pub server: &'static Server,
    pub mock: Mock,
}

impl World {
    pub fn new() -> Self {
        Self::with(objects())
    }
    /// With an object system of its own.
    pub fn with(objects: &'static System) -> Self {
        let mock = Mock::default();
        // As long as the program: files of /proc keep references to it.
        let server: &Server = Box::leak(Box::new(Server::new(Box::new(mock.clone()), objects)));
        assert_eq!(server.register(ProcessId(40)), Err(Error::EPERM));
        server.register(ProcessId::KFS).unwrap();
        server.register(ProcessId::KFS).unwrap();
        assert!(!mock.state().first_soon);
        server.register(ProcessId::CONSOLE).unwrap();
        assert!(mock.state().first_soon);
        server.start_first().unwrap();
        Self { server, mock }
    }

    pub fn space(&self, pid: i32) -> ProcessId {
        let guard = self.server.objects.enter();
        self.server
            .pids
            .process(pid)
            .unwrap()
            .get(&guard)
            .unwrap()
            .space()
    }
    pub fn life(&self, pid: i32) -> Option<Life> {
        let guard = self.server.objects.enter();
        Some(self.server.pids.process(pid).ok()?.get(&guard).ok()?.life())
    }
    pub fn caller(&self, pid: i32) -> Caller {
        Caller {
            process: self.space(pid),
            vp: 0,
            handle: Handle::ROOT,
            rights: 0,
        }
    }
    pub fn fork(&self, pid: i32) -> i32 {
        Process::fork(self.server, &self.caller(pid), 0).unwrap()
    }
    pub fn exit(&self, pid: i32, code: u32) {
        self.server.exit(&self.caller(pid), code << 8).unwrap();
    }
    pub fn wait(&self, pid: i32, which: i32, options: u32) -> Result<WaitResult> {
        self.server.wait(&self.caller(pid), which, options)
    }
    pub fn kill(&self, from: i32, to: i32, signal: u32) -> Result<()> {
        self.server.kill(&self.caller(from), to, 0, signal, 0, 0)
    }
    pub fn fetch(&self, pid: i32) -> u32 {
        self.server
            .fetch_signal(&self.caller(pid), !0)
            .unwrap()
            .signal
    }
    pub fn ppid(&self, pid: i32) -> i32 {
        self.server.identity(&self.caller(pid)).unwrap().ppid
    }
    pub fn stopped(&self, pid: i32) -> bool {
        self.mock.state().frozen.contains(&self.space(pid))
    }
    pub fn set_group(&self, pid: i32, target: i32, pgid: i32) -> Result<()> {
        self.server.set_group(&self.caller(pid), target, pgid)
    }
    /// Events that `pid` was sent since the last look at anybody's.
    pub fn events(&self, pid: i32) -> Vec<u64> {
        let space = self.space(pid);
        let events = std::mem::take(&mut self.mock.state().events);
        events
            .into_iter()
            .filter(|event| event.0 == space)
            .map(|event| event.2)
            .collect()
    }
    pub fn become_user(&self, pid: i32, uid: u32) {
        let caller = self.caller(pid);
        self.server
            .set_ids(&caller, k42_api::process::id_call::SETGID, uid, 0, 0)
            .unwrap();
        self.server
            .set_ids(&caller, k42_api::process::id_call::SETUID, uid, 0, 0)
            .unwrap();
    }
}
