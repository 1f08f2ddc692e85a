//! /dev/trace_marker, which Linux has as /sys/kernel/tracing/trace_marker: what a program writes there is logged, in the
//! class `app` of the trace. It needs no server, and costs little while the class is off.
//!
//! Nothing of the text is understood here; who shows a trace does that (see docs/tracing.md).

use super::io::CHUNK;
use crate::thread::Thread;
use crate::user::{self, User};
use k42_abi::Result;
use k42_sched::trace::{TEXT_BYTES, User as Program, events, text_words};

/// The most bytes that one write logs; Linux's TRACE_MARKER_MAX_SIZE.
pub const LONGEST: usize = 4096;

const _: () = assert!(LONGEST <= CHUNK);

/// Logs what is written, up to [`LONGEST`] bytes; how many that were. EFAULT.
#[cold]
pub fn write(thread: &Thread, from: User, count: usize) -> Result<usize> {
    let count = count.min(LONGEST);
    let mut text = thread.scratch.bulk.borrow_mut();
    user::copy_in(from, &mut text[..count])?;
    Ok(log(thread, &text[..count]))
}

/// Logs a text, up to [`LONGEST`] bytes; how many that were.
pub fn log(thread: &Thread, text: &[u8]) -> usize {
    let count = text.len().min(LONGEST);
    if count == 0 {
        return 0;
    }
    let mut rest = text[..count].strip_suffix(b"\n").unwrap_or(&text[..count]);
    let tid = thread.tid() as u64;
    for place in 0.. {
        let (piece, after) = rest.split_at(rest.len().min(TEXT_BYTES));
        let [first, second] = text_words(piece);
        events::app::marker::<Program>(tid, place, rest.len() as u64, first, second);
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    count
}
