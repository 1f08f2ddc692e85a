//! Shared memory of System V. Ids, keys and permissions are the process server's, memory and attachments the memory
//! server's; here arguments are checked and structures written.

use crate::process::{MEMORY, PROCESS};
use crate::table::{Addr, Int, Long, Out, Size};
use crate::thread::Thread;
use crate::user::{self, User};
use crate::wire::Layout;
use core::sync::atomic::Ordering;
use k42_abi::{Error, ProcessId, Result};
use k42_api::shm::flag::{SHM_EXEC, SHM_RDONLY, SHM_REMAP, SHM_RND};
use k42_api::shm::{SharedMemoryClient, Status, Totals, which};

const SERVER: SharedMemoryClient = SharedMemoryClient::root(ProcessId::PROCESS);
/// SHMLBA: addresses are multiples of it.
const ALIGNMENT: u64 = 4096;
/// An id is a place in the table, and above these bits how often it was used before.
const PLACE_BITS: u32 = 15;

/// Commands of shmctl(2).
mod command {
    pub const IPC_RMID: i32 = 0;
    pub const IPC_SET: i32 = 1;
    pub const IPC_STAT: i32 = 2;
    pub const IPC_INFO: i32 = 3;
    pub const SHM_LOCK: i32 = 11;
    pub const SHM_UNLOCK: i32 = 12;
    pub const SHM_STAT: i32 = 13;
    pub const SHM_INFO: i32 = 14;
    pub const SHM_STAT_ANY: i32 = 15;
    /// With ipc(2): structures as they have been since Linux 2.4.
    pub const IPC_64: i32 = 0x100;
}

/// What ipc(2) can be asked to do.
mod operation {
    pub const SHMAT: u32 = 21;
    pub const SHMDT: u32 = 22;
    pub const SHMGET: u32 = 23;
    pub const SHMCTL: u32 = 24;
}

/// `struct shmid64_ds` (asm/shmbuf.h and asm/ipcbuf.h of Power).
fn shmid_ds(status: &Status) -> Layout<112> {
    let mut out = Layout::new();
    out.u32(0, status.key as u32)
        .u32(4, status.uid)
        .u32(8, status.gid)
        .u32(12, status.cuid)
        .u32(16, status.cgid)
        .u32(20, status.mode)
        .u32(24, status.id as u32 >> PLACE_BITS);
    out.u64(48, status.attached_at)
        .u64(56, status.detached_at)
        .u64(64, status.changed_at)
        .u64(72, status.bytes)
        .u32(80, status.creator as u32)
        .u32(84, status.last as u32)
        .u64(88, status.attached);
    out
}

/// `struct shminfo64`.
fn shminfo(totals: &Totals) -> Layout<72> {
    let mut out = Layout::new();
    // Smallest segment; most that a process may have attached, which is no limit of its own.
    out.u64(0, totals.max)
        .u64(8, 1)
        .u64(16, totals.segments_max)
        .u64(24, totals.segments_max)
        .u64(32, totals.pages_max);
    out
}

/// `struct shm_info`. Nothing is ever swapped.
fn shm_info(totals: &Totals) -> Layout<48> {
    let mut out = Layout::new();
    out.u32(0, totals.segments as u32)
        .u64(8, totals.pages)
        .u64(16, totals.resident);
    out
}

/// shmget(2).
pub fn shmget(_: &Thread, key: Int, size: Size, flags: Int) -> Result<u64> {
    SERVER
        .get(key.0, size.0, flags.0 as u32)
        .map(|id| id as u64)
}

/// shmat(2).
pub fn shmat(_: &Thread, id: Int, address: Addr, flags: Int) -> Result<u64> {
    attach(id.0, address.0, flags.0 as u32)
}

fn attach(id: i32, address: u64, flags: u32) -> Result<u64> {
    let at = address - address % ALIGNMENT;
    if at != address && flags & SHM_RND == 0 {
        return Err(Error::EINVAL);
    }
    let flags = flags & (SHM_RDONLY | SHM_REMAP | SHM_EXEC);
    let attached = SERVER.attach(id, at, flags)?;
    PROCESS.shares_memory.store(true, Ordering::Relaxed);
    Ok(attached)
}

/// shmdt(2).
pub fn shmdt(_: &Thread, address: Addr) -> Result<u64> {
    detach(address.0)
}

fn detach(address: u64) -> Result<u64> {
    if !address.is_multiple_of(ALIGNMENT) {
        return Err(Error::EINVAL);
    }
    MEMORY.detach_segment(address).map(|()| 0)
}

/// shmctl(2).
pub fn shmctl(_: &Thread, id: Int, command: Int, buffer: Out) -> Result<u64> {
    control(id.0, command.0, buffer.0)
}

fn control(id: i32, command: i32, buffer: User) -> Result<u64> {
    if id < 0 || command < 0 {
        return Err(Error::EINVAL);
    }
    match command {
        command::IPC_RMID => SERVER.remove(id).map(|()| 0),
        command::IPC_SET => {
            let mut new = [0; 24];
            user::copy_in(buffer, &mut new)?;
            let field = |at: usize| {
                let bytes = new[at..].first_chunk().copied().unwrap_or_default();
                u32::from_ne_bytes(bytes)
            };
            SERVER.set(id, field(4), field(8), field(20)).map(|()| 0)
        }
        command::IPC_STAT => {
            let status = SERVER.status(which::ID, id)?;
            user::copy_out(buffer, &shmid_ds(&status).0).map(|()| 0)
        }
        command::SHM_STAT | command::SHM_STAT_ANY => {
            let place = match command {
                command::SHM_STAT => which::PLACE,
                _ => which::PLACE_ANY,
            };
            let status = SERVER.status(place, id)?;
            user::copy_out(buffer, &shmid_ds(&status).0).map(|()| status.id as u64)
        }
        command::IPC_INFO => {
            let totals = SERVER.totals(false)?;
            user::copy_out(buffer, &shminfo(&totals).0).map(|()| totals.highest)
        }
        command::SHM_INFO => {
            let totals = SERVER.totals(true)?;
            user::copy_out(buffer, &shm_info(&totals).0).map(|()| totals.highest)
        }
        command::SHM_LOCK | command::SHM_UNLOCK => {
            SERVER.lock(id, command == command::SHM_LOCK).map(|()| 0)
        }
        _ => Err(Error::EINVAL),
    }
}

/// ipc(2): several calls by one number, as older C libraries make them.
pub fn ipc(
    _: &Thread,
    call: Int,
    first: Int,
    second: Long,
    third: Addr,
    pointer: Addr,
) -> Result<u64> {
    let version = call.0 as u32 >> 16;
    match call.0 as u32 & 0xffff {
        // The other version was iBCS2's.
        operation::SHMAT if version == 1 => Err(Error::EINVAL),
        operation::SHMAT => {
            let attached = attach(first.0, pointer.0, second.0 as u32)?;
            user::put_u64(User(third.0), attached).map(|()| 0)
        }
        operation::SHMDT => detach(pointer.0),
        operation::SHMGET => {
            let id = SERVER.get(first.0, second.0 as u64, third.0 as u32);
            id.map(|id| id as u64)
        }
        operation::SHMCTL if second.0 as i32 & command::IPC_64 != 0 => {
            control(first.0, second.0 as i32 & !command::IPC_64, User(pointer.0))
        }
        // Structures of Linux 2.2.
        operation::SHMCTL => Err(Error::EINVAL),
        _ => Err(Error::ENOSYS),
    }
}
