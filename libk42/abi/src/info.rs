//! The kernel information page: facts of the machine, read-only in every process.

/// Most CPUs that the system can use.
pub const MAX_CPUS: usize = 64;

/// Identifies the page and its byte order.
pub const MAGIC: u64 = 0x4b34_3269_6e66_6f31;

/// Contents of the page at [`layout::KERNEL_INFO`](crate::layout::KERNEL_INFO).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KernelInfo {
    /// [`MAGIC`].
    pub magic: u64,
    /// CPUs that run.
    pub cpus: u64,
    /// Timebase ticks a second.
    pub timebase_hz: u64,
    /// Timebase value when the kernel was entered.
    pub boot_timebase: u64,
    /// Wall time then: seconds since 1970 (UTC).
    pub boot_seconds: u64,
    /// Trace classes that are on; one bit each.
    pub trace_mask: u64,
    /// Bytes of the trace region, zero if there is none.
    pub trace_bytes: u64,
    /// Bytes of a data cache block (`dcbz`).
    pub dcache_block: u64,
    /// Bytes of an instruction cache block (`icbi`).
    pub icache_block: u64,
    /// Bytes of memory in the machine.
    pub memory_bytes: u64,
    /// Consoles that there are.
    pub consoles: u64,
    /// Hardware capabilities as Linux tells its programs (AT_HWCAP, AT_HWCAP2).
    pub hwcap: [u64; 2],
    /// Version of the mount table; a change means that cached lookups are void. Written by nobody yet
    /// but the kernel: the name server's own page carries the live one.
    pub reserved: [u64; 3],
}

/// What the COUNT call can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Count {
    /// Processes that exist.
    Processes = 0,
    /// Dispatchers that exist.
    Dispatchers = 1,
    /// Frames in translation tables.
    TableFrames = 2,
    /// Protected calls made.
    Calls = 3,
    /// Calls outstanding.
    CallsOutstanding = 4,
    /// Asynchronous messages dropped.
    MessagesDropped = 5,
}
