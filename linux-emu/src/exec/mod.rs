//! execve(2): a new program in the same process.
//!
//! * [`elf`] reads a program's headers and says what is to be mapped, and refuses everything odd;
//! * [`script`] reads the first line of a `#!` file;
//! * [`stack`] builds the new program's stack: arguments, environment, auxiliary vector;
//! * [`load`] does it, with the memory server's help;
//! * [`renew`] has a program that gives rights start on a fresh copy of this library.
//!
//! The first three work on bytes and are tested on the host.

pub mod elf;
pub mod load;
pub mod renew;
pub mod script;
pub mod stack;
