//! Small buffers, a clock, and the region and the file made of them.

use std::cell::Cell;

use k42_trace::decode::{DecodeError, OpenError, Stream};
use k42_trace::{BYTE_ORDER, Buffer, MAGIC, TABLE_TEXT, VERSION};
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

/// Bytes before the first buffer.
pub const HEAD: usize = 4096 + TABLE_TEXT.len().next_multiple_of(4096);

/// The bytes of a region with one CPU, as a machine of either byte order would have them.
pub fn region_bytes(kernel: &Small, user: &Small, big: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = [
        MAGIC,
        BYTE_ORDER,
        VERSION,
        1,
        1_000,
        4096 + 8 * WORDS as u64,
        SUB as u64,
        HEAD as u64,
        TABLE_TEXT.len() as u64,
        0,
    ];
    put(&mut bytes, &header, big, 4096);
    bytes.extend(TABLE_TEXT);
    bytes.resize(HEAD, 0);
    for buffer in [kernel, user] {
        let control = [&buffer.control.index, &buffer.control.lost].map(|word| word.load(Relaxed));
        put(&mut bytes, &control, big, 4096);
        let words: Vec<u64> = buffer.words.iter().map(|word| word.load(Relaxed)).collect();
        put(&mut bytes, &words, big, 8 * WORDS);
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, words: &[u64], big: bool, length: usize) {
    let end = bytes.len() + length;
    bytes.extend(words.iter().flat_map(|word| match big {
        true => word.to_be_bytes(),
        false => word.to_le_bytes(),
    }));
    bytes.resize(end, 0);
}

/// The file that is made of a region which stands still.
pub fn file_of(region: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut file = Vec::new();
    let stream = Stream::open(region, &mut file).map_err(|error| match error {
        OpenError::Memory(error) | OpenError::Region(error) => error,
    })?;
    stream.finish(region, &mut file)?;
    Ok(file)
}

/// As [`file_of`], of two buffers.
pub fn file_bytes(kernel: &Small, user: &Small, big: bool) -> Vec<u8> {
    file_of(&region_bytes(kernel, user, big)).unwrap()
}
