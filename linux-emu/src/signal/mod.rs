//! Signals: what is pending, what is blocked, what is to be done.
//!
//! The process server routes signals between processes; from the moment a signal has been fetched it
//! lives here. Four parts, of which the first three know no hardware:
//!
//! * [`set`]: sets of signals and the properties of each number,
//! * [`state`]: actions and queues, and the choice of what happens next,
//! * [`frame`]: the frame on the program's stack, exactly as Linux lays it out on ppc64,
//! * [`deliver`]: the thread's way out of the library through all of it.

pub mod deliver;
pub mod frame;
pub mod set;
pub mod state;

pub use set::SignalSet;
pub use state::{Action, Pending, SignalState};

/// A signal with what siginfo tells about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Info {
    /// Number.
    pub signal: u32,
    /// si_code.
    pub code: i32,
    /// si_errno.
    pub errno: i32,
    /// si_pid; si_tid of a timer.
    pub pid: i32,
    /// si_uid; si_overrun of a timer.
    pub uid: u32,
    /// si_value, or si_status.
    pub value: u64,
    /// si_addr of a fault.
    pub address: u64,
    /// The fault could not be held back: it is delivered even if blocked or ignored.
    pub forced: bool,
}

/// Values of si_code.
pub mod code {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const SI_USER: i32 = 0;
    pub const SI_KERNEL: i32 = 0x80;
    pub const SI_QUEUE: i32 = -1;
    pub const SI_TIMER: i32 = -2;
    pub const SI_TKILL: i32 = -6;
    pub const SEGV_MAPERR: i32 = 1;
    pub const SEGV_ACCERR: i32 = 2;
    pub const BUS_ADRALN: i32 = 1;
    pub const BUS_ADRERR: i32 = 2;
    pub const ILL_ILLOPC: i32 = 1;
    pub const ILL_PRVOPC: i32 = 5;
    pub const FPE_INTDIV: i32 = 1;
    pub const FPE_FLTDIV: i32 = 3;
    pub const FPE_FLTOVF: i32 = 4;
    pub const FPE_FLTUND: i32 = 5;
    pub const FPE_FLTRES: i32 = 6;
    pub const FPE_FLTINV: i32 = 7;
    pub const FPE_FLTUNK: i32 = 14;
    pub const TRAP_BRKPT: i32 = 1;
    pub const TRAP_TRACE: i32 = 2;
    pub const CLD_EXITED: i32 = 1;
    pub const CLD_KILLED: i32 = 2;
    pub const CLD_DUMPED: i32 = 3;
    pub const CLD_STOPPED: i32 = 5;
    pub const CLD_CONTINUED: i32 = 6;
}
