//! The K42 kernel.
//!
//! Principles:
//!
//! 1. **An event kernel.** One stack for each CPU, entered with interrupts off, left by return from
//!    interrupt. No kernel threads, no blocking, no allocation while it runs.
//! 2. **No policy but who runs next.** Memory, processes and files belong to servers.
//! 3. **Each CPU for itself.** What a CPU owns only it touches ([`percpu`]); others ask it ([`remote`]).
//! 4. **Nothing that a program writes is believed.** It is read once, checked, then used.
//!
//! Reading order: [`start`], [`arch`] with `vectors.S` and `fast.S`, [`trap`], [`dispatcher`], [`sched`], [`ipc`],
//! [`calls`], [`hat`].

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod arch;
#[cfg(target_os = "none")]
mod calls;
#[cfg(target_os = "none")]
mod cell;
#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod dispatcher;
#[cfg(target_os = "none")]
mod frames;
#[cfg(target_os = "none")]
mod hat;
#[cfg(target_os = "none")]
mod ipc;
#[cfg(target_os = "none")]
mod load;
#[cfg(target_os = "none")]
mod panic;
#[cfg(target_os = "none")]
mod percpu;
#[cfg(target_os = "none")]
mod pool;
#[cfg(target_os = "none")]
mod process;
#[cfg(target_os = "none")]
mod record;
#[cfg(target_os = "none")]
mod remote;
#[cfg(target_os = "none")]
mod sched;
#[cfg(target_os = "none")]
mod selftest;
#[cfg(target_os = "none")]
mod start;
#[cfg(target_os = "none")]
mod trace;
#[cfg(target_os = "none")]
mod trap;
#[cfg(target_os = "none")]
use k42_kernel::{carve, heap};
// Memory is copied by its functions.
#[cfg(target_os = "none")]
use k42_mem as _;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This program is a kernel: build it for a K42 target.");
}
