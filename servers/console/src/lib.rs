//! The console server: `/dev`, with terminals, pseudo-terminals and the devices that every Unix has.
//!
//! * [`termios`]: the structures and numbers of terminals in Linux's ABI on 64-bit Power;
//! * [`line`]: the line discipline, a pure function of bytes and settings;
//! * [`tty`]: a terminal: discipline, owner (session and foreground group), and who waits;
//! * [`node`]: the names of `/dev`;
//! * [`open`]: open files;
//! * [`fs`]: the file system interface, and births and deaths of clients;
//! * [`random`]: the source behind `/dev/random` and `/dev/urandom`;
//! * [`ports`]: what the server needs from its surroundings, so that all of this runs on the host.
//!
//! No method waits: who wants input that is not there, or room that is not there, is noted and told.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod fs;
pub mod line;
pub mod node;
pub mod open;
pub mod ports;
pub mod random;
pub mod termios;
pub mod tty;

pub use fs::Devices;
