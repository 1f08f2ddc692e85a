//! The first line of a script: `#!interpreter [argument]`, by Linux's rules.

use k42_abi::{Error, Result};

/// Bytes of a file that are looked at (Linux's BINPRM_BUF_SIZE).
pub const LINE_BYTES: usize = 256;
/// Scripts whose interpreter is a script, and so on, at most.
pub const MOST_NESTED: usize = 4;

/// Interpreter and its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script<'a> {
    /// Path of the interpreter.
    pub interpreter: &'a [u8],
    /// The rest of the line, if there is one, as a single argument.
    pub argument: Option<&'a [u8]>,
}

/// Reads the line; `None` if the file does not begin with `#!`. ENOEXEC if there is no interpreter, or if
/// its path does not end within the bytes looked at.
pub fn parse(bytes: &[u8]) -> Result<Option<Script<'_>>> {
    let Some(rest) = bytes.strip_prefix(b"#!") else {
        return Ok(None);
    };
    let window = &rest[..rest.len().min(LINE_BYTES - 2)];
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let newline = window.iter().position(|&b| b == b'\n' || b == 0);
    // Without an end of line, Linux looks at one byte less.
    let line = &window[..newline.unwrap_or(window.len().min(LINE_BYTES - 3))];
    let first = line.iter().position(|b| !blank(b)).ok_or(Error::ENOEXEC)?;
    let line = &line[first..];
    let end = line.iter().position(blank);
    if end.is_none() && newline.is_none() && rest.len() >= LINE_BYTES - 2 {
        return Err(Error::ENOEXEC);
    }
    let interpreter = &line[..end.unwrap_or(line.len())];
    let argument = line[interpreter.len()..].trim_ascii_start();
    let argument = &argument[..argument
        .iter()
        .rposition(|b| !blank(b))
        .map_or(0, |at| at + 1)];
    Ok(Some(Script {
        interpreter,
        argument: (!argument.is_empty()).then_some(argument),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> Option<(String, Option<String>)> {
        let owned = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        parse(text.as_bytes())
            .ok()
            .flatten()
            .map(|s| (owned(s.interpreter), s.argument.map(owned)))
    }

    #[test]
    fn lines() {
        assert_eq!(both("#!/bin/sh\necho"), Some(("/bin/sh".into(), None)));
        assert_eq!(
            both("#! /bin/sh -e  \necho"),
            Some(("/bin/sh".into(), Some("-e".into())))
        );
        assert_eq!(
            both("#!/usr/bin/env python3 -u\n"),
            Some(("/usr/bin/env".into(), Some("python3 -u".into())))
        );
        assert_eq!(both("#!/bin/sh"), Some(("/bin/sh".into(), None)));
        assert_eq!(both("echo"), None);
        assert_eq!(parse(b"#!\n/bin/sh"), Err(Error::ENOEXEC));
        assert_eq!(parse(b"#!   \n"), Err(Error::ENOEXEC));
    }

    #[test]
    fn a_path_that_is_cut_off_is_refused() {
        let long = [b"#!/".as_slice(), &[b'a'; 400]].concat();
        assert_eq!(parse(&long), Err(Error::ENOEXEC));
        let argument = [b"#!/bin/sh ".as_slice(), &[b'a'; 400]].concat();
        assert!(parse(&argument).is_ok());
    }
}
