//! KFS, the K42 file system: the root file system, pipes, FIFOs and local sockets. Memory is its medium in this version.
//!
//! Every file and directory is an object of its own with an implementation chosen when it is made, and exchangeable
//! while it is used. Requests for different files share no lock:
//!
//! * [`node`]: a node and its attributes; its body is one of
//!   * [`data`]: data, in a clustered object; [`contents`] and [`mapped`]: in the heap or in a page cache of the memory
//!     server,
//!   * [`directory`]: names, searched plainly or by hash,
//!   * [`pipe`]: between readers and writers; [`ring`]: its bytes;
//!   * [`socket`]: local sockets;
//! * [`fs`]: the file system as a whole: nodes by path, quotas; [`service`]: the interface `FileSystem`;
//! * [`make`], [`remove`], [`rename`], [`attributes`]: the operations on names and attributes;
//! * `plain`: the short way of most paths;
//! * `window`, `view`: memory shared with the memory server, and with clients that transfer data by themselves;
//! * [`open`]: open files, the interface `OpenFile`;
//! * [`tar`], [`unpack`]: how the root archive becomes the first contents;
//! * [`ports`]: what KFS needs from its surroundings. `main.rs` wires that to the runtime; tests and fuzz targets supply
//!   those of `mock`.
#![cfg_attr(not(any(test, feature = "mock")), no_std)]
#![feature(allocator_api)]

extern crate alloc;

pub mod attributes;
pub mod contents;
pub mod data;
pub mod directory;
pub mod fs;
pub mod make;
pub mod mapped;
#[cfg(any(test, feature = "mock"))]
pub mod mock;
pub mod node;
pub mod open;
pub mod pipe;
mod plain;
pub mod ports;
pub mod quota;
pub mod remove;
pub mod rename;
pub mod ring;
pub mod service;
pub mod socket;
pub mod tar;
pub mod unpack;
mod view;
mod window;

pub use fs::Kfs;

#[cfg(test)]
mod tests;
