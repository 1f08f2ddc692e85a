//! A ring of words that many can log into at once, without locks.
//!
//! The index counts reserved words for ever. To log: load the index; read the clock; if the event fits into the
//! sub-buffer, compare-and-swap the index; store the arguments; store the header last, with release. A header with the
//! right lap therefore has its arguments behind it. A reservation that was never filled holds what the last lap left,
//! which bears another lap number: the decoder sees a hole.
//!
//! When an event does not fit (and at the very start of a sub-buffer), the slow path reserves the rest of this
//! sub-buffer for a filler, and the start event of the next, in one step, and then tries again.

use crate::atomic::{AtomicU64, Ordering};
use crate::class::CONTROL;
use crate::header::{EventHeader, MAX_WORDS};

/// Events of class [`CONTROL`].
pub(crate) const START: u8 = 0;
pub(crate) const FILLER: u8 = 1;

/// Words of a start event.
pub(crate) const START_WORDS: usize = 3;

/// How often a reservation is tried before the event is dropped. Failing takes another writer in the few instructions
/// between load and swap, so only a hostile writer makes it happen again and again.
const TRIES: u32 = 16;

/// A buffer's first page.
#[cfg_attr(not(loom), repr(C, align(4096)))]
pub struct Control {
    /// Words reserved since the beginning. Begins at one lap, so that zeroed memory belongs to no lap.
    pub index: AtomicU64,
    /// Events that were dropped.
    pub lost: AtomicU64,
}

/// Where an event goes, and when it was.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    index: u64,
    time: u64,
}

/// A ring of `WORDS` words in sub-buffers of `SUB` words; both powers of two.
#[cfg_attr(not(loom), repr(C))]
pub struct Buffer<const SUB: usize, const WORDS: usize> {
    /// Index and counts.
    pub control: Control,
    /// The ring.
    pub words: [AtomicU64; WORDS],
}

impl<const SUB: usize, const WORDS: usize> Buffer<SUB, WORDS> {
    const SHAPE_IS_GOOD: () = assert!(
        SUB.is_power_of_two()
            && WORDS.is_power_of_two()
            && WORDS >= 2 * SUB
            && SUB > START_WORDS + 1,
        "a ring is at least two sub-buffers, and both sizes are powers of two"
    );

    /// The longest event, header included, that fits behind a start event.
    const LONGEST: usize = if SUB - START_WORDS - 1 < MAX_WORDS {
        SUB - START_WORDS - 1
    } else {
        MAX_WORDS
    };

    /// An empty buffer.
    #[cfg(any(loom, test, feature = "decode"))]
    pub fn new() -> Self {
        let () = Self::SHAPE_IS_GOOD;
        Buffer {
            control: Control {
                index: AtomicU64::new(WORDS as u64),
                lost: AtomicU64::new(0),
            },
            words: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Makes a buffer of zeroed memory empty and ready.
    pub(crate) fn start(&self) {
        let () = Self::SHAPE_IS_GOOD;
        self.control.lost.store(0, Ordering::Relaxed);
        self.control.index.store(WORDS as u64, Ordering::Release);
    }

    /// Logs an event: `kind` is its header but for time and lap, `now` reads the clock.
    #[inline(always)]
    pub fn log<const ARGS: usize>(&self, kind: u64, args: [u64; ARGS], now: impl Fn() -> u64) {
        match self.take(ARGS + 1, &now) {
            Some(place) => self.fill(place, kind, args),
            None => self.log_slow(kind, &args, &now),
        }
    }

    /// Reserves `length` words, if they fit here and nobody comes in between.
    #[inline(always)]
    pub(crate) fn take(&self, length: usize, now: impl Fn() -> u64) -> Option<Place> {
        let index = self.control.index.load(Ordering::Relaxed);
        let time = now();
        let next = index.wrapping_add(length as u64);
        (Self::fits(index, length) && self.reserve(index, next)).then_some(Place { index, time })
    }

    /// As [`take`](Self::take), for a buffer that only the caller writes: the kernel, whose interrupts are off.
    #[inline(always)]
    pub(crate) fn take_alone(&self, length: usize, now: impl Fn() -> u64) -> Option<Place> {
        let index = self.control.index.load(Ordering::Relaxed);
        let time = now();
        Self::fits(index, length).then(|| {
            self.control
                .index
                .store(index.wrapping_add(length as u64), Ordering::Relaxed);
            Place { index, time }
        })
    }

    /// Whether an event of `length` words fits at `index`, with a word to spare. Not at the start of a sub-buffer: a start
    /// event comes first.
    #[inline(always)]
    fn fits(index: u64, length: usize) -> bool {
        // From the start the end is at `length`, from where it does not fit before that, in the next sub-buffer.
        index.wrapping_add(length as u64) % SUB as u64 > length as u64
    }

    #[inline(always)]
    fn reserve(&self, from: u64, to: u64) -> bool {
        self.control
            .index
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// Writes an event into its reservation, the header last.
    #[inline(always)]
    pub(crate) fn fill<const ARGS: usize>(&self, place: Place, kind: u64, args: [u64; ARGS]) {
        let first = place.index as usize % WORDS;
        for (n, arg) in args.into_iter().enumerate() {
            debug_assert!(first + 1 + n < WORDS);
            // SAFETY: a reservation lies within one sub-buffer (`fits`), so its words follow each other in the ring.
            unsafe { self.words.get_unchecked(first + 1 + n) }.store(arg, Ordering::Relaxed);
        }
        self.finish(place, kind);
    }

    #[inline(always)]
    fn finish(&self, place: Place, kind: u64) {
        let header = EventHeader::word(kind, place.time, place.index / WORDS as u64);
        self.words[place.index as usize % WORDS].store(header, Ordering::Release);
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn log_slow(&self, kind: u64, args: &[u64], now: &dyn Fn() -> u64) {
        let length = args.len() + 1;
        if length <= Self::LONGEST {
            for _ in 0..TRIES {
                if let Some(place) = self.take(length, now) {
                    for (n, &arg) in args.iter().enumerate() {
                        let word = place.index.wrapping_add(1 + n as u64);
                        self.words[word as usize % WORDS].store(arg, Ordering::Relaxed);
                    }
                    return self.finish(place, kind);
                }
                let index = self.control.index.load(Ordering::Relaxed);
                let time = now();
                if !Self::fits(index, length) {
                    self.next_sub_buffer(Place { index, time });
                }
            }
        }
        self.control.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Closes the sub-buffer at `at` and begins the next, unless someone else was quicker.
    fn next_sub_buffer(&self, at: Place) {
        let filler = at.index.wrapping_neg() % SUB as u64;
        let start = at.index.wrapping_add(filler);
        if self.reserve(at.index, start.wrapping_add(START_WORDS as u64)) {
            if filler != 0 {
                // Its length fits: an event that did not fit was at most MAX_WORDS long.
                self.finish(at, EventHeader::kind(CONTROL, FILLER, filler as usize));
            }
            let kind = EventHeader::kind(CONTROL, START, START_WORDS);
            self.fill(Place { index: start, ..at }, kind, [at.time, start]);
        }
    }
}

#[cfg(any(loom, test, feature = "decode"))]
impl<const SUB: usize, const WORDS: usize> Default for Buffer<SUB, WORDS> {
    fn default() -> Self {
        Self::new()
    }
}
