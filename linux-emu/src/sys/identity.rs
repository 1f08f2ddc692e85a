//! User and group ids, limits and priorities. The process server decides; ids are cached.

use crate::process::{PROCESS, SERVER};
use crate::table::{Flags, In, Int, Out};
use crate::thread::Thread;
use crate::user::{self, User};
use k42_abi::{Error, Result};
use k42_api::process::{Ids, KEEP_ID, id_call};

/// getuid(2).
pub fn getuid(_: &Thread) -> Result<u64> {
    PROCESS.ids().map(|ids| u64::from(ids.ruid))
}
/// geteuid(2).
pub fn geteuid(_: &Thread) -> Result<u64> {
    PROCESS.ids().map(|ids| u64::from(ids.euid))
}
/// getgid(2).
pub fn getgid(_: &Thread) -> Result<u64> {
    PROCESS.ids().map(|ids| u64::from(ids.rgid))
}
/// getegid(2).
pub fn getegid(_: &Thread) -> Result<u64> {
    PROCESS.ids().map(|ids| u64::from(ids.egid))
}

fn put_three(at: [User; 3], ids: [u32; 3]) -> Result<u64> {
    for (at, id) in at.into_iter().zip(ids) {
        user::put_u32(at, id)?;
    }
    Ok(0)
}

/// getresuid(2).
pub fn getresuid(_: &Thread, real: Out, effective: Out, saved: Out) -> Result<u64> {
    let ids = PROCESS.ids()?;
    put_three(
        [real.0, effective.0, saved.0],
        [ids.ruid, ids.euid, ids.suid],
    )
}

/// getresgid(2).
pub fn getresgid(_: &Thread, real: Out, effective: Out, saved: Out) -> Result<u64> {
    let ids = PROCESS.ids()?;
    put_three(
        [real.0, effective.0, saved.0],
        [ids.rgid, ids.egid, ids.sgid],
    )
}

fn set(which: u32, a: u32, b: u32, c: u32) -> Result<Ids> {
    let ids = SERVER.set_ids(which, a, b, c)?;
    *PROCESS.ids.lock() = None;
    Ok(ids)
}

/// setuid(2).
pub fn setuid(_: &Thread, id: Flags) -> Result<u64> {
    if id.0 == KEEP_ID {
        Err(Error::EINVAL)
    } else {
        set(id_call::SETUID, id.0, KEEP_ID, KEEP_ID).map(|_| 0)
    }
}
/// setgid(2).
pub fn setgid(_: &Thread, id: Flags) -> Result<u64> {
    if id.0 == KEEP_ID {
        Err(Error::EINVAL)
    } else {
        set(id_call::SETGID, id.0, KEEP_ID, KEEP_ID).map(|_| 0)
    }
}
/// setreuid(2).
pub fn setreuid(_: &Thread, real: Flags, effective: Flags) -> Result<u64> {
    set(id_call::SETREUID, real.0, effective.0, KEEP_ID).map(|_| 0)
}
/// setregid(2).
pub fn setregid(_: &Thread, real: Flags, effective: Flags) -> Result<u64> {
    set(id_call::SETREGID, real.0, effective.0, KEEP_ID).map(|_| 0)
}
/// setresuid(2).
pub fn setresuid(_: &Thread, real: Flags, effective: Flags, saved: Flags) -> Result<u64> {
    set(id_call::SETRESUID, real.0, effective.0, saved.0).map(|_| 0)
}
/// setresgid(2).
pub fn setresgid(_: &Thread, real: Flags, effective: Flags, saved: Flags) -> Result<u64> {
    set(id_call::SETRESGID, real.0, effective.0, saved.0).map(|_| 0)
}
/// setfsuid(2): never an error; the id as it was.
pub fn setfsuid(_: &Thread, id: Flags) -> Result<u64> {
    let old = PROCESS.ids()?.fsuid;
    let _ = set(id_call::SETFSUID, id.0, KEEP_ID, KEEP_ID);
    Ok(u64::from(old))
}
/// setfsgid(2).
pub fn setfsgid(_: &Thread, id: Flags) -> Result<u64> {
    let old = PROCESS.ids()?.fsgid;
    let _ = set(id_call::SETFSGID, id.0, KEEP_ID, KEEP_ID);
    Ok(u64::from(old))
}

/// Most supplementary groups that fit in a message.
const MOST_GROUPS: usize = 1024;

/// getgroups(2).
pub fn getgroups(thread: &Thread, size: Int, list: Out) -> Result<u64> {
    let room = usize::try_from(size.0).map_err(|_| Error::EINVAL)?;
    let mut bulk = thread.scratch.bulk.borrow_mut();
    let (_, length) = SERVER
        .groups(&mut bulk[..MOST_GROUPS * 4])
        .map_err(|(error, _)| error)?;
    let count = length / 4;
    if room == 0 {
        return Ok(count as u64);
    }
    if room < count {
        return Err(Error::EINVAL);
    }
    for (index, id) in bulk[..length].chunks_exact(4).enumerate() {
        let id = id.try_into().map_or(0, u32::from_le_bytes);
        user::put_u32(list.0.add(index as u64 * 4), id)?;
    }
    Ok(count as u64)
}

/// setgroups(2).
pub fn setgroups(thread: &Thread, size: Int, list: In) -> Result<u64> {
    let count = usize::try_from(size.0)
        .ok()
        .filter(|&n| n <= MOST_GROUPS)
        .ok_or(Error::EINVAL)?;
    let mut bulk = thread.scratch.bulk.borrow_mut();
    let bytes = &mut bulk[..count * 4];
    user::copy_in(list.0, bytes)?;
    for word in bytes.chunks_exact_mut(4) {
        let id = (&*word).try_into().map_or(0, u32::from_ne_bytes);
        word.copy_from_slice(&id.to_le_bytes());
    }
    SERVER.set_groups(bytes).map(|()| 0)
}

const RLIMIT_FSIZE: u32 = 1;
const RLIMIT_NOFILE: u32 = 7;
/// Number of RLIMIT_*.
const LIMITS: u32 = 16;

/// Asks for and sets a limit; what the library and the memory server keep is told to them.
fn limit(pid: i32, resource: u32, new: Option<[u64; 2]>) -> Result<[u64; 2]> {
    if resource >= LIMITS {
        return Err(Error::EINVAL);
    }
    if let Some([soft, hard]) = new {
        if soft > hard {
            return Err(Error::EINVAL);
        }
        if resource == RLIMIT_NOFILE && hard > crate::fd::MAXIMUM as u64 {
            return Err(Error::EPERM);
        }
    }
    let [soft, hard] = new.unwrap_or([0, 0]);
    let old = SERVER.limit(pid, resource, new.is_some(), soft, hard)?;
    let own = pid == 0 || pid == PROCESS.pid();
    if new.is_some() && own {
        use k42_api::memory::limit as kept;
        match resource {
            RLIMIT_FSIZE => PROCESS
                .file_size_limit
                .store(soft, core::sync::atomic::Ordering::Relaxed),
            RLIMIT_NOFILE => PROCESS.files.lock().set_limit(soft as usize),
            kept::DATA | kept::STACK | kept::ADDRESS_SPACE => {
                crate::process::MEMORY.set_limit(resource, soft)?
            }
            _ => {}
        }
    }
    Ok(old)
}

/// Takes the limits that the library keeps from the process server: in a process that has just got a new library.
pub fn take_limits() -> Result<()> {
    let [size, _] = SERVER.limit(0, RLIMIT_FSIZE, false, 0, 0)?;
    let [files, _] = SERVER.limit(0, RLIMIT_NOFILE, false, 0, 0)?;
    PROCESS
        .file_size_limit
        .store(size, core::sync::atomic::Ordering::Relaxed);
    PROCESS.files.lock().set_limit(files as usize);
    Ok(())
}

fn get_pair(at: User) -> Result<[u64; 2]> {
    Ok([user::get_u64(at)?, user::get_u64(at.add(8))?])
}

fn put_pair(at: User, [a, b]: [u64; 2]) -> Result<u64> {
    user::put_u64(at, a)?;
    user::put_u64(at.add(8), b)?;
    Ok(0)
}

/// prlimit64(2).
pub fn prlimit64(_: &Thread, pid: Int, resource: Flags, new: In, old: Out) -> Result<u64> {
    let wanted = if new.0.is_null() {
        None
    } else {
        Some(get_pair(new.0)?)
    };
    let before = limit(pid.0, resource.0, wanted)?;
    if old.0.is_null() {
        Ok(0)
    } else {
        put_pair(old.0, before)
    }
}

/// getrlimit(2).
pub fn getrlimit(_: &Thread, resource: Flags, at: Out) -> Result<u64> {
    put_pair(at.0, limit(0, resource.0, None)?)
}

/// setrlimit(2).
pub fn setrlimit(_: &Thread, resource: Flags, at: In) -> Result<u64> {
    limit(0, resource.0, Some(get_pair(at.0)?)).map(|_| 0)
}

/// getpriority(2): 20 - nice, as the kernel's call gives it.
pub fn getpriority(_: &Thread, which: Int, who: Int) -> Result<u64> {
    if !(0..=2).contains(&which.0) {
        return Err(Error::EINVAL);
    }
    SERVER
        .priority(which.0 as u32, who.0, false, 0)
        .map(|value| value as u64)
}

/// setpriority(2).
pub fn setpriority(_: &Thread, which: Int, who: Int, nice: Int) -> Result<u64> {
    if !(0..=2).contains(&which.0) {
        return Err(Error::EINVAL);
    }
    SERVER
        .priority(which.0 as u32, who.0, true, nice.0.clamp(-20, 19))
        .map(|_| 0)
}

/// nice(2).
pub fn nice(_: &Thread, increment: Int) -> Result<u64> {
    let now = 20 - SERVER.priority(0, 0, false, 0)?;
    let wanted = now
        .saturating_add(increment.0.clamp(-40, 40))
        .clamp(-20, 19);
    SERVER.priority(0, 0, true, wanted).map(|_| 0)
}

/// capget(2): root has all capabilities, others none.
pub fn capget(_: &Thread, header: In, data: Out) -> Result<u64> {
    const VERSION: u32 = 0x2008_0522;
    const ALL: u64 = (1 << 41) - 1;
    let version = user::get_u32(header.0)?;
    if version != VERSION && version != 0x2007_1026 {
        user::put_u32(header.0, VERSION)?;
        return if data.0.is_null() {
            Ok(0)
        } else {
            Err(Error::EINVAL)
        };
    }
    if data.0.is_null() {
        return Ok(0);
    }
    let have = if PROCESS.ids()?.euid == 0 { ALL } else { 0 };
    for (word, bits) in [
        have as u32,
        have as u32,
        0,
        (have >> 32) as u32,
        (have >> 32) as u32,
        0,
    ]
    .into_iter()
    .enumerate()
    {
        user::put_u32(data.0.add(word as u64 * 4), bits)?;
    }
    Ok(0)
}
