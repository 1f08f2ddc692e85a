//! The process server: Linux processes, their tree, groups, sessions, signals and credentials.

use crate::lifecycle::Credentials;
use k42_ipc::{Caller, Handle, OutBuf, ProcessId, Result, interface, wire_struct};

wire_struct! {
    /// Who a Linux process is.
    pub struct Identity {
        /// Linux pid.
        pub pid: i32,
        /// Parent's pid.
        pub ppid: i32,
        /// Process group.
        pub pgid: i32,
        /// Session.
        pub sid: i32,
        /// Bit 0: leads its session. Bit 1: its group is orphaned. Bit 2: ignores or blocks SIGTTIN.
        /// Bit 3: ignores or blocks SIGTTOU.
        pub flags: u32,
    }
}

wire_struct! {
    /// A signal with its siginfo.
    pub struct SignalInfo {
        /// Number, 1 to 64; zero = none.
        pub signal: u32,
        /// si_code.
        pub code: i32,
        /// si_errno.
        pub errno: i32,
        /// Sender's pid, or child's.
        pub pid: i32,
        /// Sender's uid.
        pub uid: u32,
        /// si_status, or low word of si_value.
        pub value: u64,
        /// Thread that it is for (tgkill), zero for the process.
        pub thread: i32,
    }
}

wire_struct! {
    /// Answer of `wait`.
    pub struct WaitResult {
        /// The child; zero with WNOHANG when none has changed.
        pub pid: i32,
        /// Status word as wait4(2) gives it.
        pub status: u32,
        /// User time of the child and its waited-for children, nanoseconds.
        pub user_ns: u64,
        /// System time likewise.
        pub system_ns: u64,
        /// Largest resident set, bytes.
        pub max_resident: u64,
        /// uid of the child.
        pub uid: u32,
    }
}

wire_struct! {
    /// All ids of a process.
    pub struct Ids {
        /// Real user.
        pub ruid: u32,
        /// Effective user.
        pub euid: u32,
        /// Saved user.
        pub suid: u32,
        /// Real group.
        pub rgid: u32,
        /// Effective group.
        pub egid: u32,
        /// Saved group.
        pub sgid: u32,
        /// File-system user.
        pub fsuid: u32,
        /// File-system group.
        pub fsgid: u32,
    }
}

wire_struct! {
    /// Processor time, nanoseconds.
    pub struct Times {
        /// Own user time.
        pub user: u64,
        /// Own system time.
        pub system: u64,
        /// Waited-for children's user time.
        pub children_user: u64,
        /// Waited-for children's system time.
        pub children_system: u64,
        /// Largest resident set in bytes.
        pub max_resident: u64,
        /// Page faults.
        pub faults: u64,
    }
}

/// Which ids `set_ids` changes (rules and errors as the calls of that name).
pub mod id_call {
    #![allow(missing_docs, reason = "named after Linux's calls")]
    pub const SETUID: u32 = 0;
    pub const SETGID: u32 = 1;
    pub const SETREUID: u32 = 2;
    pub const SETREGID: u32 = 3;
    pub const SETRESUID: u32 = 4;
    pub const SETRESGID: u32 = 5;
    pub const SETFSUID: u32 = 6;
    pub const SETFSGID: u32 = 7;
}

/// The last of the words with which a library starts: what for, in the low half.
pub mod start_words {
    /// As a copy of another process.
    pub const FORKED: u64 = 0;
    /// As the first process.
    pub const FIRST: u64 = 1;
    /// After `renew`; the high half is the server of the program's handle.
    pub const RENEWED: u64 = 2;
}

/// Value of a `u32` id argument that means "leave it".
pub const KEEP_ID: u32 = u32::MAX;

/// Flags of `Process::fork`.
pub mod fork_flag {
    /// The child gets the library's memory and nothing of the program: it is about to exec.
    pub const WITHOUT_PROGRAM: u32 = 1;
}

/// Options of [`Process::set_option`]: those of prctl(2) that concern the process as a whole, by their numbers there, and two
/// of the library's own.
pub mod option {
    #![allow(missing_docs, reason = "Linux's names without PR_")]
    pub const SET_PDEATHSIG: u32 = 1;
    pub const GET_PDEATHSIG: u32 = 2;
    pub const GET_DUMPABLE: u32 = 3;
    pub const SET_DUMPABLE: u32 = 4;
    pub const SET_NAME: u32 = 15;
    pub const GET_NAME: u32 = 16;
    pub const SET_CHILD_SUBREAPER: u32 = 36;
    pub const GET_CHILD_SUBREAPER: u32 = 37;
    pub const SET_NO_NEW_PRIVS: u32 = 38;
    pub const GET_NO_NEW_PRIVS: u32 = 39;
    /// Not prctl's: bytes 8 to 15 of a name, after `SET_NAME` with the first eight.
    pub const SET_NAME_TAIL: u32 = SET_NAME | 0x1_0000;
    /// Not prctl's: the library tells its umask, for /proc/PID/status.
    pub const UMASK: u32 = 0x1_0000;
}

/// The process server's root object. Callers are Linux processes acting for themselves, unless said.
#[interface(id = 3)]
pub trait Process {
    /// fork(2)/vfork(2): a copy of the caller, made from its dispatcher that called. The child is started; its
    /// START words are pid, ppid, 0, 0. `flags`: [`fork_flag`]. Result: child's pid. EAGAIN at limits, ENOMEM,
    /// EINVAL for unknown flags.
    #[method(1)]
    fn fork(&self, caller: &Caller, flags: u32) -> Result<i32>;
    /// Ends the caller with a wait status (exit code << 8, or signal, | 0x80 with a core). Never
    /// replies when it succeeds.
    #[method(2)]
    fn exit(&self, caller: &Caller, status: u32) -> Result<()>;
    /// wait4(2)/waitid(2): `which` as waitpid; options WNOHANG, WUNTRACED (= WSTOPPED), WCONTINUED, WEXITED, WNOWAIT.
    /// wait4 always says WEXITED too; with none of the three it is taken as said.
    /// WOULD_BLOCK: a CHILD event follows. ECHILD.
    #[method(3)]
    fn wait(&self, caller: &Caller, which: i32, options: u32) -> Result<WaitResult>;
    /// Who the caller is.
    #[method(4)]
    fn identity(&self, caller: &Caller) -> Result<Identity>;
    /// kill(2) (`thread` zero) and tgkill(2). `info` code and value are taken from `code`, `value`
    /// (sigqueue); only the kernel's own codes are refused (EPERM).
    #[method(5)]
    fn kill(
        &self,
        caller: &Caller,
        pid: i32,
        thread: i32,
        signal: u32,
        code: i32,
        value: u64,
    ) -> Result<()>;
    /// Takes the lowest pending signal that is in `wanted` (bit n-1 = signal n) off the queue; signal zero
    /// if there is none.
    #[method(6)]
    fn fetch_signal(&self, caller: &Caller, wanted: u64) -> Result<SignalInfo>;
    /// Signals pending for the caller.
    #[method(7)]
    fn pending_signals(&self, caller: &Caller) -> Result<u64>;
    /// The library tells which signals the process ignores (explicitly or by default), blocks and catches: for
    /// /proc, and so that ignored ones need not wake it. `no_child_wait`: SIGCHLD has SA_NOCLDWAIT or is ignored
    /// explicitly, so children that end vanish; `no_child_stop`: it has SA_NOCLDSTOP.
    #[method(8)]
    fn signal_masks(
        &self,
        caller: &Caller,
        ignored: u64,
        blocked: u64,
        caught: u64,
        no_child_wait: bool,
        no_child_stop: bool,
    ) -> Result<()>;
    /// The default action of a stop signal: stops the caller until SIGCONT; comes back then.
    #[method(9)]
    fn stop_self(&self, caller: &Caller, signal: u32) -> Result<()>;
    /// setpgid(2).
    #[method(10)]
    fn set_group(&self, caller: &Caller, pid: i32, pgid: i32) -> Result<()>;
    /// getpgid(2); zero = caller.
    #[method(11)]
    fn group_of(&self, caller: &Caller, pid: i32) -> Result<i32>;
    /// getsid(2).
    #[method(12)]
    fn session_of(&self, caller: &Caller, pid: i32) -> Result<i32>;
    /// setsid(2).
    #[method(13)]
    fn new_session(&self, caller: &Caller) -> Result<i32>;
    /// The caller's ids.
    #[method(14)]
    fn ids(&self, caller: &Caller) -> Result<Ids>;
    /// Changes ids; see [`id_call`]. For SETFSUID/SETFSGID the result's field holds the previous value.
    #[method(15)]
    fn set_ids(&self, caller: &Caller, which: u32, a: u32, b: u32, c: u32) -> Result<Ids>;
    /// Supplementary groups as little-endian u32.
    #[method(16)]
    fn groups(&self, caller: &Caller, out: &mut OutBuf<'_>) -> Result<u32>;
    /// setgroups(2).
    #[method(17)]
    fn set_groups(&self, caller: &Caller, groups: &[u8]) -> Result<()>;
    /// prlimit64(2): sets if `set`, gives the old soft and hard limit.
    #[method(18)]
    fn limit(
        &self,
        caller: &Caller,
        pid: i32,
        resource: u32,
        set: bool,
        soft: u64,
        hard: u64,
    ) -> Result<[u64; 2]>;
    /// Processor times of the caller.
    #[method(19)]
    fn times(&self, caller: &Caller) -> Result<Times>;
    /// The caller has a new program: its name (comm) and command line (NUL-separated), for /proc; `path` of the program.
    #[method(20)]
    fn program_changed(
        &self,
        caller: &Caller,
        comm: &[u8],
        command_line: &[u8],
        path: &[u8],
    ) -> Result<()>;
    /// setpriority/getpriority/nice: `which`, `who` as Linux; result of get is 20 - nice.
    #[method(21)]
    fn priority(&self, caller: &Caller, which: u32, who: i32, set: bool, nice: i32) -> Result<i32>;
    /// uname's node name (get: empty `set_to`).
    #[method(22)]
    fn host_name(
        &self,
        caller: &Caller,
        set: bool,
        set_to: &[u8],
        out: &mut OutBuf<'_>,
    ) -> Result<()>;
    /// reboot(2): power off or restart; EPERM unless root. `status` is what `k42 run` exits with.
    #[method(23)]
    fn power_off(&self, caller: &Caller, status: u32) -> Result<()>;
    /// Numbers for sysinfo(2): [processes, load1, load5, load15] (loads scaled by 65536).
    #[method(24)]
    fn load(&self, caller: &Caller) -> Result<[u64; 4]>;
    /// umask is the library's own; this tells it for /proc only. prctl's PR_SET_NAME, PDEATHSIG.
    #[method(25)]
    fn set_option(&self, caller: &Caller, option: u32, value: u64) -> Result<u64>;
    /// The caller executes the program that a file server has spoken of by `offer_program`: it gets those ids, and an
    /// address space with a fresh library and a copy of the program's memory. The library starts with the words pid,
    /// `request`, handle of the program, [`start_words`]. Never replies when it succeeds. EPERM without an offer.
    #[method(26)]
    fn renew(&self, caller: &Caller, request: u64) -> Result<()>;
    /// sched_setaffinity(2) and sched_getaffinity(2) of process `pid` (zero: the caller): takes `mask` (bit n = CPU n) if
    /// `set`. Result: the mask now, of CPUs that there are, and the CPU on which the process is to run; the caller goes
    /// there by itself, another one gets a PLACE event. EINVAL, ESRCH, EPERM.
    #[method(27)]
    fn affinity(&self, caller: &Caller, pid: i32, set: bool, mask: u64) -> Result<[u64; 2]>;

    /// For servers: who `process` is.
    #[method(40)]
    fn identity_of(&self, caller: &Caller, process: ProcessId) -> Result<Identity>;
    /// For servers: credentials of `process`, groups in `out`.
    #[method(41)]
    fn credentials_of(
        &self,
        caller: &Caller,
        process: ProcessId,
        out: &mut OutBuf<'_>,
    ) -> Result<Credentials>;
    /// For servers: a signal (SIGINT, SIGTTIN, SIGHUP...) to group `pgid`. ESRCH if it is empty.
    #[method(42)]
    fn signal_group(&self, caller: &Caller, pgid: i32, signal: u32) -> Result<()>;
    /// For servers: whether group `pgid` is in session `sid`.
    #[method(43)]
    fn group_in_session(&self, caller: &Caller, pgid: i32, sid: i32) -> Result<bool>;
    /// For servers: a signal to one process (SIGPIPE, SIGXFSZ).
    #[method(44)]
    fn signal_process(&self, caller: &Caller, process: ProcessId, signal: u32) -> Result<()>;
    /// A file server asks to hear of client processes (see [`crate::lifecycle`]).
    #[method(45)]
    fn register_server(&self, caller: &Caller) -> Result<()>;
    /// For the console server: session `sid` has the terminal with device number `device` (0 = none), shown in /proc.
    #[method(46)]
    fn set_terminal(&self, caller: &Caller, sid: i32, device: u64) -> Result<()>;
    /// For file servers: `process` is about to execute the program behind `handle`, whose set-id bits name these effective
    /// ids ([`KEEP_ID`] = none). Whether that changes anything.
    #[method(47)]
    fn offer_program(
        &self,
        caller: &Caller,
        process: ProcessId,
        handle: Handle,
        uid: u32,
        gid: u32,
    ) -> Result<bool>;
}
