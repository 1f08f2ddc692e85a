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
        return buffer.take_alone(LENGTH, T::now);
    }
    #[cfg(all(target_arch = "powerpc64", not(loom)))]
    return buffer.take_now::<LENGTH>();
    #[cfg(not(all(target_arch = "powerpc64", not(loom))))]
    buffer.take(LENGTH, T::now)
}

/// The functions behind the table's, one for each number of arguments. They are called when the event's class is known
/// to be on. They are not inlined, so that an event that is off costs no more room than its test; and the arguments are
/// single words, so that everything stays in registers and the slow path is a jump.
macro_rules! log_functions {
    ($($log:ident, $slow:ident, $length:literal, ($($arg:ident),*);)*) => { $(
        #[cold]
        #[inline(never)]
        #[doc(hidden)]
        pub fn $log<T: Target>(kind: u64 $(, $arg: u64)*) {
            // SAFETY: the class's bit was set in the mask, so the target's promise holds; a buffer is made of atomics.
            let buffer = unsafe { T::buffer().as_ref() };
            match take::<T, $length>(buffer) {
                Some(place) => buffer.fill(place, kind, [$($arg),*]),
                None => $slow::<T>(kind $(, $arg)*),
            }
        }

        #[cold]
        #[inline(never)]
        fn $slow<T: Target>(kind: u64 $(, $arg: u64)*) {
            // SAFETY: as above.
            let buffer = unsafe { T::buffer().as_ref() };
            buffer.log_slow(kind, &[$($arg),*], &T::now);
        }
    )* };
}

log_functions! {
    log0, slow0, 1, ();
    log1, slow1, 2, (a);
    log2, slow2, 3, (a, b);
    log3, slow3, 4, (a, b, c);
    log4, slow4, 5, (a, b, c, d);
    log5, slow5, 6, (a, b, c, d, e);
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
