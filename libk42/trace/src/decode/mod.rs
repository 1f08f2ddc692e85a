//! Reads a saved trace region: of either byte order, perhaps cut short, perhaps spoiled.
//!
//! [`Trace::parse`] never panics and never allocates more than the input justifies. What cannot be read becomes a
//! [`Gap`] with a count of words; the events around it are still there.

mod ring;
mod text;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::region::{BYTE_ORDER, MAGIC, VERSION};
use crate::{EventInfo, Side, find, table_hash};
pub use text::table_markdown;

/// The header page's length, and the control page's.
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

impl Event {
    /// What the table says about it.
    pub fn info(&self) -> Option<&'static EventInfo> {
        find(self.class, self.event)
    }

    /// An argument by its name in the table.
    pub fn arg(&self, name: &str) -> Option<u64> {
        let place = self.info()?.args.iter().position(|arg| arg.name == name)?;
        self.args.get(place).copied()
    }
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
    /// How many words.
    pub words: u64,
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
            DecodeError::BadHeader(field) => write!(f, "impossible {field} in the trace's header"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// A decoded region.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// CPUs that have buffers.
    pub cpus: u32,
    /// Ticks of the clock in a second.
    pub clock_hz: u64,
    /// The clock when the machine was started.
    pub boot_clock: u64,
    /// Whether the writer's table of events is this reader's. If not, names may be wrong or missing.
    pub same_table: bool,
    /// Whether the machine was big-endian.
    pub big_endian: bool,
    /// All events, in order of time.
    pub events: Vec<Event>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// Events that the writers counted as dropped.
    pub lost: u64,
    /// Bytes that the header promises and that are not there.
    pub missing_bytes: u64,
}

/// Bytes as words of one byte order.
#[derive(Clone, Copy)]
struct Words<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl<'a> Words<'a> {
    fn get(self, place: usize) -> Option<u64> {
        let bytes = self
            .bytes
            .get(place.checked_mul(8)?..)?
            .first_chunk::<8>()?;
        Some(if self.big {
            u64::from_be_bytes(*bytes)
        } else {
            u64::from_le_bytes(*bytes)
        })
    }

    fn starting_at(self, start: usize) -> Words<'a> {
        Words {
            bytes: self.bytes.get(start..).unwrap_or_default(),
            ..self
        }
    }

    fn up_to(self, end: usize) -> Words<'a> {
        Words {
            bytes: self.bytes.get(..end).unwrap_or(self.bytes),
            ..self
        }
    }

    fn len(self) -> usize {
        self.bytes.len() / 8
    }
}

impl Trace {
    /// Reads a region as it was in memory.
    ///
    /// # Errors
    /// [`DecodeError`] if there is nothing to be had.
    pub fn parse(bytes: &[u8]) -> Result<Trace, DecodeError> {
        if bytes.len() < PAGE {
            return Err(DecodeError::TooShort);
        }
        let order = |big| {
            let words = Words { bytes, big };
            (words.get(0) == Some(MAGIC) && words.get(1) == Some(BYTE_ORDER)).then_some(words)
        };
        let words = order(false)
            .or_else(|| order(true))
            .ok_or(DecodeError::NotATrace)?;
        let field = |place| words.get(place).unwrap_or_default();
        if field(2) != VERSION {
            return Err(DecodeError::OtherVersion(field(2)));
        }

        let (cpus, buffer_bytes, sub) = (field(3), field(5), field(6));
        let ring_bytes = buffer_bytes.wrapping_sub(PAGE as u64);
        if !(1..=4096).contains(&cpus) {
            return Err(DecodeError::BadHeader("number of CPUs"));
        }
        if !ring_bytes.is_power_of_two() || !(64..=1 << 32).contains(&ring_bytes) {
            return Err(DecodeError::BadHeader("size of buffers"));
        }
        if !sub.is_power_of_two() || !(8..=ring_bytes / 16).contains(&sub) {
            return Err(DecodeError::BadHeader("size of sub-buffers"));
        }

        let mut trace = Trace {
            cpus: cpus as u32,
            clock_hz: field(4).max(1),
            boot_clock: field(8),
            same_table: field(7) == table_hash(),
            big_endian: words.big,
            ..Trace::default()
        };
        let shape = ring::Shape {
            sub: sub as usize,
            words: (ring_bytes / 8) as usize,
        };
        for number in 0..2 * cpus {
            // At most 2^13 buffers of 2^33 bytes: no overflow.
            let start = PAGE as u64 + number * buffer_bytes;
            let there = (bytes.len() as u64).saturating_sub(start).min(buffer_bytes);
            trace.missing_bytes += buffer_bytes - there;
            if there == 0 {
                continue;
            }
            let buffer = words.starting_at(start as usize).up_to(there as usize);
            let side = if number < cpus {
                Side::Kernel
            } else {
                Side::User
            };
            ring::decode(&mut trace, buffer, shape, (number % cpus) as u32, side);
        }
        trace.events.sort_by_key(|event| event.time);
        trace.gaps.sort_by_key(|gap| gap.time);
        Ok(trace)
    }

    /// Seconds from the machine's start to a clock value.
    pub fn seconds(&self, time: u64) -> f64 {
        time.wrapping_sub(self.boot_clock) as i64 as f64 / self.clock_hz as f64
    }
}
