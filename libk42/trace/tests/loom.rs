//! All interleavings of writers and a reader, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p k42-trace --test loom --target-dir target/loom`.
#![cfg(loom)]

use k42_trace::{Buffer, Class, EventHeader};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

const SUB: usize = 8;
const WORDS: usize = 32;
type Tiny = Buffer<SUB, WORDS>;

const MARK: u64 = EventHeader::kind_of(Class::Application, 0, 2);

fn bounded(preemptions: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(test);
}

/// The marks in the ring, oldest first, with their times; panics if an event is torn.
fn read(buffer: &Tiny) -> Vec<(u64, u64)> {
    let end = buffer.control.index.load(Ordering::Acquire);
    let mut seen = Vec::new();
    let mut index = end
        .saturating_sub(WORDS as u64)
        .next_multiple_of(SUB as u64)
        .max(WORDS as u64);
    while index < end {
        let word = |n: u64| buffer.words[(index + n) as usize % WORDS].load(Ordering::Acquire);
        let header = EventHeader::from_word(word(0));
        if u64::from(header.lap) != index / WORDS as u64 % 16 || header.length == 0 {
            break; // reserved, not yet filled
        }
        if header.class == Class::Application as u8 {
            let (mark, value) = (word(1), word(2));
            assert!(
                mark != 0 && mark * 100 == value,
                "a header has its arguments behind it"
            );
            seen.push((header.time, mark));
        }
        index += header.length as u64;
    }
    seen
}

/// Two writers on one buffer, as when one preempts the other or was moved away: nothing is torn, lost or doubled, and
/// time runs forward.
#[test]
fn two_writers() {
    bounded(3, || {
        let (buffer, clock) = (Arc::new(Tiny::new()), Arc::new(AtomicU64::new(1)));
        let log = |buffer: &Tiny, clock: &AtomicU64, n: u64| {
            buffer.log(MARK, [n, n * 100], || clock.fetch_add(1, Ordering::Relaxed));
        };
        let (b, c) = (buffer.clone(), clock.clone());
        let other = thread::spawn(move || log(&b, &c, 1));
        log(&buffer, &clock, 2);
        other.join().unwrap();
        log(&buffer, &clock, 3);
        let seen = read(&buffer);
        assert!(seen.is_sorted());
        let mut marks: Vec<u64> = seen.iter().map(|mark| mark.1).collect();
        marks.sort();
        assert_eq!(marks, [1, 2, 3]);
        assert_eq!(buffer.control.lost.load(Ordering::Relaxed), 0);
    });
}

/// A reader beside a writer sees whole events only.
#[test]
fn a_reader_sees_no_half_event() {
    bounded(3, || {
        let buffer = Arc::new(Tiny::new());
        let b = buffer.clone();
        let reader = thread::spawn(move || {
            let marks: Vec<u64> = read(&b).iter().map(|mark| mark.1).collect();
            assert!([1, 2].starts_with(&marks));
        });
        for n in 1..=2 {
            buffer.log(MARK, [n, n * 100], || n);
        }
        reader.join().unwrap();
    });
}
