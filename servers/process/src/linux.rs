//! Numbers of Linux's ABI that processes and signals need. The same on every machine that K42 runs on.

/// Signals.
pub mod signal {
    #![allow(missing_docs, reason = "Linux's names without SIG")]
    pub const HUP: u32 = 1;
    pub const INT: u32 = 2;
    pub const KILL: u32 = 9;
    pub const SEGV: u32 = 11;
    pub const CHLD: u32 = 17;
    pub const CONT: u32 = 18;
    pub const STOP: u32 = 19;
    pub const TSTP: u32 = 20;
    pub const TTIN: u32 = 21;
    pub const TTOU: u32 = 22;
    pub const URG: u32 = 23;
    pub const XCPU: u32 = 24;
    pub const WINCH: u32 = 28;
    /// First real-time signal.
    pub const REAL_TIME: u32 = 32;
    /// Last signal.
    pub const MAX: u32 = 64;

    /// The set that holds only `signal` (1 to 64).
    pub const fn bit(signal: u32) -> u64 {
        1 << (signal - 1)
    }
    /// Those whose default action stops the process.
    pub const STOPS: u64 = bit(STOP) | bit(TSTP) | bit(TTIN) | bit(TTOU);
    /// Those whose default action is to do nothing.
    pub const IGNORED_BY_DEFAULT: u64 = bit(CHLD) | bit(CONT) | bit(URG) | bit(WINCH);
    /// Those that cannot be blocked, caught or ignored.
    pub const UNSTOPPABLE: u64 = bit(KILL) | bit(STOP);
}

/// Values of si_code.
pub mod code {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const SI_USER: i32 = 0;
    pub const SI_KERNEL: i32 = 0x80;
    pub const SI_TKILL: i32 = -6;
    pub const CLD_EXITED: i32 = 1;
    pub const CLD_KILLED: i32 = 2;
    pub const CLD_DUMPED: i32 = 3;
    pub const CLD_STOPPED: i32 = 5;
    pub const CLD_CONTINUED: i32 = 6;
}

/// Options of wait4(2) and waitid(2).
pub mod wait {
    #![allow(missing_docs, reason = "Linux's names without W")]
    pub const NOHANG: u32 = 1;
    pub const STOPPED: u32 = 2;
    pub const EXITED: u32 = 4;
    pub const CONTINUED: u32 = 8;
    pub const NOWAIT: u32 = 0x0100_0000;
    /// __WNOTHREAD, __WALL, __WCLONE: about threads, which live in the library.
    pub const THREADS: u32 = 0xe000_0000;
    pub const ALL: u32 = NOHANG | STOPPED | EXITED | CONTINUED | NOWAIT | THREADS;
    /// Status word of a child that went on.
    pub const STATUS_CONTINUED: u32 = 0xffff;
    /// Status word of a child that `signal` stopped.
    pub const fn status_stopped(signal: u32) -> u32 {
        signal << 8 | 0x7f
    }
}

/// Resources of getrlimit(2).
pub mod resource {
    #![allow(missing_docs, reason = "Linux's names without RLIMIT_")]
    pub const CPU: usize = 0;
    pub const STACK: usize = 3;
    pub const CORE: usize = 4;
    pub const NPROC: usize = 6;
    pub const NOFILE: usize = 7;
    pub const MEMLOCK: usize = 8;
    pub const SIGPENDING: usize = 11;
    pub const MSGQUEUE: usize = 12;
    pub const NICE: usize = 13;
    pub const RTPRIO: usize = 14;
    /// How many there are.
    pub const COUNT: usize = 16;
    /// No limit.
    pub const INFINITY: u64 = u64::MAX;
}

/// Targets of getpriority(2).
pub mod priority {
    #![allow(missing_docs, reason = "Linux's names without PRIO_")]
    pub const PROCESS: u32 = 0;
    pub const GROUP: u32 = 1;
    pub const USER: u32 = 2;
}

/// Largest pid, exclusive.
pub const PID_MAX: i32 = 32768;
/// Below this no pid is given out again after the first round, as Linux keeps them for daemons.
pub const PID_RESERVED: i32 = 300;
/// Clock ticks a second in times(2) and /proc.
pub const USER_HZ: u64 = 100;
/// Bytes of a process's name, the NUL not counted.
pub const COMM_MAX: usize = 15;
