//! /proc: what the process server knows, as files.
//!
//! The tree is a table ([`table`]): one line per file, with its directory, its name, its mode and the function that makes its
//! contents. A process's directory is the same part of the table for every process; a [`Node`] is a line of the table
//! and a pid. Nothing is kept per file: names are looked up and contents are made when somebody asks.
//!
//! Contents are made whole when a file is read at offset zero, and kept with the open file, so that a program which reads
//! in small pieces sees one moment. Reading again from the start makes them anew, as in Linux.

pub mod fs;
pub mod ipc;
pub mod open;
pub mod process;
pub mod system;
pub mod table;
pub mod tree;

use crate::Server;
use alloc::vec::Vec;
use core::fmt;
use k42_ipc::Result;

/// Text under construction.
#[derive(Default)]
pub struct Text(pub Vec<u8>);

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

impl Text {
    /// Appends bytes that need not be text. What finds no memory is left out.
    pub fn bytes(&mut self, bytes: &[u8]) {
        if self.0.try_reserve(bytes.len()).is_ok() {
            self.0.extend_from_slice(bytes);
        }
    }
}

/// Appends formatted text; it cannot fail.
macro_rules! put {
    ($text:expr, $($format:tt)*) => {{
        use core::fmt::Write;
        let _ = write!($text, $($format)*);
    }};
}
pub(crate) use put;

/// What a file of /proc is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Node {
    /// Line of the table.
    pub line: u16,
    /// Process; zero for what is about the system.
    pub pid: i32,
    /// Descriptor, for the links in `fd`.
    pub fd: u32,
}

/// Makes the contents of a file.
pub type Make = fn(&Server, Node, &mut Text) -> Result<()>;
/// Takes what is written to a file.
pub type Take = fn(&Server, Node, &[u8]) -> Result<()>;
