//! Memory calls. The memory server keeps the mappings; here arguments are checked and translated.

use crate::file::flag;
use crate::process::{MEMORY, PROCESS};
use crate::table::{Addr, Fd, Flags, Int, Out, Size};
use crate::thread::Thread;
use crate::user::{self, LIMIT};
use core::sync::atomic::Ordering;
use k42_abi::{Error, Result};
use k42_api::files::FileKind;
use k42_api::memory::MapOptions;

const PAGE: u64 = 4096;
const PROT_SEM: u32 = 8;
const PROT_SAO: u32 = 16;
const PROT_GROWSDOWN: u32 = 0x0100_0000;

/// MAP_* of Linux on Power.
mod map {
    pub const SHARED: u32 = 1;
    pub const PRIVATE: u32 = 2;
    pub const SHARED_VALIDATE: u32 = 3;
    pub const TYPE: u32 = 15;
    pub const FIXED: u32 = 0x10;
    pub const ANONYMOUS: u32 = 0x20;
    pub const NORESERVE: u32 = 0x40;
    pub const LOCKED: u32 = 0x80;
    pub const GROWSDOWN: u32 = 0x100;
    pub const POPULATE: u32 = 0x8000;
    pub const HUGETLB: u32 = 0x40000;
    pub const FIXED_NOREPLACE: u32 = 0x10_0000;
}

/// PROT_* as the memory server has it: write and execute imply read, as on Power.
fn access(protection: u32) -> Result<MapOptions> {
    if protection & !(7 | PROT_SEM | PROT_SAO) != 0 {
        return Err(Error::EINVAL);
    }
    let mut options = MapOptions::empty();
    if protection & 7 != 0 {
        options |= MapOptions::READ;
    }
    if protection & 2 != 0 {
        options |= MapOptions::WRITE;
    }
    if protection & 4 != 0 {
        options |= MapOptions::EXECUTE;
    }
    Ok(options)
}

/// Rounds a length up to pages; `error` if it wraps or leaves the program's part.
fn pages(bytes: u64, error: Error) -> Result<u64> {
    match bytes.checked_next_multiple_of(PAGE) {
        Some(bytes) if bytes <= LIMIT => Ok(bytes),
        _ => Err(error),
    }
}

/// EINVAL unless page-aligned; ENOMEM if the range leaves the program's part.
fn range(address: u64, bytes: u64) -> Result<u64> {
    if !address.is_multiple_of(PAGE) {
        return Err(Error::EINVAL);
    }
    let bytes = pages(bytes, Error::ENOMEM)?;
    if address.checked_add(bytes).is_none_or(|end| end > LIMIT) {
        Err(Error::ENOMEM)
    } else {
        Ok(bytes)
    }
}

/// mmap(2).
pub fn mmap(
    _: &Thread,
    address: Addr,
    length: Size,
    protection: Flags,
    flags: Flags,
    fd: Fd,
    offset: Size,
) -> Result<u64> {
    if length.0 == 0 || !offset.0.is_multiple_of(PAGE) {
        return Err(Error::EINVAL);
    }
    let bytes = pages(length.0, Error::ENOMEM)?;
    let mut options = access(protection.0 & !PROT_GROWSDOWN)?;
    let shared = match flags.0 & map::TYPE {
        map::PRIVATE => false,
        map::SHARED | map::SHARED_VALIDATE => true,
        _ => return Err(Error::EINVAL),
    };
    if flags.0 & map::HUGETLB != 0 {
        return Err(Error::ENOMEM);
    }
    for (bit, option) in [
        (map::FIXED, MapOptions::FIXED),
        (
            map::FIXED_NOREPLACE,
            MapOptions::FIXED | MapOptions::NO_REPLACE,
        ),
        (map::GROWSDOWN, MapOptions::GROWS_DOWN),
        (map::NORESERVE, MapOptions::NO_RESERVE),
        (map::POPULATE, MapOptions::EAGER),
    ] {
        if flags.0 & bit != 0 {
            options |= option;
        }
    }
    if shared {
        options |= MapOptions::SHARED;
        PROCESS.shares_memory.store(true, Ordering::Relaxed);
    }
    let fixed = options.contains(MapOptions::FIXED);
    if fixed && !address.0.is_multiple_of(PAGE) {
        return Err(Error::EINVAL);
    }
    if fixed && address.0.checked_add(bytes).is_none_or(|end| end > LIMIT) {
        return Err(Error::ENOMEM);
    }
    let locks = if flags.0 & map::LOCKED != 0 {
        Some(super::lock::limit()?)
    } else {
        None
    };
    let hint = address.0 & !(PAGE - 1);
    if flags.0 & map::ANONYMOUS != 0 {
        let mapped = MEMORY.map_anonymous(hint, bytes, options.bits());
        return super::lock::mapped(mapped, bytes, locks);
    }
    let file = PROCESS.file(fd.0)?;
    offset.0.checked_add(bytes).ok_or(Error::EOVERFLOW)?;
    match file.kind {
        FileKind::Zero => {
            let mapped = MEMORY.map_anonymous(hint, bytes, options.bits());
            return super::lock::mapped(mapped, bytes, locks);
        }
        FileKind::Regular => {}
        FileKind::Path => return Err(Error::EBADF),
        _ => return Err(Error::ENODEV),
    }
    file.check_readable().map_err(|_| Error::EACCES)?;
    if shared
        && options.contains(MapOptions::WRITE)
        && file.flags() & flag::O_ACCMODE != flag::O_RDWR
    {
        return Err(Error::EACCES);
    }
    // Later mprotect may ask for more than the mapping starts with.
    let mut wanted = options
        & (MapOptions::READ | MapOptions::WRITE | MapOptions::EXECUTE | MapOptions::SHARED)
        | MapOptions::READ;
    if shared && file.flags() & flag::O_ACCMODE == flag::O_RDWR {
        wanted |= MapOptions::WRITE;
    }
    let object = file.client().map_handle(wanted.bits())?;
    let mapped = MEMORY.map_object(object, offset.0, hint, bytes, options.bits());
    // The region keeps the object; our handle on it is not needed any longer.
    let _ = MEMORY.release(object);
    super::lock::mapped(mapped, bytes, locks)
}

/// munmap(2).
pub fn munmap(_: &Thread, address: Addr, length: Size) -> Result<u64> {
    if length.0 == 0 {
        return Err(Error::EINVAL);
    }
    let bytes = range(address.0, length.0).map_err(|_| Error::EINVAL)?;
    MEMORY.unmap(address.0, bytes).map(|()| 0)
}

/// mprotect(2).
pub fn mprotect(_: &Thread, address: Addr, length: Size, protection: Flags) -> Result<u64> {
    if protection.0 & PROT_GROWSDOWN != 0 {
        // Programs use it for their stack; which ends at its region's start here.
        return Err(Error::EINVAL);
    }
    let options = access(protection.0)?;
    let bytes = range(address.0, length.0)?;
    if bytes == 0 {
        return Ok(0);
    }
    MEMORY.protect(address.0, bytes, options.bits()).map(|()| 0)
}

/// mremap(2).
pub fn mremap(
    _: &Thread,
    address: Addr,
    old: Size,
    new: Size,
    flags: Flags,
    new_address: Addr,
) -> Result<u64> {
    const MAYMOVE: u32 = 1;
    const FIXED: u32 = 2;
    if flags.0 & !(MAYMOVE | FIXED) != 0 || !address.0.is_multiple_of(PAGE) || new.0 == 0 {
        return Err(Error::EINVAL);
    }
    if flags.0 & FIXED != 0 && (flags.0 & MAYMOVE == 0 || !new_address.0.is_multiple_of(PAGE)) {
        return Err(Error::EINVAL);
    }
    let (old, new) = (pages(old.0, Error::EINVAL)?, pages(new.0, Error::ENOMEM)?);
    if address.0.checked_add(old).is_none_or(|end| end > LIMIT) {
        return Err(Error::EFAULT);
    }
    if flags.0 & FIXED != 0 && new_address.0.checked_add(new).is_none_or(|end| end > LIMIT) {
        return Err(Error::EINVAL);
    }
    MEMORY.remap(address.0, old, new, flags.0, new_address.0)
}

/// brk(2): never an error; the break as it is.
pub fn brk(_: &Thread, address: Addr) -> Result<u64> {
    if address.0 >= LIMIT {
        return MEMORY.set_break(0);
    }
    MEMORY.set_break(address.0)
}

/// madvise(2).
pub fn madvise(_: &Thread, address: Addr, length: Size, advice: Int) -> Result<u64> {
    let bytes = range(address.0, length.0)?;
    if bytes == 0 {
        return Ok(0);
    }
    MEMORY.advise(address.0, bytes, advice.0 as u32).map(|()| 0)
}

/// msync(2): mappings of files are their page caches, so there is nothing to write back.
pub fn msync(_: &Thread, address: Addr, length: Size, flags: Flags) -> Result<u64> {
    const ASYNC: u32 = 1;
    const INVALIDATE: u32 = 2;
    const SYNC: u32 = 4;
    if flags.0 & !7 != 0 || flags.0 & ASYNC != 0 && flags.0 & SYNC != 0 {
        return Err(Error::EINVAL);
    }
    let bytes = range(address.0, length.0)?;
    let unlocked = flags.0 & INVALIDATE != 0;
    MEMORY.check_range(address.0, bytes, unlocked).map(|()| 0)
}

/// mincore(2).
pub fn mincore(thread: &Thread, address: Addr, length: Size, vector: Out) -> Result<u64> {
    let bytes = range(address.0, length.0)?;
    let mut bulk = thread.scratch.bulk.borrow_mut();
    let (mut at, end, mut to) = (address.0, address.0 + bytes, vector.0);
    while at < end {
        let now = (end - at).min(4096 * PAGE);
        let count = (now / PAGE) as usize;
        let (_, got) = MEMORY
            .resident(at, now, &mut bulk[..count])
            .map_err(|(error, _)| error)?;
        user::copy_out(to, &bulk[..got])?;
        to = to.add(count as u64);
        at += now;
    }
    Ok(0)
}
