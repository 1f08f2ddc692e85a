//! The interfaces of the servers: one trait per kind of object, from which the client stub and the
//! server skeleton are generated.
//!
//! Rules for every interface:
//!
//! 1. No method waits without bound. What cannot be had now is `Error::WOULD_BLOCK`; the server has
//!    then noted the caller, and sends one asynchronous message ([`event`]) when asking again is
//!    worth while. Messages are hints: the receiver asks again and may be refused again.
//! 2. Handles belong to the process that they were given to; a server keeps one table per client
//!    process. After fork the child has the same handles.
//! 3. Who the caller is, and with which credentials, a server learns from kernel and process
//!    server, never from the caller.

#![no_std]

pub mod event;
pub mod files;
pub mod lifecycle;
pub mod memory;
pub mod names;
pub mod process;
pub mod shm;
pub mod sockets;
