//! mlock(2), munlock(2), mlock2(2), mlockall(2), munlockall(2), and MAP_LOCKED.

use crate::process::{MEMORY, PROCESS, SERVER};
use crate::table::{Addr, Flags, Size};
use crate::thread::Thread;
use crate::user::LIMIT;
use k42_abi::layout::PAGE_SIZE;
use k42_abi::{Error, Result};
use k42_api::memory::lock;

const PAGE: u64 = PAGE_SIZE as u64;
const RLIMIT_MEMLOCK: u32 = 8;

/// How much the process may lock. EPERM if nothing.
pub fn limit() -> Result<u64> {
    if PROCESS.ids()?.euid == 0 {
        return Ok(u64::MAX);
    }
    match SERVER.limit(0, RLIMIT_MEMLOCK, false, 0, 0)? {
        [0, _] => Err(Error::EPERM),
        [soft, _] => Ok(soft),
    }
}

/// Locks what has been mapped, if that was asked for: `limit` as for [`limit`]. EAGAIN if it is too much.
pub fn mapped(mapped: Result<u64>, bytes: u64, limit: Option<u64>) -> Result<u64> {
    let address = mapped?;
    let Some(limit) = limit else {
        return Ok(address);
    };
    if MEMORY
        .lock(address, bytes, lock::LOCK | lock::ON_FAULT, limit)
        .is_err()
    {
        let _ = MEMORY.unmap(address, bytes);
        return Err(Error::EAGAIN);
    }
    // Unlike mlock, mmap does not tell if a page cannot be brought in.
    let _ = MEMORY.lock(address, bytes, lock::LOCK, limit);
    Ok(address)
}

/// The whole pages of a range: EINVAL if it wraps, ENOMEM if it leaves the program's part.
fn range(address: u64, length: u64) -> Result<(u64, u64)> {
    let start = address & !(PAGE - 1);
    let bytes = length
        .checked_add(address - start)
        .and_then(|bytes| bytes.checked_next_multiple_of(PAGE))
        .ok_or(Error::EINVAL)?;
    match start.checked_add(bytes) {
        None => Err(Error::EINVAL),
        Some(end) if end > LIMIT => Err(Error::ENOMEM),
        Some(_) => Ok((start, bytes)),
    }
}

/// mlock(2).
pub fn mlock(thread: &Thread, address: Addr, length: Size) -> Result<u64> {
    mlock2(thread, address, length, Flags(0))
}

/// mlock2(2).
pub fn mlock2(_: &Thread, address: Addr, length: Size, flags: Flags) -> Result<u64> {
    const ON_FAULT: u32 = 1;
    if flags.0 & !ON_FAULT != 0 {
        return Err(Error::EINVAL);
    }
    let limit = limit()?;
    let (start, bytes) = range(address.0, length.0)?;
    let how = match flags.0 {
        0 => lock::LOCK,
        _ => lock::LOCK | lock::ON_FAULT,
    };
    MEMORY.lock(start, bytes, how, limit).map(|()| 0)
}

/// munlock(2).
pub fn munlock(_: &Thread, address: Addr, length: Size) -> Result<u64> {
    let (start, bytes) = range(address.0, length.0)?;
    MEMORY.lock(start, bytes, 0, 0).map(|()| 0)
}

/// mlockall(2). The constants are those of Power.
pub fn mlockall(_: &Thread, flags: Flags) -> Result<u64> {
    const CURRENT: u32 = 0x2000;
    const FUTURE: u32 = 0x4000;
    const ON_FAULT: u32 = 0x8000;
    let flags = flags.0;
    if flags & (CURRENT | FUTURE) == 0 || flags & !(CURRENT | FUTURE | ON_FAULT) != 0 {
        return Err(Error::EINVAL);
    }
    let limit = limit()?;
    let mut how = lock::LOCK;
    for (bit, means) in [
        (CURRENT, lock::ALL),
        (FUTURE, lock::FUTURE),
        (ON_FAULT, lock::ON_FAULT),
    ] {
        if flags & bit != 0 {
            how |= means;
        }
    }
    MEMORY.lock(0, 0, how, limit).map(|()| 0)
}

/// munlockall(2).
pub fn munlockall(_: &Thread) -> Result<u64> {
    MEMORY.lock(0, 0, lock::ALL, 0).map(|()| 0)
}
