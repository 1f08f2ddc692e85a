//! The process server: Linux's view of processes.
//!
//! To the kernel a process is an address space with dispatchers, to the memory server a set of regions. That it has a
//! number, a parent, a group, a user, that it can be waited for and sent signals, is known here and in linux-emu.
//!
//! 1. **Identity is apart from the address space.** A record ([`record`]) is a clustered object with the Linux side of a
//!    process; it outlives its address space until the parent has asked how it ended.
//! 2. **Nothing global on the way.** fork, exit, wait and kill touch the records concerned and the slots that
//!    lead to them ([`spaces`], [`pids`]), each with its own lock. What is shared by nature is small and named: groups and sessions
//!    ([`group`]: a signal must reach all members), the parent of many children ([`family`]), the sum of a user's processes,
//!    and the last number given out.
//! 3. **No lock across a call.** Records are changed under their lock, and what follows for others is done
//!    after it is released ([`exit`], [`kill`]).
//! 4. **The library is not trusted, and not needed.** SIGKILL, SIGSTOP and the end of a process work without its help.
//! 5. **Messages are hints.** Who waits is sent an event and asks again; a lost event costs time, not truth.
//!
//! The server is also the file server of /proc ([`procfs`]).
#![cfg_attr(target_os = "none", no_std)]
#![feature(allocator_api)]

extern crate alloc;

pub mod affinity;
mod calls;
pub mod credentials;
pub mod env;
pub mod exit;
pub mod family;
pub mod group;
pub mod jobs;
pub mod kill;
pub mod limits;
pub mod linux;
pub mod load;
pub mod pending;
pub mod pids;
pub mod processor;
pub mod procfs;
pub mod record;
pub mod renew;
pub mod root;
pub mod server;
pub mod shm;
pub mod spaces;

pub use root::Root;
pub use server::Server;

#[cfg(test)]
mod tests;
