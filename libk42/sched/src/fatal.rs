//! Last words: what a program says before it ends, by the kernel's log.

use crate::sys;
use core::fmt::{self, Write};
use k42_abi::dispatcher::RegisterFrame;

/// Writes to the kernel's log without allocating.
pub struct Log;

impl Write for Log {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        sys::log(text.as_bytes());
        Ok(())
    }
}

/// Prints the return addresses on the stack whose pointer is `sp`, innermost first, on one line.
pub fn backtrace(first: u64, sp: u64) {
    let mut log = Log;
    let _ = write!(log, "backtrace:");
    if first != 0 {
        let _ = write!(log, " {first:#x}");
    }
    let mut frame = sp;
    for _ in 0..32 {
        if frame == 0 || !frame.is_multiple_of(16) {
            break;
        }
        // SAFETY: not provably a stack, but all that can happen is a trap, which ends the process as we are
        // about to do.
        let next = unsafe { (frame as *const u64).read_volatile() };
        // Stacks grow down: a chain that does not go up is damaged.
        if next <= frame {
            break;
        }
        // SAFETY: as above.
        let _ = write!(log, " {:#x}", unsafe {
            (next as *const u64).add(2).read_volatile()
        });
        frame = next;
    }
    let _ = writeln!(log);
}

/// The stack pointer.
#[inline(always)]
pub fn stack_pointer() -> u64 {
    let sp: u64;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mr {}, 1", out(reg) sp, options(nomem, nostack, preserves_flags)) };
    sp
}

/// Ends the process by a trap that nobody catches.
pub fn end() -> ! {
    // The trap entry must not come back to us.
    DYING.store(true, core::sync::atomic::Ordering::Relaxed);
    // SAFETY: the trap either ends the process, or comes to `die`, which sees DYING.
    unsafe { core::arch::asm!("1: trap", "b 1b", options(noreturn)) };
}

static DYING: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(false);

/// Says which trap nobody wanted, and ends the process.
pub(crate) fn die(frame: &RegisterFrame, was_disabled: bool) -> ! {
    if !DYING.swap(true, core::sync::atomic::Ordering::Relaxed) {
        let mut log = Log;
        let _ = writeln!(
            log,
            "trap: vector {:#x} nip {:#x} lr {:#x} dar {:#x} dsisr {:#x}{}",
            frame.vector,
            frame.nip,
            frame.lr,
            frame.dar,
            frame.dsisr,
            if was_disabled { " disabled" } else { "" }
        );
        for (i, row) in frame.gpr.chunks(4).enumerate() {
            let _ = writeln!(
                log,
                "r{:<2} {:16x} {:16x} {:16x} {:16x}",
                i * 4,
                row[0],
                row[1],
                row[2],
                row[3]
            );
        }
        backtrace(frame.lr, frame.gpr[1]);
    }
    end()
}
