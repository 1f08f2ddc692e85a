//! Calls about the machine and the system as a whole.

use crate::port;
use crate::process::{MEMORY, PROCESS, SERVER};
use crate::table::{Flags, In, Int, Out, Size};
use crate::thread::Thread;
use crate::user;
use crate::wire::Layout;
use k42_abi::{Error, Result};

/// Bytes of a field of `struct utsname`.
const UTS_FIELD: usize = 65;

/// What machine uname tells.
pub const MACHINE: &[u8] = if cfg!(target_endian = "little") {
    b"ppc64le"
} else {
    b"ppc64"
};

/// uname(2).
pub fn uname(_: &Thread, buffer: Out) -> Result<u64> {
    let mut out = [0u8; 6 * UTS_FIELD];
    let mut node = [0u8; 64];
    let (_, length) = SERVER
        .host_name(false, &[], &mut node)
        .map_err(|(error, _)| error)?;
    let domain: &[u8] = b"(none)";
    let version: &[u8] = b"#1 SMP K42";
    for (index, text) in [
        b"Linux",
        &node[..length],
        b"6.1.0",
        version,
        MACHINE,
        domain,
    ]
    .into_iter()
    .enumerate()
    {
        let text = &text[..text.len().min(UTS_FIELD - 1)];
        out[index * UTS_FIELD..][..text.len()].copy_from_slice(text);
    }
    user::copy_out(buffer.0, &out).map(|()| 0)
}

/// sethostname(2).
pub fn sethostname(_: &Thread, name: In, length: Size) -> Result<u64> {
    if length.0 > 64 {
        return Err(Error::EINVAL);
    }
    let name = user::bytes(name.0, length.0 as usize)?;
    SERVER
        .host_name(true, &name, &mut [])
        .map(|_| 0)
        .map_err(|(error, _)| error)
}

/// sysinfo(2).
pub fn sysinfo(_: &Thread, buffer: Out) -> Result<u64> {
    let totals = MEMORY.totals()?;
    let [processes, load1, load5, load15] = SERVER.load()?;
    let mut out = Layout::<112>::new();
    out.u64(0, port::monotonic_ns() / 1_000_000_000)
        .u64(8, load1)
        .u64(16, load5)
        .u64(24, load15);
    out.u64(32, totals.total)
        .u64(40, totals.free)
        .u64(48, totals.shared)
        .u64(56, 0);
    out.u16(80, processes as u16).u32(104, 1);
    user::copy_out(buffer.0, &out.0).map(|()| 0)
}

/// getrandom(2).
pub fn getrandom(thread: &Thread, buffer: Out, length: Size, flags: Flags) -> Result<u64> {
    if flags.0 & !7 != 0 || flags.0 & 6 == 6 {
        return Err(Error::EINVAL);
    }
    let length = (length.0 as usize).min(0x1ff_ffff);
    buffer.0.check(length)?;
    let mut piece = [0u8; 256];
    let mut done = 0;
    while done < length {
        let now = (length - done).min(piece.len());
        random_bytes(thread, &mut piece[..now])?;
        user::copy_out(buffer.0.add(done as u64), &piece[..now])?;
        done += now;
    }
    Ok(length as u64)
}

/// Fills `out` from the hypervisor's generator or, where it has none, from /dev/urandom.
pub fn random_bytes(thread: &Thread, out: &mut [u8]) -> Result<()> {
    for word in out.chunks_mut(8) {
        match port::random() {
            Ok(random) => word.copy_from_slice(&random.to_ne_bytes()[..word.len()]),
            Err(_) => return from_device(thread, out),
        }
    }
    Ok(())
}

fn from_device(thread: &Thread, out: &mut [u8]) -> Result<()> {
    let mut rest = crate::thread::big_buffer(256)?;
    let device = super::path::open_path(crate::walk::AT_FDCWD, b"/dev/urandom", &mut rest, 0, 0)?;
    let mut done = 0;
    while done < out.len() {
        match super::io::read_own(thread, &device, &mut out[done..], k42_api::files::CURRENT)? {
            0 => return Err(Error::EIO),
            got => done += got,
        }
    }
    Ok(())
}

/// getcpu(2).
pub fn getcpu(_: &Thread, cpu: Out, node: Out) -> Result<u64> {
    if !cpu.0.is_null() {
        user::put_u32(cpu.0, port::processor() as u32)?;
    }
    if !node.0.is_null() {
        user::put_u32(node.0, 0)?;
    }
    Ok(0)
}

/// sched_yield(2).
pub fn sched_yield(_: &Thread) -> Result<u64> {
    port::yield_now();
    Ok(0)
}

/// sched_getscheduler(2): time sharing is all there is.
pub fn sched_getscheduler(_: &Thread, pid: Int) -> Result<u64> {
    if pid.0 < 0 { Err(Error::EINVAL) } else { Ok(0) }
}

/// sched_setscheduler(2).
pub fn sched_setscheduler(_: &Thread, pid: Int, policy: Int, parameter: In) -> Result<u64> {
    let priority = user::get_i32(parameter.0)?;
    match policy.0 {
        // SCHED_OTHER, BATCH, IDLE.
        0 | 3 | 5 if priority == 0 && pid.0 >= 0 => Ok(0),
        1 | 2 => Err(Error::EPERM),
        _ => Err(Error::EINVAL),
    }
}

/// sched_getparam(2).
pub fn sched_getparam(_: &Thread, pid: Int, parameter: Out) -> Result<u64> {
    if pid.0 < 0 {
        Err(Error::EINVAL)
    } else {
        user::put_i32(parameter.0, 0).map(|()| 0)
    }
}

/// sched_setparam(2).
pub fn sched_setparam(_: &Thread, pid: Int, parameter: In) -> Result<u64> {
    if user::get_i32(parameter.0)? == 0 && pid.0 >= 0 {
        Ok(0)
    } else {
        Err(Error::EINVAL)
    }
}

/// sched_get_priority_max(2).
pub fn sched_get_priority_max(_: &Thread, policy: Int) -> Result<u64> {
    priority_bound(policy.0, 99)
}

/// sched_get_priority_min(2).
pub fn sched_get_priority_min(_: &Thread, policy: Int) -> Result<u64> {
    priority_bound(policy.0, 1)
}

fn priority_bound(policy: i32, real_time: u64) -> Result<u64> {
    match policy {
        1 | 2 => Ok(real_time),
        0 | 3 | 5 | 6 => Ok(0),
        _ => Err(Error::EINVAL),
    }
}

/// sched_rr_get_interval(2).
pub fn sched_rr_get_interval(_: &Thread, pid: Int, interval: Out) -> Result<u64> {
    if pid.0 < 0 {
        return Err(Error::EINVAL);
    }
    super::time::put_timespec(interval.0, 10_000_000).map(|()| 0)
}

/// personality(2): plain Linux, and nothing else.
pub fn personality(_: &Thread, persona: Flags) -> Result<u64> {
    if persona.0 == u32::MAX || persona.0 == 0 {
        Ok(0)
    } else {
        Err(Error::EINVAL)
    }
}

/// reboot(2).
pub fn reboot(_: &Thread, magic: Flags, magic2: Flags, command: Flags) -> Result<u64> {
    PROCESS.require_root()?;
    if magic.0 != 0xfee1_dead
        || !matches!(
            magic2.0,
            672_274_793 | 85_072_278 | 369_367_448 | 537_993_216
        )
    {
        return Err(Error::EINVAL);
    }
    match command.0 {
        // Ctrl-Alt-Del on and off: there is no such key.
        0 | 0x89ab_cdef => Ok(0),
        0x4321_fedc | 0xcdef_0123 | 0x0123_4567 => SERVER.power_off(0).map(|()| 0),
        _ => Err(Error::EINVAL),
    }
}

/// vhangup(2): the terminal's server does not know it yet.
pub fn vhangup(_: &Thread) -> Result<u64> {
    PROCESS.require_root()?;
    Err(Error::ENOSYS)
}
