//! What programs have written to trace_marker: put together from its pieces, and understood.
//!
//! The words are those that Android's tools have made common: `B|PID|NAME` begins an interval of the thread, `E` or
//! `E|PID` ends the last one, `C|PID|NAME|VALUE` tells the value of a counter. Anything else is text.

use k42_trace::{TEXT_BYTES, text_bytes};
use std::collections::HashMap;

/// Bytes in a piece.
const PIECE: u64 = TEXT_BYTES as u64;
/// The most that one text has, as the library sees to.
const LONGEST: u64 = 4096;

/// What a text means.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning<'a> {
    /// An interval begins.
    Begin(&'a str),
    /// The last interval ends.
    End,
    /// A counter has a value.
    Counter(&'a str, f64),
    /// No more than it says.
    Text(&'a str),
}

/// What a text means.
pub fn meaning(text: &str) -> Meaning<'_> {
    let mut words = text.splitn(3, '|');
    match (words.next(), words.next(), words.next()) {
        (Some("B"), Some(_), Some(name)) => Meaning::Begin(name),
        (Some("B"), Some(name), None) => Meaning::Begin(name),
        (Some("E"), _, _) => Meaning::End,
        (Some("C"), Some(_), Some(rest)) => {
            let counter = rest.rsplit_once('|');
            let counter =
                counter.and_then(|(name, value)| Some((name, value.trim().parse().ok()?)));
            counter.map_or(Meaning::Text(text), |(name, value)| {
                Meaning::Counter(name, value)
            })
        }
        _ => Meaning::Text(text),
    }
}

/// Texts that are not complete, by thread.
#[derive(Default)]
pub struct Pieces {
    begun: HashMap<u64, Vec<u8>>,
}

impl Pieces {
    /// Takes a piece: its number, how many bytes there are from it on, and up to sixteen of them. Gives the text if this
    /// was the last one. A text of which a piece is missing is lost.
    pub fn take(&mut self, thread: u64, place: u64, bytes: u64, words: [u64; 2]) -> Option<String> {
        let mut text = match place {
            0 => Vec::new(),
            _ => self.begun.remove(&thread)?,
        };
        if text.len() as u64 != place.checked_mul(PIECE)? || bytes > LONGEST {
            return None;
        }
        let piece = text_bytes(words);
        text.extend_from_slice(&piece[..bytes.min(PIECE) as usize]);
        if bytes > PIECE {
            self.begun.insert(thread, text);
            return None;
        }
        Some(String::from_utf8_lossy(&text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k42_trace::text_words;
    use proptest::prelude::*;

    #[test]
    fn meanings() {
        for (text, expected) in [
            ("B|7|copy", Meaning::Begin("copy")),
            ("B|copy", Meaning::Begin("copy")),
            ("B|7|a|b", Meaning::Begin("a|b")),
            ("E", Meaning::End),
            ("E|7", Meaning::End),
            ("C|7|queue|3", Meaning::Counter("queue", 3.0)),
            ("C|7|a|b|-1.5", Meaning::Counter("a|b", -1.5)),
            ("C|7|queue|many", Meaning::Text("C|7|queue|many")),
            ("C|7|queue", Meaning::Text("C|7|queue")),
            ("B", Meaning::Text("B")),
            ("Banana|x", Meaning::Text("Banana|x")),
            ("", Meaning::Text("")),
        ] {
            assert_eq!(meaning(text), expected, "{text}");
        }
    }

    proptest! {
        /// Whatever is cut into pieces as the library does it comes back, those of several threads at a time too.
        #[test]
        fn texts_come_back(texts in prop::collection::vec("\\PC{0,60}", 1..5)) {
            let mut pieces = Pieces::default();
            let mut left: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
            let mut done = vec![None; texts.len()];
            for place in 0.. {
                if done.iter().all(Option::is_some) {
                    break;
                }
                for (thread, rest) in left.iter_mut().enumerate() {
                    if done[thread].is_none() {
                        let (piece, after) = rest.split_at(rest.len().min(TEXT_BYTES));
                        let bytes = rest.len() as u64;
                        done[thread] = pieces.take(thread as u64, place, bytes, text_words(piece));
                        *rest = after;
                    }
                }
            }
            prop_assert_eq!(done.into_iter().flatten().collect::<Vec<_>>(), texts);
        }

        /// Pieces that make no sense give no text that is longer than there can be, and no panic.
        #[test]
        fn nonsense(pieces in prop::collection::vec((0..3_u64, 0..4_u64, any::<u64>(), any::<[u64; 2]>()), 0..50)) {
            let mut taken = Pieces::default();
            for (thread, place, bytes, words) in pieces {
                for bytes in [bytes, bytes % 64] {
                    let text = taken.take(thread, place, bytes, words);
                    prop_assert!(text.is_none_or(|text| text.chars().count() <= 64));
                }
            }
        }
    }
}
