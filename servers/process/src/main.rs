//! The program: the process server with its real neighbours.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, Ordering};
use k42_abi::info::Count;
use k42_abi::rights::class;
use k42_abi::{CommId, Error};
use k42_api::event;
use k42_api::lifecycle::{Credentials, LifecycleClient};
use k42_api::memory::{MapOptions, MemoryClient, MemoryTotals, SegmentState, SpaceUsage};
use k42_api::names::NamesClient;
use k42_ipc::{Handle, OutBuf, ProcessId, Result};
use k42_object::{Config, System};
use k42_process::env::{
    Environment, Kernel, MemoryCalls, Notify, SegmentCalls, Servers, Statistics,
};
use k42_process::{Root, Server};
use k42_rt::{AsyncEvent, Start, log, sys};
use k42_sched::ThreadRef;
use k42_sync::Once;

k42_rt::entry!(main, heap = 2 << 20);

static SERVER: Once<&'static Server> = Once::new();
/// Processes that each CPU can have made that exist at one time.
const PROCESSES_PER_CPU: usize = 32_768;

fn main(_: Start) {
    let config = Config::new(k42_rt::info().cpus as usize, || k42_sched::vp() as usize)
        .watcher(k42_rt::trace_object);
    let objects = match System::start(config.refs_per_cpu(PROCESSES_PER_CPU)) {
        Ok(objects) => objects,
        Err(error) => {
            log::error!("no object system: {error:?}");
            return;
        }
    };
    let server: &Server = Box::leak(Box::new(Server::new(Box::new(Machine), objects)));
    SERVER.call_once(|| server);
    if let Err(error) = k42_rt::on_event(on_event) {
        log::error!("processes that break will not be noticed: {error}");
    }
    k42_rt::serve(Box::leak(Box::new(Root(server))), &server.files);
}

/// What the kernel says: a process cannot be run any more.
fn on_event(event: AsyncEvent) {
    let (AsyncEvent::Message(message), Some(server)) = (event, SERVER.get()) else {
        return;
    };
    if CommId(message.sender).process() == ProcessId::NONE && message.words[0] == event::BROKEN {
        server.broken(ProcessId(message.words[1] as u32));
    }
}

/// A thread of its own for the first process: both servers that it needs are in the middle of a call to us.
extern "C" fn start_first(_: u64) {
    let Some(server) = SERVER.get() else { return };
    if let Err(error) = server.start_first() {
        log::error!("the first process cannot be started: {error}");
        sys::power_off(1);
    }
}

/// Who looks after RLIMIT_CPU: a thread that sleeps as long as no process has such a limit.
static WATCHER: Once<ThreadRef> = Once::new();

extern "C" fn watch(_: u64) {
    WATCHER.call_once(k42_sched::current);
    loop {
        let next = SERVER
            .get()
            .and_then(|server| server.check_processor_limits());
        match next {
            Some(wait) => {
                let hz = k42_rt::info().timebase_hz;
                let ticks = wait / 1_000_000_000 * hz + wait % 1_000_000_000 * hz / 1_000_000_000;
                k42_sched::block_until(k42_sched::now() + ticks);
            }
            None => k42_sched::block(),
        }
    }
}

/// The real neighbours.
struct Machine;

fn memory() -> MemoryClient {
    MemoryClient::root(ProcessId::MEMORY)
}

/// Calls that bring bulk data back beside a result.
fn filled<T>(
    result: core::result::Result<(T, usize), (Error, usize)>,
    out: &mut OutBuf<'_>,
) -> Result<T> {
    let (value, bytes) = result.map_err(|(error, _)| error)?;
    out.advance(bytes);
    Ok(value)
}

impl MemoryCalls for Machine {
    fn create_space(&self, cpu: u32) -> Result<ProcessId> {
        memory().create_space(cpu)
    }
    fn fork_space(
        &self,
        parent: ProcessId,
        vp: u32,
        cpu: u32,
        without_program: bool,
    ) -> Result<ProcessId> {
        memory().fork_space(parent, vp, cpu, without_program)
    }
    fn renew_space(&self, parent: ProcessId, cpu: u32) -> Result<ProcessId> {
        memory().renew_space(parent, cpu)
    }
    fn start_space(&self, process: ProcessId, words: [u64; 4]) -> Result<()> {
        memory().start_space(process, words)
    }
    fn destroy_space(&self, process: ProcessId) -> Result<[u64; 2]> {
        memory().destroy_space(process)
    }
    fn usage(&self, process: ProcessId) -> Result<SpaceUsage> {
        memory().usage(process)
    }
    fn totals(&self) -> Result<MemoryTotals> {
        memory().totals()
    }
    fn describe(&self, process: ProcessId, from: u64, out: &mut OutBuf<'_>) -> Result<u64> {
        let result = memory().describe(process, from, out.spare());
        filled(result, out)
    }
}

impl SegmentCalls for Machine {
    fn create_segment(&self, bytes: u64, name: &[u8]) -> Result<Handle> {
        memory().create_segment(bytes, name)
    }
    fn attach_segment(
        &self,
        segment: Handle,
        process: ProcessId,
        address: u64,
        options: MapOptions,
        may: MapOptions,
    ) -> Result<u64> {
        memory().attach_segment(segment, process, address, options.bits(), may.bits())
    }
    fn segment_state(&self, segment: Handle) -> Result<SegmentState> {
        memory().segment_state(segment)
    }
    fn discard_segment(&self, segment: Handle) -> Result<()> {
        memory().discard_segment(segment)
    }
    fn release_segment(&self, segment: Handle) {
        if let Err(error) = memory().release(segment) {
            log::warn!("a segment of shared memory stays: {error}");
        }
    }
}

impl Servers for Machine {
    fn client_created(
        &self,
        server: ProcessId,
        process: ProcessId,
        ids: Credentials,
        groups: &[u8],
    ) -> Result<()> {
        LifecycleClient::root(server).client_created(process, ids, groups)
    }
    fn client_forked(&self, server: ProcessId, parent: ProcessId, child: ProcessId) -> Result<()> {
        LifecycleClient::root(server).client_forked(parent, child)
    }
    fn client_ended(&self, server: ProcessId, process: ProcessId) -> Result<()> {
        LifecycleClient::root(server).client_ended(process)
    }
    fn credentials_changed(
        &self,
        server: ProcessId,
        process: ProcessId,
        ids: Credentials,
        groups: &[u8],
    ) -> Result<()> {
        LifecycleClient::root(server).credentials_changed(process, ids, groups)
    }
    fn mounts(&self, out: &mut OutBuf<'_>) -> Result<u32> {
        let result = NamesClient::root(ProcessId::NAME).mounts(out.spare());
        filled(result, out)
    }
}

impl Notify for Machine {
    fn send(&self, process: ProcessId, vp: u32, kind: u64) {
        // It may have ended, or have more messages than it can hold; in that case it has been told to ask everywhere.
        let _ = sys::send(CommId::new(process, vp), &[kind, 0, 0, 0, 0, 0]);
    }
}

impl Kernel for Machine {
    fn freeze(&self, process: ProcessId) -> Result<()> {
        sys::freeze(process)
    }
    fn thaw(&self, process: ProcessId) -> Result<()> {
        sys::thaw(process)
    }
    fn statistics(&self, process: ProcessId) -> Result<Statistics> {
        let sys::Statistics {
            ticks,
            chosen,
            preemptions,
            ..
        } = sys::statistics(process)?;
        Ok(Statistics {
            ticks,
            chosen,
            preemptions,
        })
    }
    fn set_weight(&self, process: ProcessId, weight: u64) -> Result<()> {
        sys::set_priority(process, class::TIME_SHARE as u32, weight as u32)
    }
    fn power_off(&self, status: u32) {
        let error = sys::power_off(u64::from(status));
        log::error!("the machine stays on: {error}");
    }
    fn count(&self, which: Count) -> Result<u64> {
        sys::count(which)
    }
    fn random(&self) -> u64 {
        sys::random().unwrap_or_else(|_| k42_sched::now())
    }
    fn cpu(&self) -> u32 {
        k42_sched::page().cpu.load(Ordering::Relaxed)
    }
    fn cpus(&self) -> u32 {
        k42_rt::info().cpus as u32
    }
    fn ticks(&self) -> u64 {
        k42_sched::now()
    }
    fn ticks_per_second(&self) -> u64 {
        k42_rt::info().timebase_hz
    }
    fn boot_ticks(&self) -> u64 {
        k42_rt::info().boot_timebase
    }
    fn boot_seconds(&self) -> u64 {
        k42_rt::info().boot_seconds
    }
    fn memory_bytes(&self) -> u64 {
        k42_rt::info().memory_bytes
    }
}

impl Environment for Machine {
    fn watch_processor_limits(&self) {
        static STARTED: AtomicBool = AtomicBool::new(false);
        if let Some(watcher) = WATCHER.get() {
            k42_sched::unblock(*watcher);
        } else if !STARTED.swap(true, Ordering::AcqRel)
            && let Err(error) = k42_sched::spawn(watch, 0)
        {
            STARTED.store(false, Ordering::Release);
            log::error!("no thread for RLIMIT_CPU: {error}");
        }
    }
    fn start_first_soon(&self) {
        if let Err(error) = k42_sched::spawn(start_first, 0) {
            log::error!("no thread for the first process: {error}");
        }
    }
}
