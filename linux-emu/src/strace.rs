//! One line for each system call, when `K42_STRACE=1` is in the environment of the program: like strace's,
//! made from the table alone.

use crate::error;
use crate::signal::set::NAMES;
use crate::table::{Kind, Raw, Row};
use crate::user::{self, User};
use core::fmt::{self, Write};
use k42_abi::{Error, Result};

/// A line under construction, cut at its end rather than grown.
pub struct Line {
    bytes: [u8; 240],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl Line {
    /// Empty.
    pub const fn new() -> Self {
        Self {
            bytes: [0; 240],
            length: 0,
        }
    }
    /// The text, with a newline at its end.
    pub fn finish(&mut self) -> &str {
        self.length = self.length.min(self.bytes.len() - 1);
        self.bytes[self.length] = b'\n';
        self.length += 1;
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or("?\n")
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.length + 1 < self.bytes.len() {
                self.bytes[self.length] = if byte.is_ascii() { byte } else { b'?' };
                self.length += 1;
            }
        }
        Ok(())
    }
}

/// A path or text of the program, at most 60 bytes of it.
fn quoted(line: &mut Line, at: User) -> fmt::Result {
    let mut text = [0u8; 60];
    let length = match user::copy_string(at, &mut text, Error::ENAMETOOLONG) {
        Ok(length) => length,
        Err(Error::ENAMETOOLONG) => text.len(),
        Err(_) => return write!(line, "{:#x}", at.0),
    };
    line.write_str("\"")?;
    for &byte in &text[..length] {
        match byte {
            b'"' | b'\\' => write!(line, "\\{}", byte as char)?,
            b'\n' => line.write_str("\\n")?,
            b' '..=b'~' => line.write_char(byte as char)?,
            _ => write!(line, "\\{byte:o}")?,
        }
    }
    line.write_str(if length == text.len() { "\"..." } else { "\"" })
}

fn argument(line: &mut Line, kind: Kind, word: u64) -> fmt::Result {
    match kind {
        Kind::Directory if word as i32 == crate::walk::AT_FDCWD => line.write_str("AT_FDCWD"),
        Kind::Descriptor | Kind::Directory => write!(line, "{}", word as i32),
        Kind::Integer => write!(line, "{}", word as i64),
        Kind::Size => write!(line, "{word}"),
        Kind::Mode => write!(line, "{:#o}", word as u32),
        Kind::Flags => write!(line, "{word:#x}"),
        Kind::Signal => match NAMES.get(word as usize) {
            Some(name) => line.write_str(name),
            None => write!(line, "SIGRT_{}", word as i32 - 32),
        },
        Kind::Path | Kind::Input | Kind::Output | Kind::Address if word == 0 => {
            line.write_str("NULL")
        }
        Kind::Path => quoted(line, User(word)),
        Kind::Input | Kind::Output | Kind::Address => write!(line, "{word:#x}"),
    }
}

/// Begins a line: the call with its arguments, as they are before it is made.
pub fn begin(line: &mut Line, pid: i32, row: &Row, raw: &Raw) {
    // Writing to a `Line` never fails.
    let _ = write!(line, "[{pid}] {}(", row.name());
    for (index, ((_, kind), word)) in row.arguments.iter().zip(raw).enumerate() {
        if index > 0 {
            let _ = line.write_str(", ");
        }
        let _ = argument(line, *kind, *word);
    }
    let _ = line.write_str(")");
}

/// Ends it with the result.
pub fn end(line: &mut Line, result: Result<u64>) {
    let _ = match result {
        Ok(value) if value > 0xffff_ffff => write!(line, " = {value:#x}"),
        Ok(value) => write!(line, " = {value}"),
        Err(code) if error::is_restart(code) => write!(line, " = ? (to be restarted)"),
        Err(code) => {
            let linux = Error::from_code(error::to_linux(code));
            write!(line, " = -1 {linux} ({code})")
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::find;

    fn show(number: u64, raw: Raw, result: Result<u64>) -> String {
        let mut line = Line::new();
        begin(&mut line, 7, find(number).unwrap(), &raw);
        end(&mut line, result);
        line.finish().to_string()
    }

    #[test]
    fn lines() {
        let path = b"/etc/\"x\"\n\0";
        let at = path.as_ptr() as u64;
        assert_eq!(
            show(286, [-100i64 as u64, at, 0, 0o644, 0, 0], Ok(3)),
            "[7] openat(AT_FDCWD, \"/etc/\\\"x\\\"\\n\", 0x0, 0o644) = 3\n"
        );
        assert_eq!(
            show(6, [5, 0, 0, 0, 0, 0], Err(Error::EBADF)),
            "[7] close(5) = -1 EBADF (EBADF)\n"
        );
        assert_eq!(
            show(37, [1, 15, 0, 0, 0, 0], Ok(0)),
            "[7] kill(1, SIGTERM) = 0\n"
        );
    }

    #[test]
    fn long_lines_are_cut() {
        let mut line = Line::new();
        for _ in 0..100 {
            line.write_str("0123456789").unwrap();
        }
        assert_eq!(line.finish().len(), 240);
    }
}
