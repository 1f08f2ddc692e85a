//! What the library needs of the runtime: threads that block and wake, time, a lock, the log.
//!
//! On K42 these are the user-level scheduler's; on the host they are stand-ins, good enough to test the
//! logic above them in one thread.

pub use imp::*;

/// A lock for the library's own data. Never hold one over a call to a server or an access to the
/// program's memory.
pub type Lock<T> = k42_sched::Mutex<T>;
/// A lock that is held.
pub type Guard<'a, T> = k42_sched::Guard<'a, T>;

/// What comes of asking for a copy of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forked {
    /// In the parent: the child's pid, or why there is none.
    Parent(k42_abi::Result<i32>),
    /// In the child.
    Child {
        /// Its pid.
        pid: i32,
    },
}

#[cfg(target_os = "none")]
mod imp {
    use k42_abi::info::KernelInfo;
    use k42_abi::{Result, layout};
    pub use k42_sched::fp::{
        FpState, clear_status as begin_fp_status, load as load_vectors, with_saved as with_vectors,
    };
    pub use k42_sched::{ThreadRef, block, block_until, current, now, unblock, yield_now};

    pub use crate::arch::entry::{disturb, divert as disturb_in_upcall, running};
    pub use crate::start::start_thread;
    pub use k42_sched::{change_cpu, exit as exit_thread, processor, spawn};

    extern "C" fn ask_for_copy(flags: u64) -> u64 {
        match crate::process::SERVER.fork(flags as u32) {
            Ok(pid) => pid as u64,
            Err(error) => FAILED | u64::from(error.code()),
        }
    }
    /// Marks an error in the answer of `ask_for_copy`.
    const FAILED: u64 = 1 << 32;

    /// Makes a copy of the process.
    pub fn fork(flags: u32) -> super::Forked {
        match k42_sched::fork::fork_call(ask_for_copy, u64::from(flags)) {
            None => super::Forked::Child {
                pid: k42_sched::page().library[0].load(core::sync::atomic::Ordering::Relaxed)
                    as i32,
            },
            Some(word) if word & FAILED != 0 => {
                super::Forked::Parent(Err(k42_abi::Error::from_code(word as u16)))
            }
            Some(pid) => super::Forked::Parent(Ok(pid as i32)),
        }
    }

    /// The kernel's facts.
    pub fn kernel_info() -> &'static KernelInfo {
        // SAFETY: the page is mapped read-only in every process, for good.
        unsafe { &*(layout::KERNEL_INFO as *const KernelInfo) }
    }

    /// Writes to the kernel's log; a newline ends a line.
    pub fn log(text: &str) {
        k42_sched::sys::log(text.as_bytes());
    }

    /// A random word from the hypervisor.
    pub fn random() -> Result<u64> {
        k42_sched::sys::random()
    }
}

#[cfg(not(target_os = "none"))]
mod imp {
    use core::sync::atomic::{AtomicU64, Ordering};
    use k42_abi::info::KernelInfo;
    use k42_abi::{Error, Result};
    pub use k42_sched::ThreadRef;

    static TIME: AtomicU64 = AtomicU64::new(0);
    static INFO: KernelInfo = KernelInfo {
        magic: k42_abi::info::MAGIC,
        cpus: 1,
        timebase_hz: 512_000_000,
        boot_timebase: 0,
        boot_seconds: 1_767_225_600,
        trace_mask: 0,
        trace_bytes: 0,
        dcache_block: 128,
        icache_block: 128,
        memory_bytes: 1 << 28,
        consoles: 4,
        hwcap: [0; 2],
        reserved: [0; 3],
    };

    /// As the scheduler's, on K42.
    #[derive(Clone, Copy, Debug)]
    #[repr(C, align(16))]
    pub struct FpState {
        /// VSR 0 to 63.
        pub vsr: [[u64; 2]; 64],
        /// FPSCR.
        pub fpscr: u64,
        /// VRSAVE.
        pub vrsave: u64,
        /// VSCR as it lies in a vector register.
        pub vscr: [u64; 2],
    }
    impl FpState {
        /// What a new program begins with.
        pub const ZERO: Self = Self {
            vsr: [[0; 2]; 64],
            fpscr: 0,
            vrsave: 0,
            vscr: [0; 2],
        };
    }
    /// The host's registers are the host's.
    pub fn with_vectors<R>(then: impl FnOnce(&mut FpState) -> R) -> R {
        then(&mut FpState { ..FpState::ZERO })
    }
    /// Likewise.
    pub fn begin_fp_status() {}
    /// Likewise.
    pub fn load_vectors(_: &FpState) {}

    /// Time goes on only when a test asks for it.
    pub fn now() -> u64 {
        TIME.fetch_add(512, Ordering::Relaxed)
    }
    /// The host does not fork.
    pub fn fork(_: u32) -> super::Forked {
        super::Forked::Parent(Err(Error::ENOSYS))
    }
    /// Nor make threads.
    pub fn start_thread(_: &'static crate::thread::Thread) -> Result<()> {
        Err(Error::ENOSYS)
    }
    /// Nor end them.
    pub fn exit_thread() -> ! {
        unreachable!("no test ends its thread")
    }
    /// Nor start threads of the library's own.
    pub fn spawn(_: extern "C" fn(u64), _: u64) -> Result<ThreadRef> {
        Err(Error::ENOSYS)
    }
    /// The test's thread has no record.
    pub fn running() -> Option<&'static crate::thread::Thread> {
        None
    }
    /// Nobody is interrupted.
    pub fn disturb(_: &'static crate::thread::Thread) {}
    /// Likewise.
    pub fn disturb_in_upcall(_: &'static crate::thread::Thread) {}
    /// It is where it is.
    pub fn change_cpu(_: u32) -> Result<()> {
        Ok(())
    }
    /// One CPU.
    pub fn processor() -> usize {
        0
    }
    /// There is nothing to wait for on the host.
    pub fn block() {}
    /// Time passes.
    pub fn block_until(deadline: u64) -> bool {
        TIME.fetch_max(deadline, Ordering::Relaxed);
        true
    }
    /// Nobody waits.
    pub fn unblock(_: ThreadRef) {}
    /// Nobody else runs.
    pub fn yield_now() {}
    /// Facts of an invented machine.
    pub fn kernel_info() -> &'static KernelInfo {
        &INFO
    }
    /// Lines are dropped.
    pub fn log(_: &str) {}
    /// The host has no hypervisor.
    pub fn random() -> Result<u64> {
        Err(Error::ENODEV)
    }
}

/// Nanoseconds since the machine was started.
pub fn monotonic_ns() -> u64 {
    ticks_to_ns(now().saturating_sub(kernel_info().boot_timebase))
}

/// Converts timebase ticks.
pub fn ticks_to_ns(ticks: u64) -> u64 {
    let hz = kernel_info().timebase_hz.max(1);
    (ticks / hz) * 1_000_000_000 + (ticks % hz) * 1_000_000_000 / hz
}

/// Converts nanoseconds, rounding up; saturates.
pub fn ns_to_ticks(ns: u64) -> u64 {
    let hz = kernel_info().timebase_hz.max(1);
    let seconds = ns / 1_000_000_000;
    let rest = ((ns % 1_000_000_000) * hz).div_ceil(1_000_000_000);
    seconds.saturating_mul(hz).saturating_add(rest)
}

/// The timebase value `ns` nanoseconds from now.
pub fn after_ns(ns: u64) -> u64 {
    now().saturating_add(ns_to_ticks(ns))
}

/// The timebase value at monotonic time `ns`.
pub fn at_monotonic_ns(ns: u64) -> u64 {
    kernel_info().boot_timebase.saturating_add(ns_to_ticks(ns))
}

/// Wall time in nanoseconds since 1970.
pub fn wall_ns() -> u64 {
    kernel_info()
        .boot_seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(monotonic_ns())
}
