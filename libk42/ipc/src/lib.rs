//! Interfaces over protected calls.
//!
//! An interface is one Rust trait marked `#[interface]`. In the trait, the first parameter after
//! `&self` is always `caller: &Caller` (who calls; supplied by the kernel, not by the client). The
//! others may be integers, `bool`, types that are [`Wire`], `&[u8]`, `&str`, and at most one
//! `out: &mut OutBuf<'_>`, which carries bulk data back. Results are `Result<T>` with `T: Wire`.
//!
//! From the trait `Foo` come a client stub `FooClient` and a server skeleton `foo_dispatch`; a
//! server keeps what it has given to its clients in [`ClientTables`].
//!
//! # How a call lies in a message
//!
//! * All arguments are flattened to words, a slice or text to its length, `out` to the room wanted.
//!   Five words go in registers, the rest at the start of the payload; then follow the bytes of the
//!   slices without gaps.
//! * The result's words beyond five, and after them the bytes of `out`, lie in the reply's payload:
//!   at its start, or, when the method has an `out`, behind the request (rounded up to eight bytes),
//!   so that the server can fill `out` in place while it still reads the request.
//! * A call whose words fit in registers and that has no slices never touches the payload.
//!
//! A server trusts none of this: every length, number and text is checked, and a message that is not
//! exactly right is answered with an error.

#![no_std]
#![feature(allocator_api)]

#[cfg(not(target_os = "none"))]
extern crate std;

extern crate alloc;
// So that the code that the macro makes can also be used inside this crate's own tests.
extern crate self as k42_ipc;

pub mod client;
mod counted;
mod message;
mod out;
pub mod server;
mod tables;
pub mod transport;
mod wire;

pub use counted::counted;
pub use k42_abi::{Error, Handle, ProcessId, Result};
pub use k42_ipc_macros::interface;
pub use message::{Caller, Incoming, Pieces, Reply, Request};
pub use out::OutBuf;
pub use tables::{ClientTables, Exported};
pub use wire::Wire;
