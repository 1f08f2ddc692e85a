//! The boot archive: a tar file in memory, with the servers, linux-emu and the root file system.
//!
//! Its frames are the server's, but not the allocator's, until a member is released.

use crate::frames::{Frame, Kind};
use crate::lock::Lock;
use crate::machine::Machine;
use alloc::string::String;
use alloc::vec::Vec;
use k42_abi::boot::RealRange;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::{Error, ProcessId, Result};

const PAGE: u64 = PAGE_SIZE as u64;

/// A member of the archive.
#[derive(Clone)]
pub struct Member {
    name: String,
    /// Real address of its first byte.
    pub start: u64,
    /// Its length.
    pub bytes: u64,
    /// Where servers have it mapped: process, address of the mapping and its length.
    mapped: Vec<(ProcessId, u64, u64)>,
    is_gone: bool,
}

/// The archive.
pub struct Archive {
    core: Machine,
    members: Lock<Vec<Member>>,
}

impl Archive {
    /// Takes the archive at `range` apart. One that is damaged has no members, and the boot that wants them fails.
    ///
    /// # Safety
    ///
    /// The range lies in memory that nobody writes.
    pub unsafe fn new(core: Machine, range: RealRange) -> Self {
        // SAFETY: the caller's promise. The slice is used here only, before any member can be released.
        let bytes =
            unsafe { core.window.slice(range.start, range.bytes / 512 * 512) }.unwrap_or_default();
        let entry = |(name, at, length): (String, usize, usize)| Member {
            name,
            start: range.start + at as u64,
            bytes: length as u64,
            mapped: Vec::new(),
            is_gone: false,
        };
        let members = files(bytes).into_iter().map(entry).collect();
        Self {
            core,
            members: Lock::new(members),
        }
    }

    /// A member's place. ENOENT.
    pub fn find(&self, name: &str) -> Result<(u64, u64)> {
        let members = self.members.lock();
        let member = members
            .iter()
            .find(|member| member.name == name && !member.is_gone)
            .ok_or(Error::ENOENT)?;
        Ok((member.start, member.bytes))
    }

    /// The bytes of a member, for programs that are loaded at boot.
    ///
    /// # Safety
    ///
    /// The member is not released while the slice lives.
    pub unsafe fn bytes(&self, name: &str) -> Result<&'static [u8]> {
        let (start, bytes) = self.find(name)?;
        // SAFETY: the caller's promise; nothing else writes the archive.
        unsafe { self.core.window.slice(start, bytes) }.ok_or(Error::EIO)
    }

    /// Copies a piece of a member into `out`; how much, and the member's length.
    pub fn read(&self, name: &str, offset: u64, out: &mut [u8]) -> Result<(usize, u64)> {
        let members = self.members.lock();
        let member = members
            .iter()
            .find(|member| member.name == name && !member.is_gone)
            .ok_or(Error::ENOENT)?;
        let count = member.bytes.saturating_sub(offset).min(out.len() as u64) as usize;
        self.core
            .window
            .read(member.start + offset, &mut out[..count]);
        Ok((count, member.bytes))
    }

    /// Notes that `process` has the member mapped.
    pub fn note(&self, name: &str, process: ProcessId, address: u64, bytes: u64) {
        if let Some(member) = self
            .members
            .lock()
            .iter_mut()
            .find(|member| member.name == name)
        {
            member.mapped.push((process, address, bytes));
        }
    }

    /// Forgets the mapping of `process`; where it was.
    pub fn forget(&self, name: &str, process: ProcessId) -> Result<(u64, u64)> {
        let mut members = self.members.lock();
        let member = members
            .iter_mut()
            .find(|member| member.name == name)
            .ok_or(Error::ENOENT)?;
        let at = member
            .mapped
            .iter()
            .position(|(who, ..)| *who == process)
            .ok_or(Error::EINVAL)?;
        let (_, address, bytes) = member.mapped.swap_remove(at);
        Ok((address, bytes))
    }

    /// Frees the frames that hold nothing but this member, unless somebody maps it.
    pub fn free(&self, name: &str) {
        let mut members = self.members.lock();
        let Some(member) = members
            .iter_mut()
            .find(|member| member.name == name && !member.is_gone)
        else {
            return;
        };
        if !member.mapped.is_empty() {
            return;
        }
        member.is_gone = true;
        let (first, end) = (
            member.start.div_ceil(PAGE),
            (member.start + member.bytes) / PAGE,
        );
        for number in first..end {
            let frame = Frame::at(number * PAGE);
            self.core.frames.adopt(frame, Kind::Cached);
            self.core.frames.release(frame);
        }
    }
}

/// Bytes of a tar block.
const BLOCK: usize = 512;

/// The regular files of a tar archive: name, where the contents begin, length. Ends at the first block that is no
/// header, as the zeroes at the archive's end are.
fn files(archive: &[u8]) -> Vec<(String, usize, usize)> {
    let mut files = Vec::new();
    let mut at = 0;
    while let Some(header) = archive.get(at..at + BLOCK) {
        let text = |field: &[u8]| {
            let end = field
                .iter()
                .position(|&byte| byte == 0)
                .unwrap_or(field.len());
            core::str::from_utf8(&field[..end])
                .map(|text| String::from(text.trim_matches(' ')))
                .unwrap_or_default()
        };
        let name = text(&header[..100]);
        let (Ok(length), false) = (
            usize::from_str_radix(&text(&header[124..136]), 8),
            name.is_empty(),
        ) else {
            break;
        };
        let Some(end) = at
            .checked_add(BLOCK + length)
            .filter(|&end| end <= archive.len())
        else {
            break;
        };
        let prefix = if header[257..262] == *b"ustar" {
            text(&header[345..500])
        } else {
            String::new()
        };
        if matches!(header[156], 0 | b'0') {
            let name = if prefix.is_empty() {
                name
            } else {
                prefix + "/" + &name
            };
            files.push((name.trim_start_matches("./").into(), at + BLOCK, length));
        }
        at = end.next_multiple_of(BLOCK);
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A member as tar writes it.
    pub(crate) fn member(name: &str, contents: &[u8], kind: u8) -> Vec<u8> {
        let mut block = alloc::vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        let size = alloc::format!("{:011o}", contents.len());
        block[124..135].copy_from_slice(size.as_bytes());
        block[156] = kind;
        block[257..262].copy_from_slice(b"ustar");
        block.extend_from_slice(contents);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    #[test]
    fn files_are_found_and_damage_ends_the_list() {
        let mut archive = member("./a", b"hello", b'0');
        archive.extend(member("d", b"", b'5'));
        archive.extend(member("servers/b", &[7; 1000], b'0'));
        let first = alloc::vec![("a".into(), 512, 5), ("servers/b".into(), 2048, 1000)];
        assert_eq!(files(&archive), first);
        let whole = archive.clone();
        archive.extend([0; 1024]);
        assert_eq!(files(&archive), first);
        (0..whole.len())
            .step_by(100)
            .for_each(|cut| assert!(files(&whole[..cut]).len() <= 2));
        let mut bad = whole;
        bad[124] = b'9';
        assert!(files(&bad).is_empty());
    }
}
