//! Indices in the library area of the dispatcher page. 0 to 3 are the START words.

/// The running thread, zero in upcalls.
pub const CURRENT: usize = 8;
/// The dispatcher's own data.
pub const DISPATCHER: usize = 9;
/// r2 of library code.
pub const TOC: usize = 10;
/// Array of the worker threads by server slot.
pub const WORKERS: usize = 11;
/// Stack of the trap entry.
pub const TRAP_STACK: usize = 12;
/// Address of the word of the first free client slot, zero if there is none.
pub const FREE_SLOT: usize = 13;
/// The thread of a program that may go on as soon as it has its reply: its floating-point registers are in, and nothing
/// is barred.
pub const DIRECT: usize = 14;
/// Address of the trace buffer of the programs' side on the dispatcher's CPU.
pub const TRACE_BUFFER: usize = 15;
/// What each client slot is used for; see `slots`.
pub const CALLERS: usize = 64;
/// First word for linux-emu.
pub const EMU: usize = 128;
