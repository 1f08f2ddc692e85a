//! What the library needs of the runtime: threads that block and wake, time, a lock, the log.
//!
//! On K42 these are the user-level scheduler's; on the host they are stand-ins, good enough to test the
//! logic above them in one thread.

pub use imp::*;

/// A lock for the library's own data. Never hold one over a call to a server or an access to the
/// program's memory.
pub type Lock<T> = k42_sched::Mutex<T>;

#[cfg(target_os = "none")]
mod imp {
    pub use k42_sched::fp::{FpState, load as load_vectors, save as save_vectors};
    pub use k42_sched::{ThreadRef, block, block_until, current, now, unblock, yield_now};
    use k42_abi::info::KernelInfo;
    use k42_abi::{Result, layout};

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
        magic: k42_abi::info::MAGIC, cpus: 1, timebase_hz: 512_000_000, boot_timebase: 0, boot_seconds: 1_767_225_600,
        trace_mask: 0, trace_bytes: 0, dcache_block: 128, icache_block: 128, memory_bytes: 1 << 28, consoles: 4,
        hwcap: [0; 2], reserved: [0; 3],
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
        pub const ZERO: Self = Self { vsr: [[0; 2]; 64], fpscr: 0, vrsave: 0, vscr: [0; 2] };
    }
    /// The host's registers are the host's.
    pub fn save_vectors(_: &mut FpState) {}
    /// Likewise.
    pub fn load_vectors(_: &FpState) {}

    /// Time goes on only when a test asks for it.
    pub fn now() -> u64 {
        TIME.fetch_add(512, Ordering::Relaxed)
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
    kernel_info().boot_seconds.saturating_mul(1_000_000_000).saturating_add(monotonic_ns())
}
