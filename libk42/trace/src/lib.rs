//! One stream of events, from the interrupt vector to the application.
//!
//! Every part of K42 logs into the same buffers, with the same clock, always compiled in. When a class of events is
//! off an event costs a load, a test and a branch; when it is on, some thirty instructions and no lock.
//!
//! 1. **A buffer per CPU and side.** Each CPU has one buffer that the kernel alone writes and one that programs write
//!    (mapped into each of them). A program can spoil what programs have logged; it can neither touch the kernel's
//!    events, nor change the mask, nor make anyone write outside a buffer: sizes are constants, indices are masked.
//! 2. **Nobody waits.** Space is reserved by one compare-and-swap; after a few failures the event is dropped and
//!    counted. A thread that is preempted or killed half-way leaves a hole of one event, and the decoder notices.
//! 3. **In order of time.** The clock is read between the load of the index and the compare-and-swap, so the order in
//!    a buffer is the order in time.
//! 4. **Any piece can be read.** A buffer is a ring of sub-buffers. No event crosses from one to the next, and each
//!    begins with the full time and its place, so the newest part of a wrapped or damaged buffer still decodes.
//! 5. **Declared once.** The table in [`mod@events`] declares an event's class, number, arguments and text; the logging function, the
//!    decoder's names and the documentation come from this one table.
//! 6. **The file explains itself.** The table lies as text beside the buffers and at the beginning of a saved trace, so a
//!    reader of another version knows what it reads.
//! 7. **The reader trusts nothing.** A saved trace may be of the other byte order, cut short or full of rubbish
//!    (module `decode`, with the feature of that name): the answer is an error or a counted gap.
//!
//! # Logging
//!
//! A program says once where it logs, by implementing [`Target`]; then
//!
//! ```
//! use core::ptr::NonNull;
//! use k42_trace::{CpuBuffer, Target, events};
//!
//! enum Kernel {}
//!
//! // SAFETY: nothing is on, so no buffer is asked for.
//! unsafe impl Target for Kernel {
//!     fn mask() -> u64 {
//!         0 // a word of the kernel's data
//!     }
//!     fn buffer() -> NonNull<CpuBuffer> {
//!         NonNull::dangling() // a word of this CPU's data
//!     }
//! }
//!
//! let (caller, server, method, bytes) = (7, 2, 0x15, 64);
//! events::ipc::call::<Kernel>(caller, server, method, bytes);
//! ```
//!
//! # Layout
//!
//! ```text
//! region     = header page, table of events, the kernel's buffers by CPU, the programs' buffers by CPU
//! buffer     = control page, then words (a power of two), divided into sub-buffers
//! sub-buffer = start event, events, filler
//! event      = header word, argument words
//! header     = time:40 | length in words:6 | class:6 | event:8 | lap:4      (from the highest bit)
//! start      = header word, full time, index of the header word
//! ```
//!
//! Words are in the machine's own byte order; the region's header says which. The index counts words for ever; the
//! place in the ring is its remainder. `lap` is how often the ring had wrapped, modulo 16: it tells an event's header
//! from what an earlier lap left in a hole, because a header is written after the arguments, as the last word.
#![cfg_attr(not(any(test, loom)), no_std)]
#![deny(clippy::undocumented_unsafe_blocks)]

#[cfg(feature = "decode")]
extern crate alloc;

mod atomic;
mod buffer;
mod class;
#[cfg(feature = "decode")]
pub mod decode;
pub mod events;
mod header;
mod region;
mod table;
mod target;

pub use buffer::{Buffer, Control};
pub use class::Class;
pub use header::{EventHeader, MAX_WORDS};
pub use region::{
    BYTE_ORDER, CpuBuffer, MAGIC, Region, RegionError, RegionHeader, SUB_WORDS, Side, VERSION,
    WORDS,
};
pub use table::{ArgInfo, EventInfo, Show, TABLE_TEXT, TEXT_BYTES, text_bytes, text_words};
pub use target::Target;
