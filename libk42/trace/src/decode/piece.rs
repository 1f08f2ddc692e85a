//! One piece of a trace: a sub-buffer, or the used part of the last one.

use alloc::vec::Vec;

use super::words::Words;
use super::{Event, Gap, Table};
use crate::Side;
use crate::buffer::{FILLER, START, START_WORDS};
use crate::class::CONTROL;
use crate::header::{EventHeader, LAPS, TIME_MASK};

/// After a hole a header must be this near in time: what lies in a hole is old arguments, of which few look like
/// headers at all and fewer like headers of now. (Two minutes at 512 MHz.)
const NEAR: u64 = 1 << 36;

/// A piece, and where it comes from.
pub(super) struct Piece<'a> {
    pub(super) words: Words<'a>,
    /// How many words the piece should have: fewer are there if the file is cut short.
    pub(super) length: usize,
    /// The index of its first word.
    pub(super) index: u64,
    /// Words of a ring, or zero if no lap is known.
    pub(super) ring: u64,
    /// Words of a sub-buffer.
    pub(super) sub: usize,
    pub(super) cpu: u32,
    pub(super) side: Side,
}

/// Where events and gaps go.
pub(super) struct Found<'a> {
    pub(super) table: &'a Table,
    pub(super) events: &'a mut Vec<Event>,
    pub(super) gaps: &'a mut Vec<Gap>,
}

/// How far time had come in a buffer.
#[derive(Clone, Copy, Default)]
pub(super) struct Latest {
    /// When the last piece began.
    pub(super) start: u64,
    /// The time of its last event.
    pub(super) last: u64,
}

impl Piece<'_> {
    /// Decodes the events. `latest` is of the piece before of the same buffer; returns that of this one.
    pub(super) fn decode(self, found: &mut Found<'_>, latest: Latest) -> Latest {
        if self.words.len() < START_WORDS.min(self.length) {
            return latest;
        }
        // Time runs forward; a start that says otherwise was forged or spoiled. What stands in a hole can look like an
        // event of any time, so only starts are compared.
        let Some(start) = self.start().filter(|&time| time >= latest.start) else {
            self.gap(found, latest.last, self.words.len());
            return latest;
        };
        let lap = self.index / self.ring % LAPS;
        let mut time = start;
        let mut place = START_WORDS;
        let mut hole = 0;
        let there = self.words.len();
        while place < there {
            let header = self.words.get(place).map(EventHeader::from_word);
            let good = header.filter(|h| {
                let passed = h.time.wrapping_sub(time) & TIME_MASK;
                u64::from(h.lap) == lap
                    && self.known(found.table, h, place)
                    && passed <= if hole == 0 { TIME_MASK / 2 } else { NEAR }
                    && place + h.length <= self.length
            });
            let Some(header) = good else {
                hole += 1;
                place += 1;
                continue;
            };
            if place + header.length > there {
                // The file ends in the middle of an event.
                break;
            }
            self.gap(found, time, hole);
            hole = 0;
            time = time.wrapping_add(header.time.wrapping_sub(time) & TIME_MASK);
            if header.class != CONTROL {
                let args = (1..header.length)
                    .filter_map(|n| self.words.get(place + n))
                    .collect();
                found.events.push(Event {
                    time,
                    cpu: self.cpu,
                    side: self.side,
                    class: header.class,
                    event: header.event,
                    args,
                });
            }
            place += header.length;
        }
        self.gap(found, time, hole);
        Latest { start, last: time }
    }

    /// The time of the start event, if that is good.
    fn start(&self) -> Option<u64> {
        let header = EventHeader::from_word(self.words.get(0)?);
        let (time, index) = (self.words.get(1)?, self.words.get(2)?);
        let good = (header.class, header.event, header.length) == (CONTROL, START, START_WORDS)
            && header.time == time & TIME_MASK
            && u64::from(header.lap) == index / self.ring % LAPS
            && index == self.index;
        good.then_some(time)
    }

    /// Whether an event like this exists.
    fn known(&self, table: &Table, header: &EventHeader, place: usize) -> bool {
        if header.class == CONTROL {
            return header.event == FILLER
                && header.length != 0
                && place + header.length == self.sub;
        }
        table
            .event(header.class, header.event)
            .is_some_and(|entry| header.length == entry.args.len() + 1)
    }

    fn gap(&self, found: &mut Found<'_>, time: u64, words: usize) {
        if words != 0 {
            found.gaps.push(Gap {
                cpu: self.cpu,
                side: self.side,
                time,
                words: words as u64,
            });
        }
    }
}
