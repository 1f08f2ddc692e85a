//! An orderly end: one report on the log, with registers and the chain of callers, then power off.

use core::fmt::Write;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use k42_abi::dispatcher::RegisterFrame;

use crate::arch;
use crate::console::{self, Text};
use crate::dispatcher::Dispatcher;
use crate::percpu::{PerCpu, STACK_BYTES};

static REPORTING: AtomicBool = AtomicBool::new(false);
/// What `k42 run` exits with after a panic.
const STATUS: u32 = 134;

/// Only the first CPU reports; a failure of the report itself ends at once.
fn begin() {
    if REPORTING.swap(true, Ordering::AcqRel) {
        crate::start::power_off_now();
    }
}

fn finish() -> ! {
    console::control(format_args!("panic"));
    let _ = crate::start::power_off(STATUS);
    loop {
        k42_sync::cpu_relax();
    }
}

fn registers(frame: &RegisterFrame) {
    let mut text = Text;
    for (row, four) in frame.gpr.chunks_exact(4).enumerate() {
        let _ = writeln!(
            text,
            "r{:<2} {:016x} {:016x} {:016x} {:016x}",
            row * 4,
            four[0],
            four[1],
            four[2],
            four[3]
        );
    }
    let _ = writeln!(
        text,
        "nip {:016x} lr {:016x} ctr {:016x} msr {:016x} cr {:08x} xer {:x} vector {:x} dar {:016x} dsisr {:x}",
        frame.nip,
        frame.lr,
        frame.ctr,
        frame.msr,
        frame.cr,
        frame.xer,
        frame.vector,
        frame.dar,
        frame.dsisr
    );
}

/// Prints the return addresses found from back chain `pointer` on, as far as it stays on this CPU's stacks.
fn backtrace(first: u64, mut pointer: u64) {
    let mut text = Text;
    let base = (crate::start::image_start() as *const u8).expose_provenance() as u64;
    let _ = write!(text, "backtrace:");
    if first != 0 {
        let _ = write!(text, " {:#x}", first.wrapping_sub(base));
    }
    let start = pointer;
    for _ in 0..32 {
        if pointer == 0
            || !pointer.is_multiple_of(8)
            || pointer.abs_diff(start) > STACK_BYTES as u64
        {
            break;
        }
        let frame = core::ptr::with_exposed_provenance::<u64>(pointer as usize);
        // SAFETY: within a stack of the kernel, as checked against where the chain began.
        let (next, link) = unsafe { (frame.read(), frame.add(2).read()) };
        if next <= pointer {
            break;
        }
        let link = if link == 0 {
            // SAFETY: the caller's frame, which holds the return address into it, is within the same stack.
            unsafe {
                core::ptr::with_exposed_provenance::<u64>(next as usize)
                    .add(2)
                    .read()
            }
        } else {
            link
        };
        let _ = write!(text, " {:#x}", link.wrapping_sub(base));
        pointer = next;
    }
    let _ = writeln!(text);
}

fn stack_pointer() -> u64 {
    let pointer: u64;
    // SAFETY: copies a register.
    unsafe { core::arch::asm!("mr {}, 1", out(reg) pointer, options(nomem, nostack)) };
    pointer
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    begin();
    let mut text = Text;
    let place = info
        .location()
        .map_or(("?", 0), |at| (at.file(), at.line()));
    let _ = writeln!(
        text,
        "kernel panic at {}:{}: {}",
        place.0,
        place.1,
        info.message()
    );
    backtrace(0, stack_pointer());
    finish()
}

/// The kernel itself took an exception.
#[unsafe(no_mangle)]
extern "C" fn k42_kernel_fault(frame: &RegisterFrame) -> ! {
    begin();
    let _ = writeln!(
        Text,
        "kernel panic: exception {:#x} in the kernel",
        frame.vector
    );
    registers(frame);
    backtrace(frame.nip, frame.gpr[1]);
    finish()
}

/// An exception that should not be possible.
pub fn unexpected(what: &str, vector: u64) -> ! {
    begin();
    let cpu = arch::per_cpu();
    let _ = writeln!(
        Text,
        "kernel panic: {what}: vector {vector:#x} on CPU {}",
        cpu.index.get()
    );
    registers(cpu.panic_frame());
    finish()
}

/// A server without which nothing goes on has failed.
pub fn server(_: &PerCpu, who: &'static Dispatcher, what: &str, address: u64) -> ! {
    begin();
    let _ = writeln!(
        Text,
        "kernel panic: {what}: process {:#x} address {address:#x}",
        who.comm_id().process().0
    );
    let frame = who.frame.get();
    registers(&frame);
    let _ = writeln!(Text, "server backtrace: {:#x} {:#x}", frame.nip, frame.lr);
    finish()
}
