//! K42 system calls: `sc` with r0 = [`SELECTOR`] | number. Anything else in r0 is a Linux call and
//! is reflected to the process.
//!
//! Arguments are in r3-r10. Unless said otherwise the result comes back in r3 (negative = status
//! of an [`Error`](crate::Error)), r4-r12, CTR, XER, CR0-1 and CR5-7 are undefined and all other
//! registers are kept, as over a C function call.

/// High half of r0 in a K42 call ("KB").
pub const SELECTOR: u64 = 0x4b42_0000;

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        $($(#[$doc])* pub const $name: u64 = $number;)*
        /// Names by number, for traces.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];
        const _: () = {
            let numbers = [$($number as usize),*];
            let mut i = 0;
            while i < numbers.len() { assert!(numbers[i] == i, "calls are numbered without gaps"); i += 1; }
        };
    };
}

calls! {
    /// Protected call; see [`crate::message`]. Made disabled.
    CALL = 0;
    /// Reply to the call that arrived in the slot named. Made disabled; does not come back.
    RETURN = 1;
    /// Asynchronous message: r3 = target `CommId`, r4-r9 = words. Never blocks. Needs
    /// `KernelRights::SEND` unless the target is the caller's own process. EAGAIN: the ring was full, the
    /// target has been told so; ESRCH: no such dispatcher.
    SEND = 2;
    /// Nothing to do (made disabled): comes back by the RUN entry when a soft interrupt is pending.
    /// r3 not zero: stay runnable, let others of the class go first.
    YIELD = 3;
    /// Resume the frame at byte offset r3 of the dispatcher page. r4 = new value of `disabled`. If that is
    /// zero and soft interrupts are pending, comes back with EAGAIN and still disabled.
    RESUME = 4;
    /// One timer per dispatcher: r3 = timebase value at which TIMER is posted, `u64::MAX` = never.
    SET_TIMER = 5;
    /// Line of text for the kernel's log: r3 = length up to 56 bytes, r4-r10 = the bytes in memory
    /// order. Any process may, at most a line of 256 bytes at a time is kept per dispatcher; flushed
    /// at each newline.
    LOG = 6;
    /// A random word from the hypervisor in r4. ENODEV if it has none.
    RANDOM = 7;

    /// New address space: r3 = real address of its root table (64 KiB, aligned to that, zeroed),
    /// r4 = `KernelRights` (a subset of the caller's), r5 = wanted process index or 0. Result: `ProcessId`. Right MEMORY, as
    /// all to DISPATCHER_START.
    SPACE_CREATE = 8;
    /// End of an address space: r3 = `ProcessId`. Its dispatchers stop, its calls fail, all its
    /// translations go. Result: number of table frames that RECLAIM will give back.
    SPACE_DESTROY = 9;
    /// Map one page: r3 = process, r4 = address, r5 = real address, r6 = `MapFlags`.
    /// NEED_FRAMES: r4 = how many table frames to DONATE first. A page that is mapped is replaced.
    MAP = 10;
    /// Map many: r3 = process, r4 = client slot of the caller that holds `MapOperation`s, r5 = how
    /// many. Result: how many were done; if fewer, r4 = why (status).
    MAP_BATCH = 11;
    /// Remove what is mapped in r4 .. r4+r5 of process r3 (page-aligned). Whole tables that the
    /// range covers are unlinked, not walked, and kept for reuse by the same space. On return no CPU can
    /// reach the pages.
    UNMAP = 12;
    /// Change access of what is mapped in r4 .. r4+r5 of process r3 to r6 = `MapFlags`.
    PROTECT = 13;
    /// Give table frames to process r3: r4-r10 = real addresses, zero ends the list.
    DONATE = 14;
    /// Take back spare table frames of process r3 (or, r3 = 0, of ended processes): result = how many, written as u64s to
    /// the caller's client slot r4, at most r5.
    RECLAIM = 15;
    /// New dispatcher: r3 = process, r4 = number | cpu << 32, r5 = real address of its area (page and
    /// slots, contiguous, already typed pinned), r6 = its address in the process, r7 = client slots |
    /// server slots << 32, r8 = priority class | weight << 32.
    DISPATCHER_CREATE = 16;
    /// First start: r3 = process, r4 = number. START is posted; the RUN entry begins.
    DISPATCHER_START = 17;
    /// Hold all dispatchers of process r3 where they are. Right PROCESS, as for THAW.
    FREEZE = 18;
    /// Let them go on.
    THAW = 19;
    /// Statistics of process r3: r4 = timebase ticks run, r5 = times chosen, r6 = preemptions,
    /// r7 = table frames.
    STATISTICS = 20;
    /// Change class and weight of process r3's dispatchers: r4 = class | weight << 32. Right PROCESS.
    SET_PRIORITY = 21;

    /// Write to a console: r3 = console index, r4 = length up to 16, r5, r6 = the bytes in memory order.
    /// Result: bytes taken. Right CONSOLE, as for the next two.
    CONSOLE_PUT = 22;
    /// Read from console r3: result = length, r4, r5 = bytes.
    CONSOLE_GET = 23;
    /// Post CONSOLE to this dispatcher when console r3 has input.
    CONSOLE_BIND = 24;
    /// Power off; r3 = status to report. Right SHUTDOWN.
    POWER_OFF = 25;
    /// Set the trace mask to r3. Right TRACE.
    TRACE_MASK = 26;
    /// A fault that was answered "wait: id" is complete: r3 = dispatcher's `CommId`, r4 = id. Right MEMORY.
    FAULT_DONE = 27;
    /// Counts of the kernel: r3 = which (see [`crate::info::Count`]). Result: the count.
    COUNT = 28;
    /// The dispatcher goes on on CPU r3 (made disabled, with nothing running): comes back there by the RUN entry, its
    /// timer taken away. For dispatchers without server slots. EINVAL: no such CPU, or the present one; EBUSY: a call of
    /// its is not answered, or it waits for a server.
    CHANGE_CPU = 29;
}
