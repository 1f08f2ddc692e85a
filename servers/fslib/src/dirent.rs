//! The records of getdents64(2): `linux_dirent64`, little-endian, each padded to eight bytes.

use k42_ipc::{Error, OutBuf, Result};

/// Bytes before the name: d_ino, d_off, d_reclen, d_type.
const HEADER: usize = 19;

/// Appends a record; false if it does not fit, and nothing is written then. `next` is the offset at which reading goes
/// on after this entry.
pub fn put(out: &mut OutBuf<'_>, inode: u64, next: u64, kind: u8, name: &[u8]) -> bool {
    let length = (HEADER + name.len() + 1).next_multiple_of(8);
    let Some(record) = out.spare().get_mut(..length) else {
        return false;
    };
    record[..8].copy_from_slice(&inode.to_le_bytes());
    record[8..16].copy_from_slice(&next.to_le_bytes());
    record[16..18].copy_from_slice(&(length as u16).to_le_bytes());
    record[18] = kind;
    record[HEADER..HEADER + name.len()].copy_from_slice(name);
    record[HEADER + name.len()..].fill(0);
    out.advance(length);
    true
}

/// What read_directory answers: EINVAL if there were entries but the caller's room held not one.
pub fn finish(out: &OutBuf<'_>, first_did_not_fit: bool) -> Result<u32> {
    let filled = out.filled().len();
    if filled == 0 && first_did_not_fit {
        Err(Error::EINVAL)
    } else {
        Ok(filled as u32)
    }
}

/// A record as [`parse`] gives it.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Entry<'a> {
    /// Inode number.
    pub inode: u64,
    /// Offset of the next entry.
    pub next: u64,
    /// Type, as `mode >> 12`.
    pub kind: u8,
    /// Name without the NUL.
    pub name: &'a [u8],
}

/// Takes the first record off `bytes`; `None` at the end, or if what follows is no record.
pub fn parse<'a>(bytes: &mut &'a [u8]) -> Option<Entry<'a>> {
    let word = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let (inode, next) = (word(0)?, word(8)?);
    let length = u16::from_le_bytes(*bytes.get(16..)?.first_chunk()?) as usize;
    let kind = *bytes.get(18)?;
    let name = bytes.get(HEADER..length)?;
    let end = name.iter().position(|&b| b == 0)?;
    *bytes = &bytes[length..];
    Some(Entry {
        inode,
        next,
        kind,
        name: &name[..end],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_exact_fit() {
        let mut buffer = [0xffu8; 48];
        let mut out = OutBuf::new(&mut buffer);
        assert!(put(&mut out, 7, 1, 4, b".."));
        assert!(put(&mut out, 8, 2, 8, b"abcd"));
        assert!(!put(&mut out, 9, 3, 8, b"x"));
        assert_eq!(finish(&out, false), Ok(48));
        let mut bytes = out.filled();
        assert_eq!(
            parse(&mut bytes),
            Some(Entry {
                inode: 7,
                next: 1,
                kind: 4,
                name: b".."
            })
        );
        assert_eq!(
            parse(&mut bytes),
            Some(Entry {
                inode: 8,
                next: 2,
                kind: 8,
                name: b"abcd"
            })
        );
        assert_eq!(parse(&mut bytes), None);
    }

    #[test]
    fn no_room_at_all() {
        let mut buffer = [0u8; 23];
        let mut out = OutBuf::new(&mut buffer);
        assert!(!put(&mut out, 7, 1, 4, b"name"));
        assert_eq!(finish(&out, true), Err(Error::EINVAL));
    }
}
