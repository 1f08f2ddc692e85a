//! Text on the console from the first instructions of Rust code on.
//!
//! Until the device tree is read, the console is taken to be QEMU's first virtual terminal;
//! [`set_terminal`] corrects that. A machine without a hypervisor shows nothing here; text
//! is then lost without harm. The kernel replaces this by its own console when it has one.

use crate::opal::{Opal, OpalError};
use crate::papr::hcall::{self, HcallError};
use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// QEMU gives its first virtual terminal this unit address.
const DEFAULT_TERMINAL: u32 = 0x7100_0000;

static TERMINAL: AtomicU32 = AtomicU32::new(DEFAULT_TERMINAL);

/// OPAL's base and entry; entry 0: there is none. Written once, before other CPUs run.
static OPAL: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Sends all further early text to terminal `unit`.
pub fn set_terminal(unit: u32) {
    TERMINAL.store(unit, Ordering::Relaxed);
}

/// Sends all further early text through OPAL, which is what there is without a hypervisor.
pub fn use_opal(opal: Opal) {
    let (base, entry) = opal.to_parts();
    OPAL[0].store(base, Ordering::Relaxed);
    OPAL[1].store(entry, Ordering::Release);
    set_terminal(0);
}

fn opal() -> Option<Opal> {
    let entry = OPAL[1].load(Ordering::Acquire);
    // SAFETY: the words come from an `Opal`, by `use_opal`.
    (entry != 0).then(|| unsafe { Opal::new(OPAL[0].load(Ordering::Relaxed), entry) })
}

/// Writes bytes as they are. Waits while the terminal is busy.
pub fn write(mut text: &[u8]) {
    let unit = TERMINAL.load(Ordering::Relaxed);
    let opal = opal();
    while !text.is_empty() {
        let written = match &opal {
            Some(opal) => opal
                .console_write(unit, text)
                .map_err(|e| e == OpalError::Busy),
            None => hcall::put_term_char(unit, text).map_err(|e| e == HcallError::Busy),
        };
        match written {
            Ok(written) => text = &text[written..],
            Err(true) => pause(),
            // There is nobody to tell.
            Err(false) => return,
        }
        if let Some(opal) = &opal {
            opal.poll();
        }
    }
}

/// Lets the other hardware threads, and under QEMU the other CPUs, go first.
pub(crate) fn pause() {
    #[cfg(all(target_arch = "powerpc64", target_os = "none"))]
    // SAFETY: priority hints; they change no state that code can see.
    unsafe {
        core::arch::asm!(
            "or 31,31,31",
            "or 2,2,2",
            options(nomem, nostack, preserves_flags)
        );
    }
}

/// The early console as a target of `write!`.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                write(b"\r\n");
            }
            write(line.as_bytes());
        }
        Ok(())
    }
}

/// Prints to the early console, in the way of `println!`.
#[macro_export]
macro_rules! early_println {
    ($($part:tt)*) => {{
        use core::fmt::Write as _;
        // Its write_str cannot fail.
        let _ = writeln!($crate::early::Console, $($part)*);
    }};
}
