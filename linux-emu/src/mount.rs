//! The mount table, as the name server tells it, and what a path means by it.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_abi::{Error, ProcessId, Result};
use k42_api::names::mount::PART_OF_PARENT;

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Number.
    pub id: u32,
    /// Number of the mount that it sits on.
    pub parent: u32,
    /// Its server.
    pub server: ProcessId,
    /// Bit 0: read-only.
    pub flags: u32,
    /// Canonical path of the directory that it covers.
    pub point: Vec<u8>,
    /// Type, for /proc/mounts.
    pub kind: Vec<u8>,
}

/// All mounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountTable {
    mounts: Vec<Mount>,
}

/// A set of bytes with which the first name of a path may begin, read without a lock. NUL, which begins no name, is in it
/// until a table has been noted.
pub struct Letters([AtomicU64; 4]);

/// The bits of [`Letters`].
pub type LetterBits = [u64; 4];

/// Puts `byte` into the set.
fn include(bits: &mut LetterBits, byte: u8) {
    bits[usize::from(byte / 64)] |= 1 << (byte % 64);
}

impl Letters {
    /// All bytes: nothing is known.
    pub const fn all() -> Self {
        Self([const { AtomicU64::new(u64::MAX) }; 4])
    }
    /// Whether `byte` is not in the set.
    #[inline]
    pub fn lacks(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)].load(Ordering::Acquire) >> (byte % 64) & 1 == 0
    }
    /// Whether a table has been noted.
    pub fn is_known(&self) -> bool {
        self.lacks(0)
    }
    /// All bytes again.
    pub fn forget(&self) {
        // The word with NUL first: who sees one of the others sees that nothing is known.
        for word in &self.0 {
            word.store(u64::MAX, Ordering::Release);
        }
    }
    /// Another set, without NUL.
    pub fn set(&self, bits: &LetterBits) {
        for (word, bits) in self.0.iter().zip(bits).rev() {
            word.store(*bits, Ordering::Release);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(bytes).ok_or(Error::BAD_MESSAGE)?;
        self.0 = rest;
        Ok(first)
    }
    fn u32(&mut self) -> Result<u32> {
        self.take(4)?
            .try_into()
            .map(u32::from_le_bytes)
            .map_err(|_| Error::BAD_MESSAGE)
    }
    fn text(&mut self) -> Result<&'a [u8]> {
        let length = self
            .take(2)?
            .try_into()
            .map(u16::from_le_bytes)
            .map_err(|_| Error::BAD_MESSAGE)?;
        self.take(usize::from(length))
    }
}

impl MountTable {
    /// Reads what `Names::mounts` gives.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader(bytes);
        let mut mounts = Vec::new();
        while !reader.0.is_empty() {
            let (id, parent, server, flags) =
                (reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?);
            let (point, kind) = (reader.text()?, reader.text()?);
            let (_source, _options) = (reader.text()?, reader.text()?);
            mounts.try_reserve(1).map_err(|_| Error::ENOMEM)?;
            mounts.push(Mount {
                id,
                parent,
                server: ProcessId(server),
                flags,
                point: point.to_vec(),
                kind: kind.to_vec(),
            });
        }
        Ok(Self { mounts })
    }

    /// The mount with number `id`.
    pub fn by_id(&self, id: u32) -> Option<&Mount> {
        self.mounts.iter().find(|m| m.id == id)
    }

    /// The mounts that `server` offers.
    pub fn of_server(&self, server: ProcessId) -> impl Iterator<Item = &Mount> {
        self.mounts.iter().filter(move |m| m.server == server)
    }

    /// The server that offers file systems of type `kind` already.
    pub fn server_of_kind(&self, kind: &[u8]) -> Option<ProcessId> {
        self.mounts
            .iter()
            .find(|m| m.kind == kind)
            .map(|m| m.server)
    }

    /// First bytes of the first names of absolute paths that may lead into another mount than the root's. `None` if KFS
    /// does not serve the root.
    pub fn first_letters(&self) -> Option<LetterBits> {
        let mut bits = [0; 4];
        // These begin what is no name.
        include(&mut bits, b'/');
        include(&mut bits, b'.');
        for mount in &self.mounts {
            match mount.point.get(1) {
                Some(&first) => include(&mut bits, first),
                None if mount.server != ProcessId::KFS => return None,
                None => {}
            }
        }
        Some(bits)
    }

    /// For an absolute path: the deepest mount whose mount point the path names literally, and how many
    /// bytes of the path that takes. Mount points are canonical, so what is skipped holds no symbolic
    /// link and no `..`.
    pub fn route(&self, path: &[u8]) -> Option<(&Mount, usize)> {
        let mut best: Option<(&Mount, usize)> = None;
        // Most paths begin with another letter than most mount points.
        let first = path.iter().find(|&&b| b != b'/').copied();
        let may_hold = |mount: &&Mount| match (mount.point.get(1), first) {
            (Some(wanted), Some(first)) => first == *wanted || first == b'.',
            (wanted, _) => wanted.is_none(),
        };
        for mount in self
            .mounts
            .iter()
            .filter(|mount| mount.flags & PART_OF_PARENT == 0)
            .filter(may_hold)
        {
            if let Some(used) = prefix(path, &mount.point) {
                // A later mount on the same point covers the earlier one.
                if best.is_none_or(|(_, most)| used >= most) {
                    best = Some((mount, used));
                }
            }
        }
        best
    }
}

/// How many bytes of `path` name `point`, if its first components are exactly those of `point`.
fn prefix(path: &[u8], point: &[u8]) -> Option<usize> {
    let mut at = 0;
    for wanted in point.split(|&b| b == b'/').filter(|c| !c.is_empty()) {
        loop {
            while path.get(at) == Some(&b'/') {
                at += 1;
            }
            let end = path[at..]
                .iter()
                .position(|&b| b == b'/')
                .map_or(path.len(), |n| at + n);
            let component = &path[at..end];
            at = end;
            if component == b"." {
                continue;
            }
            if component != wanted {
                return None;
            }
            break;
        }
    }
    Some(at)
}

/// The directory that holds `point`: what `..` at the root of a mount means.
pub fn parent_of(point: &[u8]) -> &[u8] {
    let trimmed = point.strip_suffix(b"/").unwrap_or(point);
    match trimmed.iter().rposition(|&b| b == b'/') {
        Some(0) | None => b"/",
        Some(at) => &trimmed[..at],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u32, server: u32, point: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let flags = if point.ends_with("/pts") {
            PART_OF_PARENT
        } else {
            0
        };
        for word in [id, 0, server, flags] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for text in [point, "type", "source", "rw"] {
            out.extend_from_slice(&(text.len() as u16).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out
    }

    fn table() -> MountTable {
        let bytes = [
            entry(0, ProcessId::KFS.0, "/"),
            entry(1, 5, "/dev"),
            entry(2, 2, "/proc"),
            entry(3, 9, "/dev/shm"),
            entry(4, 5, "/dev/pts"),
        ]
        .concat();
        MountTable::parse(&bytes).unwrap()
    }

    #[test]
    fn paths_go_to_the_deepest_mount() {
        let table = table();
        let route = |path: &str| {
            table
                .route(path.as_bytes())
                .map(|(m, used)| (m.id, path[used..].to_string()))
        };
        assert_eq!(route("/etc/passwd"), Some((0, "/etc/passwd".into())));
        assert_eq!(route("/dev"), Some((1, "".into())));
        assert_eq!(route("/dev/null"), Some((1, "/null".into())));
        assert_eq!(route("//./dev///null"), Some((1, "///null".into())));
        assert_eq!(
            route("/dev/pts/0"),
            Some((1, "/pts/0".into())),
            "listed, but served as part of /dev"
        );
        assert_eq!(route("/device"), Some((0, "/device".into())));
        assert_eq!(route("/dev/shm/x"), Some((3, "/x".into())));
        assert_eq!(
            route("/etc/../dev/null"),
            Some((0, "/etc/../dev/null".into()))
        );
    }

    #[test]
    fn most_paths_are_known_by_their_first_letter() {
        let letters = Letters::all();
        assert!(!letters.is_known());
        assert!((0..=255).all(|byte| !letters.lacks(byte)));
        letters.set(&table().first_letters().unwrap());
        assert!(letters.is_known());
        for path in ["/etc/passwd", "/tmp", "/\u{e9}"] {
            assert!(letters.lacks(path.as_bytes()[1]), "{path}");
        }
        for path in ["/dev/null", "/proc", "/data", "/./dev", "/../dev", "//dev"] {
            assert!(!letters.lacks(path.as_bytes()[1]), "{path}");
        }
        letters.forget();
        assert!((0..=255).all(|byte| !letters.lacks(byte)));
        let covered = [entry(0, ProcessId::KFS.0, "/"), entry(1, 9, "/")].concat();
        assert_eq!(MountTable::parse(&covered).unwrap().first_letters(), None);
    }

    #[test]
    fn a_damaged_table_is_refused() {
        let bytes = entry(0, 4, "/");
        for cut in 1..bytes.len() {
            assert_eq!(
                MountTable::parse(&bytes[..cut]),
                Err(Error::BAD_MESSAGE),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn parents() {
        assert_eq!(parent_of(b"/dev"), b"/");
        assert_eq!(parent_of(b"/dev/shm"), b"/dev");
        assert_eq!(parent_of(b"/"), b"/");
    }
}
