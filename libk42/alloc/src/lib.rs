//! The heap of a K42 program: servers and linux-emu.
//!
//! Most blocks are small, and are freed on the CPU that took them. So each CPU has a *front* with a free list per size,
//! and taking or giving back a block there touches no cache line of another CPU. What the fronts are made of, and all
//! large blocks, come from one *back end* (the `talc` crate), which grows by what a [`Platform`] gives it.
//!
//! 1. **A block goes home.** A small block lies in a slab that belongs to the CPU which carved it. Another CPU that
//!    frees it collects a batch and hands that over with one compare-and-swap, so a block never wanders and two CPUs
//!    never share a slab's lines for long.
//! 2. **"This CPU" is a hint.** A thread can be moved at any time. A front has a lock that is always free as long as
//!    threads stay where they are; who finds it taken uses a neighbour's front instead of waiting.
//! 3. **Nothing panics.** An exhausted heap answers null, which `try_reserve` and friends turn into an error.
//! 4. **No block without its size.** As everywhere in Rust, a block is freed with the layout that it was taken with;
//!    there is no header in front of it.
//! 5. **Touched late.** Slabs are carved block by block, so memory that is not used is not touched: a process that
//!    forks has few dirty pages.
//!
//! ```ignore
//! #[global_allocator]
//! static HEAP: Heap<Runtime> = Heap::new(Runtime);
//! ```
#![cfg_attr(not(test), no_std)]
#![deny(clippy::undocumented_unsafe_blocks)]

mod back;
mod class;
mod front;
mod heap;
mod slab;
mod stack;

pub use heap::{Heap, Platform, Stats};
