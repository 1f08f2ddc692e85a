//! Birth, death and family of processes.

use crate::event::{self, Source};
use crate::port;
use crate::process::{PROCESS, SERVER};
use crate::signal::code;
use crate::table::{Full, In, Int, Out};
use crate::thread::{self, Thread};
use crate::user::{self, User};
use crate::wire::{self, Layout};
use core::sync::atomic::Ordering;
use k42_abi::{Error, Result};
use k42_api::process::WaitResult;

/// Ends the process with a wait status. Comes back never, whatever the server says.
pub fn end_process(status: u32) -> ! {
    PROCESS
        .ending
        .store(u64::from(status) + 1, Ordering::Release);
    // Robust locks that other processes share are marked, whichever thread holds them.
    thread::living().for_each(super::task::release);
    loop {
        let _ = SERVER.exit(status);
        // The server could not do it now; there is nothing better than to ask again.
        port::yield_now();
    }
}

/// Ends a thread of a process that goes on, or that is ending already.
pub fn end_thread(thread: &Thread) -> ! {
    super::task::release(thread);
    thread.give_up();
    if thread::living().next().is_none() {
        let ending = PROCESS.ending.load(Ordering::Acquire);
        end_process(if ending == 0 { 0 } else { (ending - 1) as u32 });
    }
    port::exit_thread()
}

/// exit(2): ends the thread; the process with its last one.
pub fn exit(thread: &Thread, status: Int) -> Result<u64> {
    let status = (status.0 as u32 & 0xff) << 8;
    if thread::living().any(|other| !core::ptr::eq(other, thread)) {
        end_thread(thread);
    }
    super::task::release(thread);
    end_process(status)
}

/// exit_group(2).
pub fn exit_group(_: &Thread, status: Int) -> Result<u64> {
    end_process((status.0 as u32 & 0xff) << 8)
}

/// getpid(2).
#[inline]
pub fn getpid(_: &Thread) -> Result<u64> {
    Ok(PROCESS.pid() as u64)
}

/// gettid(2).
pub fn gettid(thread: &Thread) -> Result<u64> {
    Ok(thread.tid() as u64)
}

/// getppid(2).
pub fn getppid(_: &Thread) -> Result<u64> {
    PROCESS.identity().map(|identity| identity.ppid as u64)
}

/// fork(2).
pub fn fork(thread: &Thread) -> Result<u64> {
    make_child(thread, 0)
}

/// vfork(2).
pub fn vfork(thread: &Thread) -> Result<Full> {
    if crate::vfork::begin(thread)? {
        Ok(Full::Value(0))
    } else {
        make_child(thread, 0).map(Full::Value)
    }
}

/// Makes a copy of the process. In the child it returns zero, on the same stack, as its only thread.
pub fn make_child(thread: &Thread, flags: u32) -> Result<u64> {
    let held = Held::take();
    held.publish_files();
    let answer = port::fork(flags);
    held.release();
    match answer {
        port::Forked::Parent(result) => result.map(|pid| pid as u64),
        port::Forked::Child { pid } => {
            become_child(thread, pid);
            Ok(0)
        }
    }
}

/// The library's locks, held over a fork so that the child does not find one taken by a thread that it has not got.
struct Held<'a> {
    files: port::Guard<'a, crate::fd::FdTable<crate::file::FileRef>>,
    _mounts: port::Guard<'a, Option<alloc::sync::Arc<crate::mount::MountTable>>>,
    _directories: port::Guard<'a, crate::process::Directories>,
    _signals: port::Guard<'a, crate::signal::SignalState>,
    _futexes: crate::futex::AllHeld<'a>,
}

impl Held<'_> {
    fn take() -> Self {
        Self {
            files: PROCESS.files.lock(),
            _mounts: PROCESS.mounts.lock(),
            _directories: PROCESS.directories.lock(),
            _signals: PROCESS.signals.lock(),
            _futexes: PROCESS.futexes.hold(),
        }
    }
    /// The child's files are its parent's: what the library keeps about them goes to their servers.
    fn publish_files(&self) {
        for (_, file) in self.files.iter() {
            file.publish();
        }
    }
    fn release(self) {}
}

/// What is different in a child.
fn become_child(thread: &Thread, pid: i32) {
    for other in thread::living() {
        if !core::ptr::eq(other, thread) {
            other.give_up();
        }
    }
    PROCESS.pid.store(pid, Ordering::Relaxed);
    thread.tid.store(pid, Ordering::Relaxed);
    PROCESS.next_tid.store(pid, Ordering::Relaxed);
    // A child has registered no list of its own.
    thread.robust.set((0, 0));
    // A message about a signal, or about where to run, may have come before the child could hear it: it asks.
    PROCESS
        .place_changed
        .store(port::kernel_info().cpus > 1, Ordering::Relaxed);
    PROCESS.fetch_signals.store(true, Ordering::Relaxed);
    thread.call_attention();
    thread
        .pending
        .lock()
        .drop_set(crate::signal::SignalSet(u64::MAX));
    PROCESS
        .signals
        .lock()
        .shared
        .drop_set(crate::signal::SignalSet(u64::MAX));
    PROCESS.futexes.clear();
    PROCESS.timers.lock().clear();
}

const WNOHANG: u32 = 1;
const WUNTRACED: u32 = 2;
const WEXITED: u32 = 4;
const WCONTINUED: u32 = 8;
const WNOWAIT: u32 = 0x0100_0000;
/// __WNOTHREAD, __WALL, __WCLONE: all children are the process's own here.
const W_LINUX: u32 = 0xe000_0000;

fn wait(thread: &Thread, which: i32, options: u32) -> Result<WaitResult> {
    event::blocking(thread, Source::Child, false, || {
        match SERVER.wait(which, options) {
            // With WNOHANG the server answers pid zero.
            Err(Error::WOULD_BLOCK) if options & WNOHANG != 0 => Ok(WaitResult {
                pid: 0,
                status: 0,
                user_ns: 0,
                system_ns: 0,
                max_resident: 0,
                uid: 0,
            }),
            other => other,
        }
    })
}

/// wait4(2).
pub fn wait4(thread: &Thread, pid: Int, status: Out, options: Int, usage: Out) -> Result<u64> {
    let options = options.0 as u32;
    if options & !(WNOHANG | WUNTRACED | WCONTINUED | W_LINUX) != 0 {
        return Err(Error::EINVAL);
    }
    if pid.0 == i32::MIN {
        return Err(Error::ESRCH);
    }
    let result = wait(thread, pid.0, options & !W_LINUX | WEXITED)?;
    if result.pid != 0 {
        if !status.0.is_null() {
            user::put_u32(status.0, result.status)?;
        }
        if !usage.0.is_null() {
            user::copy_out(
                usage.0,
                &wire::rusage(result.user_ns, result.system_ns, result.max_resident, 0),
            )?;
        }
    }
    Ok(result.pid as u64)
}

/// waitpid(2).
pub fn waitpid(thread: &Thread, pid: Int, status: Out, options: Int) -> Result<u64> {
    wait4(thread, pid, status, options, Out(User::NULL))
}

/// si_code and si_status of a wait status.
fn decode(status: u32) -> (i32, u32) {
    match status & 0x7f {
        _ if status == 0xffff => (code::CLD_CONTINUED, 18),
        0x7f => (code::CLD_STOPPED, status >> 8 & 0xff),
        0 => (code::CLD_EXITED, status >> 8 & 0xff),
        signal if status & 0x80 != 0 => (code::CLD_DUMPED, signal),
        signal => (code::CLD_KILLED, signal),
    }
}

/// waitid(2).
pub fn waitid(
    thread: &Thread,
    kind: Int,
    id: Int,
    info: Out,
    options: Int,
    usage: Out,
) -> Result<u64> {
    let options = options.0 as u32;
    let events = WUNTRACED | WEXITED | WCONTINUED;
    if options & !(WNOHANG | WNOWAIT | events | W_LINUX) != 0 || options & events == 0 {
        return Err(Error::EINVAL);
    }
    let which = match kind.0 {
        0 => -1,
        1 if id.0 > 0 => id.0,
        2 if id.0 > 0 => -id.0,
        2 if id.0 == 0 => 0,
        _ => return Err(Error::EINVAL),
    };
    let result = wait(thread, which, options & !W_LINUX)?;
    if !usage.0.is_null() && result.pid != 0 {
        user::copy_out(
            usage.0,
            &wire::rusage(result.user_ns, result.system_ns, result.max_resident, 0),
        )?;
    }
    if !info.0.is_null() {
        let mut out = Layout::<128>::new();
        if result.pid != 0 {
            let (code, status) = decode(result.status);
            out.u32(0, 17)
                .u32(8, code as u32)
                .u32(16, result.pid as u32)
                .u32(20, result.uid)
                .u32(24, status);
        }
        user::copy_out(info.0, &out.0)?;
    }
    Ok(0)
}

/// execve(2).
pub fn execve(
    thread: &Thread,
    path: crate::table::Path,
    arguments: In,
    environment: In,
) -> Result<Full> {
    crate::exec::load::execve(
        thread,
        crate::walk::AT_FDCWD,
        path.0,
        arguments.0,
        environment.0,
        0,
    )
}

/// execveat(2).
pub fn execveat(
    thread: &Thread,
    directory: crate::table::Dir,
    path: crate::table::Path,
    arguments: In,
    environment: In,
    flags: crate::table::Flags,
) -> Result<Full> {
    crate::exec::load::execve(
        thread,
        directory.0,
        path.0,
        arguments.0,
        environment.0,
        flags.0,
    )
}

/// setpgid(2).
pub fn setpgid(_: &Thread, pid: Int, group: Int) -> Result<u64> {
    if group.0 < 0 {
        Err(Error::EINVAL)
    } else {
        SERVER.set_group(pid.0, group.0).map(|()| 0)
    }
}

/// getpgid(2).
pub fn getpgid(_: &Thread, pid: Int) -> Result<u64> {
    SERVER.group_of(pid.0).map(|group| group as u64)
}

/// getpgrp(2).
pub fn getpgrp(thread: &Thread) -> Result<u64> {
    getpgid(thread, Int(0))
}

/// getsid(2).
pub fn getsid(_: &Thread, pid: Int) -> Result<u64> {
    SERVER.session_of(pid.0).map(|session| session as u64)
}

/// setsid(2).
pub fn setsid(_: &Thread) -> Result<u64> {
    SERVER.new_session().map(|session| session as u64)
}

/// getrusage(2).
pub fn getrusage(_: &Thread, who: Int, usage: Out) -> Result<u64> {
    let times = SERVER.times()?;
    let (user, system) = match who.0 {
        0 | 1 => (times.user, times.system),
        -1 => (times.children_user, times.children_system),
        _ => return Err(Error::EINVAL),
    };
    let (resident, faults) = if who.0 == -1 {
        (0, 0)
    } else {
        (times.max_resident, times.faults)
    };
    user::copy_out(usage.0, &wire::rusage(user, system, resident, faults)).map(|()| 0)
}

/// Nanoseconds in a clock tick of times(2).
const TICK_NS: u64 = 10_000_000;

/// times(2).
pub fn times(_: &Thread, buffer: Out) -> Result<u64> {
    if !buffer.0.is_null() {
        let times = SERVER.times()?;
        let mut out = Layout::<32>::new();
        for (index, ns) in [
            times.user,
            times.system,
            times.children_user,
            times.children_system,
        ]
        .into_iter()
        .enumerate()
        {
            out.u64(index * 8, ns / TICK_NS);
        }
        user::copy_out(buffer.0, &out.0)?;
    }
    Ok(port::monotonic_ns() / TICK_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_statuses() {
        assert_eq!(decode(3 << 8), (code::CLD_EXITED, 3));
        assert_eq!(decode(9), (code::CLD_KILLED, 9));
        assert_eq!(decode(11 | 0x80), (code::CLD_DUMPED, 11));
        assert_eq!(decode(0x7f | 20 << 8), (code::CLD_STOPPED, 20));
        assert_eq!(decode(0xffff), (code::CLD_CONTINUED, 18));
    }
}
