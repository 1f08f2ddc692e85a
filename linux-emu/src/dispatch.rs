//! From a number to its handler.

use crate::error;
use crate::port;
use crate::process::PROCESS;
use crate::strace::{self, Line};
use crate::table::{self, Full, Handler, Raw, Row};
use crate::thread::Thread;
use crate::vfork;
use core::fmt::Write;
use core::sync::atomic::Ordering;
use k42_abi::{Error, Result};
use k42_sched::trace::{Class, User, events, is_on};

/// How the entry code goes on.
pub mod way {
    /// Straight back, the result is a value.
    pub const VALUE: u64 = 0;
    /// Straight back, the result is an error number.
    pub const ERROR: u64 = 1;
    /// The call has to be made again with all registers saved.
    pub const FULL: u64 = 2;
    /// By way of the signals: the result is one of the library's own codes.
    pub const RESTART: u64 = 3;
}

/// Result and way, as the entry code finds them in r3 and r4.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Value, error number or restart code.
    pub value: u64,
    /// One of [`way`].
    pub way: u64,
}

/// The arguments as they were saved.
pub fn arguments(thread: &Thread) -> Raw {
    thread
        .entry
        .arguments
        .each_ref()
        .map(|word| word.load(Ordering::Relaxed))
}

/// Makes the call that the thread's entry area describes.
#[inline]
pub fn system_call(thread: &Thread) -> Answer {
    if is_on(Class::Linux) || PROCESS.special.load(Ordering::Relaxed) {
        return observed(thread);
    }
    let number = thread.entry.number.load(Ordering::Relaxed);
    match table::find(number) {
        Some(row) => make(thread, row),
        None => answer(unknown(number)),
    }
}

/// Makes the call of `row`, or has it made again with all registers.
#[inline(always)]
fn make(thread: &Thread, row: &Row) -> Answer {
    match row.handler {
        Handler::Plain(handler) => answer(handler(thread)),
        Handler::Full(_) => Answer {
            value: 0,
            way: way::FULL,
        },
    }
}

/// A call with an event before and one after it, or one that is special.
#[cold]
fn observed(thread: &Thread) -> Answer {
    let number = thread.entry.number.load(Ordering::Relaxed);
    let raw = arguments(thread);
    events::linux::enter::<User>(thread.tid() as u64, number, raw[0], raw[1], raw[2]);
    let Some(row) = table::find(number) else {
        let result = unknown(number);
        note_exit(thread, number, &result);
        return answer(result);
    };
    let answer = if PROCESS.special.load(Ordering::Relaxed) {
        special(thread, row, &raw)
    } else {
        make(thread, row)
    };
    match answer.way {
        way::VALUE => note_exit(thread, number, &Ok(answer.value)),
        way::ERROR | way::RESTART => {
            note_exit(thread, number, &Err(Error::from_code(answer.value as u16)));
        }
        // It has not been made yet.
        _ => {}
    }
    answer
}

/// The event at the end of a call.
#[inline]
fn note_exit(thread: &Thread, number: u64, result: &Result<u64>) {
    if !is_on(Class::Linux) {
        return;
    }
    let result = match result {
        Ok(value) => *value,
        Err(error) => i64::from(error::to_linux(*error)).wrapping_neg() as u64,
    };
    events::linux::exit::<User>(thread.tid() as u64, number, result);
}

fn answer(result: Result<u64>) -> Answer {
    match result {
        Ok(value) => Answer {
            value,
            way: way::VALUE,
        },
        Err(error) if error::is_restart(error) => Answer {
            value: u64::from(error.code()),
            way: way::RESTART,
        },
        Err(error) => Answer {
            value: u64::from(error::to_linux(error)),
            way: way::ERROR,
        },
    }
}

/// A call that is traced, or made by a child that borrows the process.
#[cold]
fn special(thread: &Thread, row: &Row, raw: &Raw) -> Answer {
    if !vfork::is_local(u64::from(row.number))
        && let Err(error) = vfork::make_real(thread, 0)
    {
        return Answer {
            value: u64::from(error.code()),
            way: way::RESTART,
        };
    }
    if PROCESS.trace.load(Ordering::Relaxed) {
        return traced(thread, row, raw);
    }
    make(thread, row)
}

fn traced(thread: &Thread, row: &Row, raw: &Raw) -> Answer {
    let mut line = Line::new();
    strace::begin(&mut line, PROCESS.pid(), row, raw);
    match row.handler {
        Handler::Full(_) => {
            // What comes of it is not known here: the line ends with the call.
            port::log(line.finish());
            Answer {
                value: 0,
                way: way::FULL,
            }
        }
        Handler::Plain(handler) => {
            let result = handler(thread);
            strace::end(&mut line, result);
            port::log(line.finish());
            answer(result)
        }
    }
}

#[cold]
fn unknown(number: u64) -> Result<u64> {
    events::linux::missing::<User>(PROCESS.pid() as u64, number);
    if PROCESS.note_unknown(number) {
        let mut line = Line::new();
        let _ = write!(
            line,
            "[{}] linux-emu: system call {number} is not supported",
            PROCESS.pid()
        );
        port::log(line.finish());
    }
    Err(Error::ENOSYS)
}

/// Makes a call that needs all registers; they are in the thread's frame.
pub fn full_call(thread: &Thread) -> Result<Full> {
    let number = thread.entry.number.load(Ordering::Relaxed);
    let result = match table::find(number).map(|row| row.handler) {
        Some(Handler::Full(handler)) => handler(thread),
        Some(Handler::Plain(handler)) => handler(thread).map(Full::Value),
        None => Err(Error::ENOSYS),
    };
    // What a new frame holds is no result: zero stands for it.
    note_exit(
        thread,
        number,
        &result
            .as_ref()
            .map(|full| {
                if let Full::Value(value) = full {
                    *value
                } else {
                    0
                }
            })
            .map_err(|e| *e),
    );
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(thread: &Thread, number: u64, raw: Raw) -> Answer {
        thread.entry.number.store(number, Ordering::Relaxed);
        for (slot, word) in thread.entry.arguments.iter().zip(raw) {
            slot.store(word, Ordering::Relaxed);
        }
        system_call(thread)
    }

    #[test]
    fn values_errors_and_ways() {
        let thread = Thread::new(9000).unwrap();
        assert_eq!(
            call(thread, 207, [0; 6]),
            Answer {
                value: 9000,
                way: way::VALUE
            }
        );
        assert_eq!(
            call(thread, 6, [u64::MAX; 6]),
            Answer {
                value: 9,
                way: way::ERROR
            }
        );
        assert_eq!(call(thread, 11, [0; 6]).way, way::FULL);
        assert_eq!(
            call(thread, 9999, [0; 6]),
            Answer {
                value: 38,
                way: way::ERROR
            }
        );
        assert_eq!(
            call(thread, 17, [0; 6]),
            Answer {
                value: 38,
                way: way::ERROR
            }
        );
        thread.give_up();
    }
}
