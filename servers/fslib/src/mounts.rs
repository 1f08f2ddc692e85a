//! The mount table as it travels (`k42_api::names::Names::mounts`): read and written in one place.

use alloc::string::String;
use k42_ipc::{OutBuf, ProcessId, Result};

/// Flag: nothing can be changed there.
pub const READ_ONLY: u32 = 1;
/// Flag: the server of the parent mount offers it as a part of its own tree, so there is no mount point to cross; it is
/// in the table for those who list it.
pub use k42_api::names::mount::PART_OF_PARENT;

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount<S = String> {
    /// Its number, never used again.
    pub id: u32,
    /// The mount that its mount point is in.
    pub parent: u32,
    /// The server that offers it.
    pub server: ProcessId,
    /// [`READ_ONLY`], [`PART_OF_PARENT`].
    pub flags: u32,
    /// Absolute path of the mount point.
    pub point: S,
    /// Type, as Linux's tables show it.
    pub kind: S,
    /// What is mounted.
    pub source: S,
    /// Options, as Linux's tables show them.
    pub options: S,
}

/// Writes an entry. ERANGE if it does not fit.
pub fn put<S: AsRef<str>>(out: &mut OutBuf<'_>, mount: &Mount<S>) -> Result<()> {
    for number in [mount.id, mount.parent, mount.server.0, mount.flags] {
        out.put(&number.to_le_bytes())?;
    }
    for text in [&mount.point, &mount.kind, &mount.source, &mount.options] {
        let text = text.as_ref().as_bytes();
        out.put(&(text.len() as u16).to_le_bytes())?;
        out.put(text)?;
    }
    Ok(())
}

/// Takes an entry off `bytes`; `None` at the end, or if what follows is no entry.
pub fn parse<'a>(bytes: &mut &'a [u8]) -> Option<Mount<&'a str>> {
    let mut rest = *bytes;
    let mut number = || {
        let (word, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        Some(u32::from_le_bytes(*word))
    };
    let (id, parent, server, flags) = (number()?, number()?, ProcessId(number()?), number()?);
    let mut text = || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (text, after) = after.split_at_checked(u16::from_le_bytes(*length) as usize)?;
        rest = after;
        core::str::from_utf8(text).ok()
    };
    let (point, kind, source, options) = (text()?, text()?, text()?, text()?);
    *bytes = rest;
    Some(Mount {
        id,
        parent,
        server,
        flags,
        point,
        kind,
        source,
        options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let mount = Mount {
            id: 7,
            parent: 0,
            server: ProcessId::PROCESS,
            flags: 1,
            point: "/proc",
            kind: "proc",
            source: "none",
            options: "ro",
        };
        let mut buffer = [0; 64];
        let mut out = OutBuf::new(&mut buffer);
        put(&mut out, &mount).unwrap();
        assert!(put(&mut out, &mount).is_err());
        let written = out.filled().len();
        let mut bytes = &buffer[..39];
        assert_eq!(parse(&mut bytes), Some(mount));
        assert!(written >= 39 && bytes.is_empty());
        assert_eq!(parse(&mut &buffer[..20]), None);
    }
}
