//! User-level threads: what a process makes of its dispatchers.
//!
//! The kernel schedules dispatchers and knows no threads. It enters a dispatcher at one of eight entry
//! points (see `k42_abi::dispatcher`); this crate turns those upcalls into threads that block, wake, sleep,
//! call servers, and serve calls. Servers and the Linux library use the same code.
//!
//! # Principles
//!
//! 1. **A thread is a stack and a few words.** The [`Thread`] lies at the top of its stack. Blocking costs a
//!    function call's worth of registers; the kernel hears nothing of it.
//! 2. **Disabled code is short.** With `disabled` set there are no upcalls, so the dispatcher's own data needs
//!    no lock. Code that runs disabled never allocates, never waits and never takes a lock that enabled
//!    code takes.
//! 3. **A dispatcher touches only its own data.** What concerns another one goes into that one's inbox.
//! 4. **Wake-ups are order-free.** An unblock that comes before its block leaves a mark; a wake-up may be
//!    spurious, so every block stands in a loop over its condition.
//! 5. **r13 is the thread.** Inside library code r13 holds the address of the running [`Thread`], so the current
//!    thread is found without a race against preemption and migration. Nothing caches the dispatcher's
//!    address while enabled.
//!
//! # The upcall path
//!
//! `asm` holds the entry points. All but the fast ones (a reply, an incoming call) go to the upcall
//! stack and from there to `run`: handle soft interrupts, take what came into the inbox, resume the next ready
//! thread, or yield. A thread's registers are in one of two forms: the callee-saved ones on its own
//! stack, if it gave up the CPU by itself; or all of them in its [`Thread`], if it was interrupted.
//!
//! The pure parts (queues, timers, the block/unblock mark, the inbox) build and are tested on the host.

#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(
    not(target_os = "none"),
    allow(dead_code, reason = "the host builds the logic for its tests only")
)]

// Servers and library copy memory by its functions.
use k42_mem as _;

mod condition;
mod event;
mod events;
mod inbox;
mod mark;
mod parker;
mod queue;
mod slots;
mod thread;
mod timer;
pub mod trace;

#[cfg(target_os = "none")]
mod asm;
#[cfg(target_os = "none")]
pub mod client;
#[cfg(target_os = "none")]
mod dispatcher;
#[cfg(target_os = "none")]
pub mod fatal;
#[cfg(target_os = "none")]
pub mod fork;
#[cfg(target_os = "none")]
pub mod fp;
#[cfg(target_os = "none")]
mod groups;
#[cfg(target_os = "none")]
mod migrate;
#[cfg(target_os = "none")]
pub mod program;
#[cfg(target_os = "none")]
mod run;
#[cfg(target_os = "none")]
mod server;
#[cfg(target_os = "none")]
pub mod sys;
#[cfg(target_os = "none")]
mod threads;
#[cfg(target_os = "none")]
mod upcall;
#[cfg(target_os = "none")]
pub mod usercopy;
#[cfg_attr(not(target_os = "none"), allow(unused, reason = "as above"))]
pub mod word;

pub use condition::{Condition, Guard};
pub use event::AsyncEvent;
pub use events::EventQueue;
pub use parker::{Mutex, ThreadParker};
pub use thread::{Thread, ThreadRef};

#[cfg(target_os = "none")]
pub use dispatcher::{
    Config, Hooks, Page, StackSource, is_prepared, page, prepare_dispatcher, processor, set_hooks,
    start_dispatcher, vp, wait_for_preparation,
};
#[cfg(target_os = "none")]
pub use groups::{bar, unbar};
#[cfg(target_os = "none")]
pub use server::served_slot;
#[cfg(target_os = "none")]
pub use threads::{
    DEFAULT_STACK, ThreadConfig, Unpreempted, block, block_until, change_cpu, create, create_first,
    current, exit, now, sleep_until, spawn, spawn_with, start, unblock, yield_now,
};
#[cfg(target_os = "none")]
pub use upcall::{Trap, TrapAction};
