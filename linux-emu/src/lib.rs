//! The Linux ABI as a library.
//!
//! The image of this crate is mapped into every Linux process, at a place that the program cannot map over. A system call of
//! the program comes to the kernel, which hands it straight back to this library in the same process; here it is
//! dealt with, by the process's own data or by protected calls to the servers. There is no other Linux kernel.
//!
//! # Principles
//!
//! 1. **What concerns one process lives in it.** Descriptors, signal state, threads, timers, poll: data of this library.
//!    Authority lives elsewhere: the tables here are caches of what the servers allow, and a program that overwrites them
//!    harms itself only.
//! 2. **The table is data.** [`calls`] says of each call what it is named, takes and lacks. Dispatch, traces and
//!    documents come from it.
//! 3. **A handler takes types, not words**, and touches the program's memory by [`user`] alone.
//! 4. **No call to a server, and no access to the program's memory, with a lock held.**
//! 5. **Signals are delivered at the boundary**, where all registers are the program's: see [`signal::deliver`].
//! 6. **Errors are Linux's.** What Linux refuses is refused with the same number; what is missing here is ENOSYS, or
//!    the error of a kernel built without it, never a pretended success.
//!
//! # Where to begin
//!
//! [`dispatch`] is the middle: from there to [`table`] and [`sys`]; the way in and out is `arch::entry`, the first
//! process's start `start`. What knows hardware or the scheduler is behind [`port`] and [`arch`]; everything else
//! is built and tested on the host too.

#![cfg_attr(target_os = "none", no_std)]
#![feature(allocator_api)]

extern crate alloc;

pub mod arch;
pub mod calls;
pub mod dispatch;
pub mod epoll;
pub mod error;
pub mod event;
pub mod exec;
pub mod fd;
pub mod file;
pub mod futex;
#[cfg(target_os = "none")]
mod heap;
pub mod ioctl;
pub mod mount;
pub mod offset;
pub mod port;
pub mod process;
pub mod ring;
pub mod signal;
#[cfg(target_os = "none")]
mod start;
pub mod strace;
pub mod sys;
pub mod table;
pub mod thread;
pub mod timer;
pub mod user;
pub mod vdso;
pub mod vfork;
pub mod walk;
pub mod window;
pub mod wire;
