//! The memory server: address spaces, regions, page caches.
//!
//! Principles, in order of weight:
//!
//! 1. **Every frame has an owner that can be named.** A frame is held by page trees, counted, and freed with its last
//!    owner; no translation to it is left by then, because whoever takes a page away unmaps it first, under the lock
//!    under which it was mapped.
//! 2. **Mechanism in the kernel, policy here.** The kernel knows translations; what lies behind an address is decided by
//!    [`fcm::Fcm`]s, one object per resource, with several implementations.
//! 3. **Requests for different resources do not meet.** One lock per space and per FCM, frames from this CPU's stock;
//!    there is no lock that every fault takes.
//! 4. **Fork costs by regions.** Page trees are persistent; a copy is one reference ([`tree`]).
//! 5. **Running out of memory is an answer, not an accident.** Every request says what it needs memory for and is
//!    refused above its floor ([`frames::Need`]); nothing in here panics for want of memory.
//!
//! From a fault to a page: [`server`] finds the [`space::Space`] of the process, the space finds the region and asks its
//! FCM, the FCM finds or makes the frame and has it mapped through [`machine::Core`].
//!
//! The library is the server's logic and runs on the host under test, with a model of page tables in the kernel's place.
//! The program (`main.rs`) wires it to the runtime.

#![no_std]
#![feature(btree_cursors)]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

pub mod archive;
pub mod fcm;
pub mod frames;
pub mod futex;
pub mod handles;
pub mod hat;
pub mod image;
#[cfg(feature = "k42")]
pub mod kernel;
pub mod lock;
pub mod machine;
pub mod roots;
pub mod server;
pub mod space;
pub mod spaces;
pub mod start;
#[cfg(test)]
mod tests;
pub mod tree;
pub mod window;
