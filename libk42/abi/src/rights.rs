//! What a process may ask of the kernel.

bitflags::bitflags! {
    /// Rights of a process towards the kernel, set when its address space is created.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct KernelRights: u64 {
        /// Send asynchronous messages to other processes.
        const SEND = 1 << 0;
        /// Manage address spaces, frames and dispatchers (the memory server).
        const MEMORY = 1 << 1;
        /// Stop, continue and prioritise processes (the process server).
        const PROCESS = 1 << 2;
        /// Use the consoles.
        const CONSOLE = 1 << 3;
        /// Turn the machine off.
        const SHUTDOWN = 1 << 4;
        /// Control tracing.
        const TRACE = 1 << 5;
    }
}

/// Scheduling classes, strict: a lower number goes first.
pub mod class {
    /// Servers.
    pub const SERVER: u64 = 0;
    /// Soft real time.
    pub const REAL_TIME: u64 = 1;
    /// Time sharing: Linux processes.
    pub const TIME_SHARE: u64 = 2;
    /// Only when nobody else wants the CPU.
    pub const BACKGROUND: u64 = 3;
    /// Number of classes.
    pub const COUNT: usize = 4;
}

/// Weight of an ordinary dispatcher (Linux's nice 0); from 1 to [`WEIGHT_MAX`].
pub const WEIGHT_DEFAULT: u64 = 1024;
/// Greatest weight.
pub const WEIGHT_MAX: u64 = 65536;
