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
use tar_no_std::TarArchiveRef;

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
        let bytes = unsafe { core.window.slice(range.start, range.bytes / 512 * 512) }.unwrap_or_default();
        let mut members = Vec::new();
        if let Ok(archive) = TarArchiveRef::new(bytes) {
            for entry in archive.entries() {
                let filename = entry.filename();
                let Ok(name) = filename.as_str() else { continue };
                let start = range.start + (entry.data().as_ptr() as u64 - bytes.as_ptr() as u64);
                let bytes = entry.data().len() as u64;
                let name = name.trim_start_matches("./").into();
                members.push(Member { name, start, bytes, mapped: Vec::new(), is_gone: false });
            }
        }
        Self { core, members: Lock::new(members) }
    }

    /// A member's place. ENOENT.
    pub fn find(&self, name: &str) -> Result<(u64, u64)> {
        let members = self.members.lock();
        let member = members.iter().find(|member| member.name == name && !member.is_gone).ok_or(Error::ENOENT)?;
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
        let member = members.iter().find(|member| member.name == name && !member.is_gone).ok_or(Error::ENOENT)?;
        let count = member.bytes.saturating_sub(offset).min(out.len() as u64) as usize;
        self.core.window.read(member.start + offset, &mut out[..count]);
        Ok((count, member.bytes))
    }

    /// Notes that `process` has the member mapped.
    pub fn note(&self, name: &str, process: ProcessId, address: u64, bytes: u64) {
        if let Some(member) = self.members.lock().iter_mut().find(|member| member.name == name) {
            member.mapped.push((process, address, bytes));
        }
    }

    /// Forgets the mapping of `process`; where it was.
    pub fn forget(&self, name: &str, process: ProcessId) -> Result<(u64, u64)> {
        let mut members = self.members.lock();
        let member = members.iter_mut().find(|member| member.name == name).ok_or(Error::ENOENT)?;
        let at = member.mapped.iter().position(|(who, ..)| *who == process).ok_or(Error::EINVAL)?;
        let (_, address, bytes) = member.mapped.swap_remove(at);
        Ok((address, bytes))
    }

    /// Frees the frames that hold nothing but this member, unless somebody maps it.
    pub fn free(&self, name: &str) {
        let mut members = self.members.lock();
        let Some(member) = members.iter_mut().find(|member| member.name == name && !member.is_gone) else { return };
        if !member.mapped.is_empty() {
            return;
        }
        member.is_gone = true;
        let (first, end) = (member.start.div_ceil(PAGE), (member.start + member.bytes) / PAGE);
        for number in first..end {
            let frame = Frame::at(number * PAGE);
            self.core.frames.adopt(frame, Kind::Cached);
            self.core.frames.release(frame);
        }
    }
}
