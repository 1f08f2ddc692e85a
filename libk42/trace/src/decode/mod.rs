//! Reads a saved trace: of either byte order, of another version's events, perhaps cut short, perhaps spoiled.
//!
//! [`Trace::parse`] never panics and never allocates more than the input justifies. What cannot be read becomes a
//! [`Gap`] with a count of words; the events around it are still there. [`Stream`] makes the file while the machine runs.

mod file;
mod piece;
mod stream;
mod table;
mod text;
mod words;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::Side;
use file::{CHUNK_WORDS, Chunk, Head, VERSION, kind};
use piece::{Found, Latest, Piece};
pub use stream::{Memory, OpenError, Stream};
pub use table::{ClassEntry, EventEntry, Table};
pub use text::table_markdown;

/// The length of a region's header page, and of a buffer's control page.
const PAGE: usize = 4096;

/// A decoded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The full clock.
    pub time: u64,
    /// The CPU whose buffer it was in.
    pub cpu: u32,
    /// Who logged it.
    pub side: Side,
    /// Class number.
    pub class: u8,
    /// The event's number in its class.
    pub event: u8,
    /// The arguments.
    pub args: Box<[u64]>,
}

/// Words that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The CPU whose buffer it is in.
    pub cpu: u32,
    /// Who wrote the buffer.
    pub side: Side,
    /// The time of the last event before it.
    pub time: u64,
    /// How many words; zero if the buffer's index was spoiled, and nobody can say.
    pub words: u64,
}

/// Where a CPU was at one moment, as who saved the trace saw it from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The full clock.
    pub time: u64,
    /// The CPU.
    pub cpu: u32,
    /// The address of the next instruction; the link register, which may or may not be where the function there returns
    /// to; then the return addresses that the stack holds, innermost first.
    pub addresses: Vec<u64>,
}

/// Why bytes are not a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// Shorter than a header.
    TooShort,
    /// The mark at the beginning is missing in either byte order.
    NotATrace,
    /// A layout that this reader does not know.
    OtherVersion(u64),
    /// It ends before the table of events does.
    TableCutShort,
    /// A field of the header has an impossible value.
    BadHeader(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::TooShort => f.write_str("too short for a trace"),
            DecodeError::NotATrace => f.write_str("not a K42 trace"),
            DecodeError::OtherVersion(version) => {
                write!(
                    f,
                    "trace of version {version}; this program reads version {VERSION}"
                )
            }
            DecodeError::TableCutShort => {
                f.write_str("the trace is cut short in its table of events")
            }
            DecodeError::BadHeader(field) => write!(f, "impossible {field} in the trace's header"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// A decoded trace.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// CPUs that have buffers.
    pub cpus: u32,
    /// Ticks of the clock in a second.
    pub clock_hz: u64,
    /// The clock when the machine was started.
    pub boot_clock: u64,
    /// The events that the writer knew.
    pub table: Table,
    /// Whether the clock counts instructions, one a nanosecond.
    pub counted: bool,
    /// Whether the machine was big-endian.
    pub big_endian: bool,
    /// All events, in order of time.
    pub events: Vec<Event>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// Where CPUs were, in order of time.
    pub stacks: Vec<Stack>,
    /// The address at which the kernel's image began, if that was noted.
    pub kernel: Option<u64>,
    /// Events that the writers counted as dropped.
    pub lost: u64,
    /// Whether the file ends as it should: whoever wrote it had the time to.
    pub complete: bool,
    /// Bytes between chunks that are no chunk.
    pub damaged_bytes: u64,
}

impl Trace {
    /// Reads a file.
    ///
    /// # Errors
    /// [`DecodeError`] if there is nothing to be had.
    pub fn parse(bytes: &[u8]) -> Result<Trace, DecodeError> {
        let (head, table, words) = Head::read(bytes)?;
        let mut trace = Trace {
            cpus: head.cpus,
            clock_hz: head.clock_hz,
            boot_clock: head.boot_clock,
            big_endian: words.big(),
            ..Trace::default()
        };
        // By side and CPU.
        let mut latest = alloc::vec![Latest::default(); 2 * head.cpus as usize];
        let mut place = 0;
        while place < words.len() {
            let Some(chunk) = Chunk::read(words, place, &head) else {
                trace.damaged_bytes += 8;
                place += 1;
                continue;
            };
            trace.complete = chunk.kind == kind::END;
            let latest = &mut latest[chunk.side as usize * head.cpus as usize + chunk.cpu as usize];
            let gap = Gap {
                cpu: chunk.cpu,
                side: chunk.side,
                time: latest.last.max(head.boot_clock),
                words: chunk.value,
            };
            match chunk.kind {
                kind::PIECE => {
                    let piece = Piece {
                        words: words.part(place + CHUNK_WORDS, chunk.payload),
                        length: chunk.payload,
                        index: chunk.index,
                        ring: head.ring,
                        sub: head.sub as usize,
                        cpu: chunk.cpu,
                        side: chunk.side,
                    };
                    let mut found = Found {
                        table: &table,
                        events: &mut trace.events,
                        gaps: &mut trace.gaps,
                    };
                    *latest = piece.decode(&mut found, *latest);
                }
                kind::LOST => trace.gaps.push(gap),
                kind::SPOILED => trace.gaps.push(Gap { words: 0, ..gap }),
                kind::COUNTED => trace.counted = true,
                kind::KERNEL => trace.kernel = Some(chunk.value),
                kind::STACK => {
                    let words = words.part(place + CHUNK_WORDS, chunk.payload);
                    trace.stacks.push(Stack {
                        time: chunk.value,
                        cpu: chunk.cpu,
                        addresses: (0..words.len()).filter_map(|n| words.get(n)).collect(),
                    });
                }
                kind::DROPPED => trace.lost = trace.lost.saturating_add(chunk.value),
                _ => {}
            }
            place += CHUNK_WORDS + chunk.payload;
        }
        trace.table = table;
        trace.events.sort_by_key(|event| event.time);
        trace.gaps.sort_by_key(|gap| gap.time);
        trace.stacks.sort_by_key(|stack| stack.time);
        Ok(trace)
    }

    /// An event's argument by its name in the table.
    pub fn arg(&self, event: &Event, name: &str) -> Option<u64> {
        let entry = self.table.event(event.class, event.event)?;
        let place = entry.args.iter().position(|(known, _)| known == name)?;
        event.args.get(place).copied()
    }

    /// Seconds from the machine's start to a clock value.
    pub fn seconds(&self, time: u64) -> f64 {
        time.wrapping_sub(self.boot_clock) as i64 as f64 / self.clock_hz as f64
    }
}
