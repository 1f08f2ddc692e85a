//! Consoles: virtual terminals of the hypervisor, by index. Console 0 is the terminal, 1 the log, 2 the
//! standard error of a single command, 3 the control channel to the host. The kernel moves bytes; lines, echo and
//! all else are the console server's.

use core::fmt::Write;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use k42_abi::{Error, ProcessId, Result};
use k42_boot::BootInfo;
use k42_boot::papr::hcall;
use k42_sync::SpinMutex;

use crate::dispatcher::{Dispatcher, Life};
use crate::percpu::PerCpu;

/// Most consoles.
pub const MAX_CONSOLES: usize = 8;
/// The log.
pub const LOG: usize = 1;
/// The control channel.
pub const CONTROL: usize = 3;

struct Console {
    unit: AtomicU32,
    interrupt: AtomicU32,
    bound: AtomicPtr<Dispatcher>,
}

static CONSOLES: [Console; MAX_CONSOLES] = [const {
    Console {
        unit: AtomicU32::new(0),
        interrupt: AtomicU32::new(0),
        bound: AtomicPtr::new(core::ptr::null_mut()),
    }
}; MAX_CONSOLES];
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// One line at a time.
static LINE: SpinMutex<()> = SpinMutex::new(());

/// Learns which consoles there are.
pub fn initialise(info: &BootInfo) {
    for (console, device) in CONSOLES.iter().zip(&info.consoles) {
        console.unit.store(device.unit, Ordering::Relaxed);
        console
            .interrupt
            .store(device.interrupt.unwrap_or(0), Ordering::Relaxed);
    }
    COUNT.store(info.consoles.len().min(MAX_CONSOLES), Ordering::Relaxed);
}

/// Number of consoles.
pub fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

fn console(index: usize) -> Result<&'static Console> {
    CONSOLES[..count()].get(index).ok_or(Error::ENODEV)
}

/// Writes up to 16 bytes; the result is how many.
pub fn put(index: usize, bytes: &[u8]) -> Result<u64> {
    let unit = console(index)?.unit.load(Ordering::Relaxed);
    match hcall::put_term_char(unit, bytes) {
        Ok(taken) => Ok(taken as u64),
        Err(hcall::HcallError::Busy) => Ok(0),
        Err(_) => Err(Error::EIO),
    }
}

/// Reads up to 16 bytes.
pub fn get(index: usize) -> Result<([u8; 16], usize)> {
    hcall::get_term_char(console(index)?.unit.load(Ordering::Relaxed)).map_err(|_| Error::EIO)
}

/// Posts CONSOLE to `who` from now on when console `index` has input.
pub fn bind(cpu: &PerCpu, who: &'static Dispatcher, index: usize) -> Result<u64> {
    let console = console(index)?;
    console
        .bound
        .store((&raw const *who).cast_mut(), Ordering::Release);
    let source = console.interrupt.load(Ordering::Relaxed);
    if source == 0 {
        return Err(Error::ENODEV);
    }
    // The device raises it without being told; H_VIO_SIGNAL is refused for terminals.
    crate::start::route_interrupt(source, cpu.hardware_id.get()).map_err(|_| Error::EIO)?;
    Ok(0)
}

/// Interrupt source `source` fired.
pub fn interrupt(cpu: &PerCpu, source: u32) {
    for console in &CONSOLES[..count()] {
        if console.interrupt.load(Ordering::Relaxed) != source {
            continue;
        }
        // SAFETY: null or a dispatcher, and those live for ever.
        if let Some(who) = unsafe { console.bound.load(Ordering::Acquire).as_ref() }
            && who.life.get() == Life::Alive
        {
            crate::trap::console_ready(cpu, who);
        }
    }
}

/// Writes all of `text`, waiting for the hypervisor where it must: for the log and for reports only.
pub fn write(index: usize, text: &[u8]) {
    let index = if index < count() { index } else { 0 };
    let unit = CONSOLES[index].unit.load(Ordering::Relaxed);
    let unit = if count() == 0 { 0x7100_0000 } else { unit };
    let mut left = text;
    let mut refusals = 0;
    while !left.is_empty() && refusals < 1000 {
        match hcall::put_term_char(unit, left) {
            Ok(taken) => left = &left[taken..],
            Err(_) => refusals += 1,
        }
    }
}

/// A line of a program for the log.
pub fn log_line(from: ProcessId, line: &[u8]) {
    let _one = LINE.lock();
    let mut text = Text;
    let name = match from {
        ProcessId::MEMORY => "memory",
        ProcessId::PROCESS => "process",
        ProcessId::NAME => "name",
        ProcessId::KFS => "kfs",
        ProcessId::CONSOLE => "console",
        _ => "",
    };
    // Writing to the log cannot fail.
    let _ = if name.is_empty() {
        write!(text, "[{:x}] ", from.0)
    } else {
        write!(text, "[{name}] ")
    };
    write(LOG, line);
    write(LOG, b"\n");
}

/// A line to the host on the control channel, if there is one.
pub fn control(line: core::fmt::Arguments<'_>) {
    struct Control;
    impl Write for Control {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            write(CONTROL, text.as_bytes());
            Ok(())
        }
    }
    if count() > CONTROL {
        // Writing to a console cannot fail.
        let _ = writeln!(Control, "{line}");
    }
}

/// The log as a `fmt::Write`.
pub struct Text;

impl Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        write(LOG, text.as_bytes());
        Ok(())
    }
}

struct Log;

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        let _one = LINE.lock();
        let _ = writeln!(Text, "[kernel] {}", record.args());
    }
    fn flush(&self) {}
}

/// Directs the `log` crate here.
pub fn use_for_log() {
    static SINK: Log = Log;
    if log::set_logger(&SINK).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}
