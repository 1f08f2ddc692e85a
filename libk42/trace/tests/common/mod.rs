//! Small buffers, a clock, and the bytes of a region made of them.

use std::cell::Cell;

use k42_trace::{BYTE_ORDER, Buffer, MAGIC, VERSION, table_hash};
use std::sync::atomic::Ordering::Relaxed;

thread_local! {
    /// The test's clock.
    pub static CLOCK: Cell<u64> = const { Cell::new(0) };
}

/// A clock that goes on by ten at each look.
pub fn tick() -> u64 {
    CLOCK.with(|clock| {
        clock.set(clock.get() + 10);
        clock.get()
    })
}

/// A small ring: four sub-buffers of 32 words.
pub const SUB: usize = 32;
pub const WORDS: usize = 128;
pub type Small = Buffer<SUB, WORDS>;

/// The bytes of a region with one CPU, as a machine of either byte order would have them.
pub fn region_bytes(kernel: &Small, user: &Small, big: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut page = |words: &[u64], length: usize| {
        let start = bytes.len();
        for word in words {
            bytes.extend(if big {
                word.to_be_bytes()
            } else {
                word.to_le_bytes()
            });
        }
        bytes.resize(start + length, 0);
    };
    let header = [
        MAGIC,
        BYTE_ORDER,
        VERSION,
        1,
        1_000,
        4096 + 8 * WORDS as u64,
        SUB as u64,
        table_hash(),
        0,
    ];
    page(&header, 4096);
    for buffer in [kernel, user] {
        page(
            &[
                buffer.control.index.load(Relaxed),
                buffer.control.lost.load(Relaxed),
            ],
            4096,
        );
        let words: Vec<u64> = buffer.words.iter().map(|word| word.load(Relaxed)).collect();
        page(&words, 8 * WORDS);
    }
    bytes
}
