//! What the file servers have in common (KFS, the process server's /proc, the console server's /dev).
//!
//! A file server offers `k42_api::files`: a tree of names, and open files. What is the same in all of them is here, so
//! that each server holds only what makes it different:
//!
//! * [`linux`]: the numbers of Linux's ABI on 64-bit Power that file servers see;
//! * [`credentials`]: who acts, and whether the permission bits let him;
//! * [`clients`]: a record per client process, fed by the process server's `Lifecycle` calls;
//! * [`walk`]: path resolution over any [`walk::Tree`], with symbolic links and redirects at mount points;
//! * [`dirent`]: the records of getdents64(2);
//! * [`mounts`]: the mount table as it travels;
//! * [`wait`]: whom to send a READY event, and when;
//! * [`lock`]: byte-range locks and flock(2) of one file;
//! * [`ports`]: the services that a file server needs from its surroundings, as traits, so that all logic runs on the
//!   host under test;
//! * `machine` (on K42 only): those services by kernel and process server;
//! * [`sync`]: the locks that file servers use, named in one place.
#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

pub mod clients;
pub mod credentials;
pub mod dirent;
pub mod linux;
pub mod lock;
#[cfg(target_os = "none")]
pub mod machine;
pub mod mounts;
pub mod ports;
pub mod sync;
pub mod wait;
pub mod walk;

pub use clients::{Client, Clients};
pub use credentials::{Access, Record};
pub use k42_ipc::{Error, Handle, OutBuf, ProcessId, Result};
