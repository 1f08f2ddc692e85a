//! Where a program logs.

use core::ptr::NonNull;

use crate::buffer::Place;
use crate::region::CpuBuffer;

/// Says where the events of a program go. Kernel, runtime of servers and linux-emu each have one, of size zero; logging
/// functions are generic over it, so that each call compiles to direct loads.
///
/// # Safety
/// While `mask` returns anything but zero, `buffer` returns a buffer that stays mapped and writable.
pub unsafe trait Target {
    /// The mask of classes that are on; zero when there is no region.
    fn mask() -> u64;

    /// This CPU's buffer of the program's side. A stale answer (the thread was moved) does no harm.
    fn buffer() -> NonNull<CpuBuffer>;

    /// Whether nobody else can log into the buffer while this program does: the kernel with interrupts off.
    const ALONE: bool = false;

    /// The clock. On Power it is the timebase and nothing else.
    #[inline(always)]
    fn now() -> u64 {
        clock()
    }
}

#[cfg(target_arch = "powerpc64")]
#[inline(always)]
fn clock() -> u64 {
    let time: u64;
    // SAFETY: reading the timebase changes nothing.
    unsafe {
        core::arch::asm!("mfspr {}, 268", out(reg) time, options(nomem, nostack, preserves_flags))
    };
    time
}

/// On the host there is no timebase: tests bring their own clock.
#[cfg(not(target_arch = "powerpc64"))]
fn clock() -> u64 {
    0
}

/// Reserves room and takes the time.
#[inline(always)]
fn take<T: Target, const LENGTH: usize>(buffer: &CpuBuffer) -> Option<Place> {
    if T::ALONE {
        buffer.take_alone(LENGTH, T::now)
    } else {
        buffer.take(LENGTH, T::now)
    }
}

/// The functions behind the table's, one for each number of arguments. They are called when the event's class is known
/// to be on. They are not inlined, so that an event that is off costs no more room than its test; and the arguments are
/// single words, so that everything stays in registers and the slow path is a jump.
macro_rules! log_functions {
    ($($log:ident, $slow:ident, $fast:ident, $length:literal, ($($arg:ident = $register:literal @ $place:literal),*);)* ) => { $(
        #[inline(always)]
        #[doc(hidden)]
        pub fn $log<T: Target>(kind: u64 $(, $arg: u64)*) {
            // SAFETY: the class's bit was set in the mask, so the target's promise holds; a buffer is made of atomics.
            let buffer = unsafe { T::buffer().as_ref() };
            #[cfg(all(target_arch = "powerpc64", target_os = "none", not(loom)))]
            if !T::ALONE {
                // SAFETY: the function logs into the buffer that it is given.
                return unsafe { fast::$fast::<T>(buffer, kind $(, $arg)*) };
            }
            shared::$fast::<T>(buffer, kind $(, $arg)*)
        }
    )*

    /// Where a reservation is made by Rust code.
    mod shared {
        use super::{CpuBuffer, Target, take};
        $(
            #[cold]
            #[inline(never)]
            pub(super) fn $fast<T: Target>(buffer: &CpuBuffer, kind: u64 $(, $arg: u64)*) {
                match take::<T, $length>(buffer) {
                    Some(place) => buffer.fill(place, kind, [$($arg),*]),
                    None => $slow::<T>(buffer, kind $(, $arg)*),
                }
            }

            #[cold]
            #[inline(never)]
            pub(super) extern "C" fn $slow<T: Target>(buffer: &CpuBuffer, kind: u64 $(, $arg: u64)*) {
                buffer.log_slow(kind, &[$($arg),*], &T::now);
            }
        )*
    }

    /// The same for programs on K42, of which many may log into one buffer: reserve and fill without a frame, or jump to the
    /// slow path with the arguments as they are.
    #[cfg(all(target_arch = "powerpc64", target_os = "none", not(loom)))]
    mod fast {
        use super::{CpuBuffer, Target, shared};
        use crate::region::{SUB_WORDS, WORDS};
        use core::mem::offset_of;

        const _: () = assert!(offset_of!(CpuBuffer, control) == 0 && offset_of!(crate::Control, index) == 0);

        $(
            /// r3 = buffer, r4 = kind, the arguments from r5. r12 = index, r0 = time.
            #[cold]
            #[unsafe(naked)]
            pub(super) unsafe extern "C" fn $fast<T: Target>(buffer: &CpuBuffer, kind: u64 $(, $arg: u64)*) {
                core::arch::naked_asm!(
                    "ldarx  12, 0, 3",
                    "mfspr  0, 268",
                    "addi   11, 12, {length}",
                    // See `Buffer::fits`.
                    "clrldi 10, 11, 64 - {sub_shift}",
                    "cmpldi 10, {length}",
                    "ble    2f",
                    "stdcx. 11, 0, 3",
                    "bne    2f",
                    // See `EventHeader::word`: time above, the lap in the lowest bits.
                    "rldimi 4, 0, 24, 0",
                    "rlwimi 4, 12, 32 - {shift}, 28, 31",
                    "rlwinm 12, 12, 3, 32 - 3 - {shift}, 28",
                    "add    3, 3, 12",
                    $(concat!("std ", $register, ", {words} + ", $place, "(3)"),)*
                    "lwsync",
                    "std    4, {words}(3)",
                    "blr",
                    "2: b   {slow}",
                    length = const $length,
                    sub_shift = const SUB_WORDS.trailing_zeros(),
                    shift = const WORDS.trailing_zeros(),
                    words = const offset_of!(CpuBuffer, words),
                    slow = sym shared::$slow::<T>,
                )
            }
        )*
    }
    };
}

log_functions! {
    log0, slow0, fast0, 1, ();
    log1, slow1, fast1, 2, (a = "5" @ "8");
    log2, slow2, fast2, 3, (a = "5" @ "8", b = "6" @ "16");
    log3, slow3, fast3, 4, (a = "5" @ "8", b = "6" @ "16", c = "7" @ "24");
    log4, slow4, fast4, 5, (a = "5" @ "8", b = "6" @ "16", c = "7" @ "24", d = "8" @ "32");
    log5, slow5, fast5, 6, (a = "5" @ "8", b = "6" @ "16", c = "7" @ "24", d = "8" @ "32", e = "9" @ "40");
}

/// Calls the function for the number of arguments.
macro_rules! log {
    ($t:ident, $kind:expr) => {
        $crate::target::log0::<$t>($kind)
    };
    ($t:ident, $kind:expr, $a:ident) => {
        $crate::target::log1::<$t>($kind, $a)
    };
    ($t:ident, $kind:expr, $a:ident, $b:ident) => {
        $crate::target::log2::<$t>($kind, $a, $b)
    };
    ($t:ident, $kind:expr, $a:ident, $b:ident, $c:ident) => {
        $crate::target::log3::<$t>($kind, $a, $b, $c)
    };
    ($t:ident, $kind:expr, $a:ident, $b:ident, $c:ident, $d:ident) => {
        $crate::target::log4::<$t>($kind, $a, $b, $c, $d)
    };
    ($t:ident, $kind:expr, $a:ident, $b:ident, $c:ident, $d:ident, $e:ident) => {
        $crate::target::log5::<$t>($kind, $a, $b, $c, $d, $e)
    };
}

pub(crate) use log;
