//! sched_setaffinity(2) and sched_getaffinity(2).
//!
//! All threads of a process are on one dispatcher, and so on one CPU. The process server knows on which CPUs the process
//! may run: those that all its threads may run on. It says which CPU that is to be, and the dispatcher goes there. What
//! each thread has asked for is in its record; masks without a common CPU cannot be had, and are refused.

use crate::port;
use crate::process::{PROCESS, SERVER};
use crate::table::{In, Int, Out, Size};
use crate::thread::{self, Thread};
use crate::user;
use core::sync::atomic::Ordering;
use k42_abi::{Error, Result};

/// All CPUs that there are.
fn all() -> u64 {
    u64::MAX >> (64 - port::kernel_info().cpus.clamp(1, 64))
}

/// The CPUs that a thread may run on, as far as it is the one who says so.
fn wish(thread: &Thread) -> u64 {
    match thread.affinity.load(Ordering::Relaxed) {
        0 => all(),
        mask => mask,
    }
}

/// The thread of this process that `pid` names; `None`: another process.
fn own(thread: &Thread, pid: i32) -> Result<Option<&Thread>> {
    match pid {
        0 => Ok(Some(thread)),
        i32::MIN..0 => Err(Error::ESRCH),
        _ => Ok(thread::by_tid(pid)),
    }
}

/// sched_getaffinity(2).
pub fn sched_getaffinity(thread: &Thread, pid: Int, size: Size, mask: Out) -> Result<u64> {
    if !size.0.is_multiple_of(8) || size.0 < 8 {
        return Err(Error::EINVAL);
    }
    let now = match own(thread, pid.0)? {
        Some(thread) => wish(thread),
        None => SERVER.affinity(pid.0, false, 0)?[0],
    };
    user::put_u64(mask.0, now)?;
    Ok(8)
}

/// sched_setaffinity(2).
pub fn sched_setaffinity(thread: &Thread, pid: Int, size: Size, mask: In) -> Result<u64> {
    let bytes = (size.0 as usize).min(8);
    let mut word = [0u8; 8];
    user::copy_in(mask.0, &mut word[..bytes])?;
    let mask = u64::from_ne_bytes(word) & all();
    let Some(target) = own(thread, pid.0)? else {
        return SERVER.affinity(pid.0, true, mask).map(|_| 0);
    };
    let common = thread::living()
        .filter(|other| !core::ptr::eq(*other, target))
        .fold(mask, |common, other| common & wish(other));
    let [_, cpu] = SERVER.affinity(0, true, common)?;
    target.affinity.store(mask, Ordering::Relaxed);
    port::change_cpu(cpu as u32).map(|()| 0)
}

/// Another process has said where this one may run.
pub fn follow() {
    let Ok([mask, cpu]) = SERVER.affinity(0, false, 0) else {
        return;
    };
    // The others keep what they have asked for: the mask was meant for the thread with the process's number.
    if let Some(first) = thread::by_tid(PROCESS.pid()) {
        first.affinity.store(mask, Ordering::Relaxed);
    }
    // The CPU is one that there is.
    let _ = port::change_cpu(cpu as u32);
}
