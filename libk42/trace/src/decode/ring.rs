//! One buffer: finds the sub-buffers of the last lap by their start events, then the events in each.

use alloc::vec::Vec;

use super::{Event, Gap, PAGE, Trace, Words};
use crate::buffer::{FILLER, START, START_WORDS};
use crate::class::CONTROL;
use crate::header::{EventHeader, LAPS, TIME_MASK};
use crate::{Side, find};

/// Sizes in words.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) sub: usize,
    pub(super) words: usize,
}

/// A sub-buffer whose start event is good.
#[derive(Clone, Copy)]
struct Start {
    index: u64,
    time: u64,
}

/// After a hole a header must be this near in time: what lies in a hole is old arguments, of which few look like
/// headers at all and fewer like headers of now. (Two minutes at 512 MHz.)
const NEAR: u64 = 1 << 36;

pub(super) fn decode(trace: &mut Trace, buffer: Words<'_>, shape: Shape, cpu: u32, side: Side) {
    let index = buffer.get(0).unwrap_or_default();
    trace.lost = trace.lost.saturating_add(buffer.get(1).unwrap_or_default());
    let ring = buffer.starting_at(PAGE);

    let starts = last_lap(ring, shape);
    let Some(newest) = starts.last().copied() else {
        // Either nothing was ever logged (the index says so), or everything is spoiled.
        if index != shape.words as u64 && index != 0 {
            trace.gaps.push(Gap {
                cpu,
                side,
                time: trace.boot_clock,
                words: ring.len() as u64,
            });
        }
        return;
    };
    let mut expected = starts[0].index;
    let mut time = starts[0].time;
    for start in starts {
        if start.index != expected {
            trace.gaps.push(Gap {
                cpu,
                side,
                time,
                words: start.index - expected,
            });
        }
        expected = start.index.saturating_add(shape.sub as u64);
        // Where the newest ends is known from the index, if the index makes sense.
        let used = index.wrapping_sub(start.index);
        let end = match start.index == newest.index {
            true if (START_WORDS as u64..=shape.sub as u64).contains(&used) => {
                End::Known(used as usize)
            }
            true => End::Unknown,
            false => End::Known(shape.sub),
        };
        let first = start.index as usize % shape.words;
        let sub = ring.starting_at(first * 8).up_to(shape.sub * 8);
        time = Sub {
            trace,
            words: sub,
            shape,
            start,
            cpu,
            side,
        }
        .decode(end);
    }
}

/// The start events of the last lap, in order.
fn last_lap(ring: Words<'_>, shape: Shape) -> Vec<Start> {
    let mut starts: Vec<Start> = Vec::new();
    for first in (0..ring.len()).step_by(shape.sub) {
        let word = |n| ring.get(first + n);
        let (Some(header), Some(time), Some(index)) = (word(0), word(1), word(2)) else {
            continue;
        };
        let header = EventHeader::from_word(header);
        let good = (header.class, header.event, header.length) == (CONTROL, START, START_WORDS)
            && header.time == time & TIME_MASK
            && u64::from(header.lap) == index / shape.words as u64 % LAPS
            && index % shape.words as u64 == first as u64;
        if good {
            starts.push(Start { index, time });
        }
    }
    starts.sort_by_key(|start| start.index);
    let newest = starts.last().map_or(0, |start| start.index);
    starts.retain(|start| newest - start.index < shape.words as u64);
    // Time runs forward; a start that says otherwise was forged or spoiled.
    let mut latest = 0;
    starts.retain(|start| {
        let good = start.time >= latest;
        latest = latest.max(start.time);
        good
    });
    starts
}

/// Where the words of a sub-buffer end.
#[derive(Clone, Copy)]
enum End {
    Known(usize),
    /// At the first word that is no header.
    Unknown,
}

struct Sub<'a> {
    trace: &'a mut Trace,
    words: Words<'a>,
    shape: Shape,
    start: Start,
    cpu: u32,
    side: Side,
}

impl Sub<'_> {
    /// Decodes the events; returns the time of the last.
    fn decode(self, end: End) -> u64 {
        let limit = match end {
            End::Known(words) => words,
            End::Unknown => self.shape.sub,
        };
        let lap = self.start.index / self.shape.words as u64 % LAPS;
        let mut time = self.start.time;
        let mut place = START_WORDS;
        let mut hole = 0;
        while place < limit {
            let header = self.words.get(place).map(EventHeader::from_word);
            let good = header.filter(|h| {
                let passed = h.time.wrapping_sub(time) & TIME_MASK;
                u64::from(h.lap) == lap
                    && self.known(h, place)
                    && passed <= if hole == 0 { TIME_MASK / 2 } else { NEAR }
                    && place + h.length <= limit
                    && place + h.length <= self.words.len()
            });
            let Some(header) = good else {
                if matches!(end, End::Unknown) {
                    return time;
                }
                hole += 1;
                place += 1;
                continue;
            };
            self.trace.note_gap(&mut hole, self.cpu, self.side, time);
            time = time.wrapping_add(header.time.wrapping_sub(time) & TIME_MASK);
            if header.class != CONTROL {
                let args = (1..header.length)
                    .filter_map(|n| self.words.get(place + n))
                    .collect();
                let (class, event) = (header.class, header.event);
                self.trace.events.push(Event {
                    time,
                    cpu: self.cpu,
                    side: self.side,
                    class,
                    event,
                    args,
                });
            }
            place += header.length;
        }
        self.trace.note_gap(&mut hole, self.cpu, self.side, time);
        time
    }

    /// Whether an event like this exists. Of another writer's table only the form can be checked.
    fn known(&self, header: &EventHeader, place: usize) -> bool {
        if header.length == 0 {
            return false;
        }
        if header.class == CONTROL {
            return header.event == FILLER && place + header.length == self.shape.sub;
        }
        match find(header.class, header.event) {
            Some(info) if self.trace.same_table => header.length == info.args.len() + 1,
            _ => !self.trace.same_table,
        }
    }
}

impl Trace {
    fn note_gap(&mut self, hole: &mut u64, cpu: u32, side: Side, time: u64) {
        if *hole != 0 {
            self.gaps.push(Gap {
                cpu,
                side,
                time,
                words: *hole,
            });
            *hole = 0;
        }
    }
}
