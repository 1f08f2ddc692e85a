//! The `log` crate's sink: lines in the kernel's log.

use core::fmt::Write;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use k42_sched::fatal::Log;
use log::{LevelFilter, Metadata, Record};

struct Logger;

static NAME: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static NAME_LENGTH: AtomicUsize = AtomicUsize::new(0);

/// The program's name.
pub(crate) fn name() -> &'static str {
    let (name, length) = (
        NAME.load(Ordering::Relaxed),
        NAME_LENGTH.load(Ordering::Relaxed),
    );
    if name.is_null() {
        return "server";
    }
    // SAFETY: `init` took them from a static text.
    unsafe { core::str::from_utf8_unchecked(core::slice::from_raw_parts(name, length)) }
}

impl log::Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &Record<'_>) {
        // A line is put together first, so that lines of several threads do not mix.
        let mut line = Line {
            bytes: [0; LINE],
            length: 0,
        };
        let _ = write!(
            line,
            "{} {}: {}",
            name(),
            record.level().as_str(),
            record.args()
        );
        line.bytes[line.length] = b'\n';
        k42_sched::sys::log(&line.bytes[..=line.length]);
    }
    fn flush(&self) {}
}

/// Longest line; the kernel keeps no more either.
const LINE: usize = 255;

struct Line {
    bytes: [u8; LINE],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = LINE - 1 - self.length;
        let take = text.len().min(room);
        self.bytes[self.length..self.length + take].copy_from_slice(&text.as_bytes()[..take]);
        self.length += take;
        Ok(())
    }
}

pub(crate) fn init(program: &'static str) {
    let program = program.strip_prefix("k42-").unwrap_or(program);
    NAME.store(program.as_ptr().cast_mut(), Ordering::Relaxed);
    NAME_LENGTH.store(program.len(), Ordering::Relaxed);
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
    let _ = Log;
}
