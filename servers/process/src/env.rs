//! What the process server needs from its surroundings: other servers, and the kernel. On K42 `main.rs` provides these
//! by protected calls and system calls; on the host the tests do.

use k42_abi::info::Count;
use k42_api::lifecycle::Credentials;
use k42_api::memory::{MapOptions, MemoryTotals, SegmentState, SpaceUsage};
use k42_ipc::{Handle, OutBuf, ProcessId, Result};

/// The memory server, as far as it makes and ends address spaces.
pub trait MemoryCalls {
    /// `Memory::create_space`.
    fn create_space(&self, cpu: u32) -> Result<ProcessId>;
    /// `Memory::fork_space`.
    fn fork_space(
        &self,
        parent: ProcessId,
        vp: u32,
        cpu: u32,
        without_program: bool,
    ) -> Result<ProcessId>;
    /// `Memory::renew_space`.
    fn renew_space(&self, parent: ProcessId, cpu: u32) -> Result<ProcessId>;
    /// `Memory::start_space`.
    fn start_space(&self, process: ProcessId, words: [u64; 4]) -> Result<()>;
    /// `Memory::destroy_space`: page faults, bytes of private frames.
    fn destroy_space(&self, process: ProcessId) -> Result<[u64; 2]>;
    /// `Memory::usage`.
    fn usage(&self, process: ProcessId) -> Result<SpaceUsage>;
    /// `Memory::totals`.
    fn totals(&self) -> Result<MemoryTotals>;
    /// `Memory::describe`.
    fn describe(&self, process: ProcessId, from: u64, out: &mut OutBuf<'_>) -> Result<u64>;
}

/// The memory server, as far as it has segments of shared memory.
pub trait SegmentCalls {
    /// `Memory::create_segment`.
    fn create_segment(&self, bytes: u64, name: &[u8]) -> Result<Handle>;
    /// `Memory::attach_segment`.
    fn attach_segment(
        &self,
        segment: Handle,
        process: ProcessId,
        address: u64,
        options: MapOptions,
        may: MapOptions,
    ) -> Result<u64>;
    /// `Memory::segment_state`.
    fn segment_state(&self, segment: Handle) -> Result<SegmentState>;
    /// `Memory::discard_segment`.
    fn discard_segment(&self, segment: Handle) -> Result<()>;
    /// `Memory::release`.
    fn release_segment(&self, segment: Handle);
}

/// The `Lifecycle` interface of a registered file server.
pub trait Servers {
    /// `Lifecycle::client_created`.
    fn client_created(
        &self,
        server: ProcessId,
        process: ProcessId,
        ids: Credentials,
        groups: &[u8],
    ) -> Result<()>;
    /// `Lifecycle::client_forked`.
    fn client_forked(&self, server: ProcessId, parent: ProcessId, child: ProcessId) -> Result<()>;
    /// `Lifecycle::client_ended`.
    fn client_ended(&self, server: ProcessId, process: ProcessId) -> Result<()>;
    /// `Lifecycle::credentials_changed`.
    fn credentials_changed(
        &self,
        server: ProcessId,
        process: ProcessId,
        ids: Credentials,
        groups: &[u8],
    ) -> Result<()>;
    /// `Names::mounts`.
    fn mounts(&self, out: &mut OutBuf<'_>) -> Result<u32>;
}

/// Asynchronous messages.
pub trait Notify {
    /// SEND of one event kind (`k42_api::event`) to a dispatcher. May be lost when the receiver has too many; it is told
    /// so, and asks.
    fn send(&self, process: ProcessId, vp: u32, kind: u64);
}

/// What a process has used, from the kernel's STATISTICS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Timebase ticks run.
    pub ticks: u64,
    /// Times chosen by the scheduler.
    pub chosen: u64,
    /// Preemptions.
    pub preemptions: u64,
}

/// The kernel's calls for who manages processes.
pub trait Kernel {
    /// FREEZE.
    fn freeze(&self, process: ProcessId) -> Result<()>;
    /// THAW.
    fn thaw(&self, process: ProcessId) -> Result<()>;
    /// STATISTICS.
    fn statistics(&self, process: ProcessId) -> Result<Statistics>;
    /// SET_PRIORITY in the time-sharing class.
    fn set_weight(&self, process: ProcessId, weight: u64) -> Result<()>;
    /// POWER_OFF. Does not come back on a real machine.
    fn power_off(&self, status: u32);
    /// COUNT.
    fn count(&self, which: Count) -> Result<u64>;
    /// A random word.
    fn random(&self) -> u64;
    /// The CPU that this runs on.
    fn cpu(&self) -> u32;
    /// How many CPUs there are.
    fn cpus(&self) -> u32;
    /// The timebase.
    fn ticks(&self) -> u64;
    /// Its ticks a second.
    fn ticks_per_second(&self) -> u64;
    /// Its value at boot.
    fn boot_ticks(&self) -> u64;
    /// Wall time at boot, seconds since 1970.
    fn boot_seconds(&self) -> u64;
    /// Bytes of memory in the machine.
    fn memory_bytes(&self) -> u64;
}

/// All of it.
pub trait Environment:
    MemoryCalls + SegmentCalls + Servers + Notify + Kernel + Send + Sync
{
    /// Calls `Server::start_first` soon, outside any call: both servers that the first process needs are there now.
    fn start_first_soon(&self);

    /// Calls `Server::check_processor_limits` soon, and again when that asks for it.
    fn watch_processor_limits(&self);

    /// Nanoseconds in `ticks` of the timebase.
    fn nanoseconds(&self, ticks: u64) -> u64 {
        let hz = self.ticks_per_second().max(1);
        ticks / hz * 1_000_000_000 + ticks % hz * 1_000_000_000 / hz
    }
    /// Nanoseconds since boot.
    fn uptime(&self) -> u64 {
        self.nanoseconds(self.ticks().saturating_sub(self.boot_ticks()))
    }
}
