//! What a server program starts with.
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! k42_rt::entry!(main);
//!
//! fn main(start: k42_rt::Start) {
//!     // make the objects
//!     k42_rt::serve(ROOT, &TABLES);
//! }
//! ```
//!
//! `main` runs on a thread of dispatcher 0. When it returns its thread ends, and the server goes on serving. Calls that
//! arrive before [`serve`] wait. In the program's Cargo.toml: `build = "../../libk42/rt/server_build.rs"`.
//!
//! A call is served on a worker thread with a stack of its own (`worker_stack`), on the dispatcher where it
//! arrived; it may block on locks and make calls to other servers, but answers soon: interfaces say WOULD_BLOCK rather
//! than wait.

#![cfg(target_os = "none")]
#![no_std]

extern crate alloc;

mod events;
mod heap;
mod logger;
mod objects;
mod panic;
mod service;
mod start;

pub use events::on_event;
pub use heap::{HeapGrower, set_heap_grower};
pub use k42_ipc::{ClientTables, Exported, Incoming, Reply};
pub use k42_sched::{AsyncEvent, Mutex, sys};
pub use log;
pub use objects::trace_object;
pub use service::serve;
pub use start::{Start, info, own_process, prepare_dispatchers};

#[doc(hidden)]
pub use start::{Arena, Program};

/// Names the program's main function; with optional sizes in bytes:
/// `entry!(main, heap = 4 << 20, worker_stack = 64 << 10, main_stack = 128 << 10)`. `heap` is the part that is there
/// from the start, in the image; more is had from the memory server.
#[macro_export]
macro_rules! entry {
    ($main:path $(, $key:ident = $value:expr)* $(,)?) => {
        const _: () = {
            const PROGRAM: $crate::Program = {
                #[allow(unused_mut, reason = "without options nothing is changed")]
                let mut program = $crate::Program::new($main, env!("CARGO_PKG_NAME"));
                $(program.$key = $value;)*
                program
            };
            static ARENA: $crate::Arena<{ PROGRAM.heap }> = $crate::Arena::new();
            #[unsafe(no_mangle)]
            fn k42_program() -> ($crate::Program, *mut u8) {
                (PROGRAM, ARENA.start())
            }
        };
    };
}
