//! A panic is a bug of the server: it says where, and ends the process, whose clients then get DEAD.

use core::fmt::Write;
use core::panic::PanicInfo;
use k42_sched::fatal::{Log, backtrace, end, stack_pointer};

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut log = Log;
    let name = crate::logger::name();
    let _ = match info.location() {
        Some(at) => writeln!(
            log,
            "{name}: panic at {}:{}: {}",
            at.file(),
            at.line(),
            info.message()
        ),
        None => writeln!(log, "{name}: panic: {}", info.message()),
    };
    backtrace(0, stack_pointer());
    end()
}
