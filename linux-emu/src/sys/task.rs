//! Threads: clone, and what a thread leaves behind.

use super::process::make_child;
use crate::arch::user_copy::{exchange_word, load_word};
use crate::port;
use crate::process::PROCESS;
use crate::table::{Addr, Bits, Full, In, Int, Out, Size};
use crate::thread::{Restart, Thread};
use crate::user::{self, User};
use core::sync::atomic::Ordering;
use k42_abi::{Error, Result};
use k42_sched::trace::{self, events};

/// CLONE_*.
mod clone_flag {
    pub const VM: u64 = 0x100;
    pub const FS: u64 = 0x200;
    pub const FILES: u64 = 0x400;
    pub const SIGHAND: u64 = 0x800;
    pub const VFORK: u64 = 0x4000;
    pub const THREAD: u64 = 0x1_0000;
    pub const SYSVSEM: u64 = 0x4_0000;
    pub const SETTLS: u64 = 0x8_0000;
    pub const PARENT_SETTID: u64 = 0x10_0000;
    pub const CHILD_CLEARTID: u64 = 0x20_0000;
    pub const DETACHED: u64 = 0x40_0000;
    pub const CHILD_SETTID: u64 = 0x100_0000;
    /// What every thread of a POSIX library has.
    pub const THREAD_WANTS: u64 = VM | FS | FILES | SIGHAND | THREAD;
    pub const THREAD_KNOWN: u64 =
        THREAD_WANTS | SYSVSEM | SETTLS | PARENT_SETTID | CHILD_CLEARTID | CHILD_SETTID | DETACHED;
    /// What a new process may ask for. VM goes with VFORK only: the child has a copy then.
    pub const PROCESS_KNOWN: u64 =
        VM | VFORK | SETTLS | PARENT_SETTID | CHILD_CLEARTID | CHILD_SETTID;
}

/// What clone(2) and clone3(2) have in common.
struct Request {
    flags: u64,
    /// New stack pointer, or zero for the parent's.
    stack: u64,
    parent_tid: User,
    child_tid: u64,
    tls: u64,
}

/// clone(2), with the order of arguments that Power has.
pub fn clone(
    thread: &Thread,
    flags: Bits,
    stack: Addr,
    parent_tid: Out,
    tls: Addr,
    child_tid: Addr,
) -> Result<Full> {
    // The low byte is the signal at the child's end: it is always SIGCHLD here.
    let flags = flags.0 & !0xff;
    make(
        thread,
        &Request {
            flags,
            stack: stack.0,
            parent_tid: parent_tid.0,
            child_tid: child_tid.0,
            tls: tls.0,
        },
    )
}

/// clone3(2).
pub fn clone3(thread: &Thread, arguments: In, size: Size) -> Result<Full> {
    if size.0 < 64 {
        return Err(Error::EINVAL);
    }
    let word = |n: u64| user::get_u64(arguments.0.add(n * 8));
    let (stack, stack_size) = (word(5)?, word(6)?);
    if (stack == 0) != (stack_size == 0) {
        return Err(Error::EINVAL);
    }
    let request = Request {
        flags: word(0)?,
        stack: stack.wrapping_add(stack_size),
        parent_tid: User(word(3)?),
        child_tid: word(2)?,
        tls: word(7)?,
    };
    if word(4)? & !0x7f != 0 {
        return Err(Error::EINVAL);
    }
    make(thread, &request)
}

fn make(thread: &Thread, request: &Request) -> Result<Full> {
    if request.flags & clone_flag::THREAD != 0 {
        return make_thread(thread, request).map(|tid| Full::Value(tid as u64));
    }
    let flags = request.flags;
    if flags & !clone_flag::PROCESS_KNOWN != 0
        || flags & clone_flag::VM != 0 && flags & clone_flag::VFORK == 0
    {
        return Err(Error::EINVAL);
    }
    let borrows = flags & clone_flag::VM != 0
        && flags & !(clone_flag::VM | clone_flag::VFORK) == 0
        && crate::vfork::begin(thread)?;
    let pid = if borrows { 0 } else { make_child(thread, 0)? };
    if pid != 0 {
        if flags & clone_flag::PARENT_SETTID != 0 {
            let _ = user::put_u32(request.parent_tid, pid as u32);
        }
        return Ok(Full::Value(pid));
    }
    // SAFETY: the thread's own frame, in a call with all registers.
    let frame = unsafe { &mut *thread.frame.get() };
    if request.stack != 0 {
        frame.gpr[1] = request.stack & !15;
    }
    if flags & clone_flag::SETTLS != 0 {
        frame.gpr[13] = request.tls;
    }
    if flags & clone_flag::CHILD_SETTID != 0 {
        let _ = user::put_u32(User(request.child_tid), thread.tid() as u32);
    }
    // (A child that borrows its parent's memory has asked for none of these.)
    thread
        .clear_tid
        .set(if flags & clone_flag::CHILD_CLEARTID != 0 {
            request.child_tid
        } else {
            0
        });
    Ok(Full::Value(0))
}

fn make_thread(thread: &Thread, request: &Request) -> Result<i32> {
    let flags = request.flags;
    if flags & clone_flag::THREAD_WANTS != clone_flag::THREAD_WANTS
        || flags & !clone_flag::THREAD_KNOWN != 0
    {
        return Err(Error::EINVAL);
    }
    let tid = PROCESS.new_tid();
    let new = Thread::new(tid)?;
    // SAFETY: our own frame, and that of a thread that has not started.
    unsafe {
        *new.frame.get() = *thread.frame.get();
        let frame = &mut *new.frame.get();
        if request.stack != 0 {
            frame.gpr[1] = request.stack & !15;
        }
        if flags & clone_flag::SETTLS != 0 {
            frame.gpr[13] = request.tls;
        }
        frame.gpr[3] = 0;
        frame.cr &= !0x1000_0000;
        port::with_vectors(|vectors| *new.vector_area.get() = *vectors);
    }
    new.blocked
        .store(thread.blocked.load(Ordering::Relaxed), Ordering::Relaxed);
    new.name.set(if thread.tid() == PROCESS.pid() {
        *PROCESS.name.lock()
    } else {
        thread.name.get()
    });
    new.affinity
        .store(thread.affinity.load(Ordering::Relaxed), Ordering::Relaxed);
    if flags & clone_flag::CHILD_CLEARTID != 0 {
        new.clear_tid.set(request.child_tid);
    }
    if flags & clone_flag::PARENT_SETTID != 0 {
        user::put_u32(request.parent_tid, tid as u32).inspect_err(|_| new.give_up())?;
    }
    if flags & clone_flag::CHILD_SETTID != 0 {
        let _ = user::put_u32(User(request.child_tid), tid as u32);
    }
    events::process::thread::<trace::User>(PROCESS.pid() as u64, tid as u64);
    port::start_thread(new).inspect_err(|_| new.give_up())?;
    Ok(tid)
}

/// set_tid_address(2).
pub fn set_tid_address(thread: &Thread, address: Addr) -> Result<u64> {
    thread.clear_tid.set(address.0);
    Ok(thread.tid() as u64)
}

/// set_robust_list(2).
pub fn set_robust_list(thread: &Thread, head: Addr, length: Size) -> Result<u64> {
    if length.0 != 24 {
        return Err(Error::EINVAL);
    }
    thread.robust.set((head.0, length.0));
    Ok(0)
}

/// get_robust_list(2), of the process's own threads.
pub fn get_robust_list(thread: &Thread, tid: Int, head: Out, length: Out) -> Result<u64> {
    let (address, bytes) = if tid.0 == 0 || tid.0 == thread.tid() {
        thread.robust.get()
    } else {
        crate::thread::by_tid(tid.0)
            .ok_or(Error::ESRCH)?
            .robust
            .get()
    };
    user::put_u64(head.0, address)?;
    user::put_u64(length.0, bytes).map(|()| 0)
}

const FUTEX_OWNER_DIED: u32 = 0x4000_0000;
const FUTEX_WAITERS: u32 = 0x8000_0000;
const FUTEX_TID_MASK: u32 = 0x3fff_ffff;
/// Most entries of a robust list that are looked at.
const ROBUST_MOST: usize = 2048;

/// What a thread does at its end: robust locks are marked, the joiner is woken.
pub fn release(thread: &Thread) {
    let (head, _) = thread.robust.replace((0, 0));
    if head != 0 {
        let _ = release_robust(thread, User(head));
    }
    let clear = thread.clear_tid.replace(0);
    if clear != 0 && user::put_u32(User(clear), 0).is_ok() {
        let _ = super::futex::wake(clear, 1, u32::MAX, true);
    }
}

fn release_robust(thread: &Thread, head: User) -> Result<()> {
    let offset = user::get_i64(head.add(8))? as u64;
    let pending = user::get_u64(head.add(16))? & !1;
    let mut entry = user::get_u64(head)? & !1;
    for _ in 0..ROBUST_MOST {
        if entry == head.0 || entry == 0 {
            break;
        }
        let next = user::get_u64(User(entry))? & !1;
        if entry != pending {
            owner_died(thread, entry.wrapping_add(offset));
        }
        entry = next;
    }
    if pending != 0 {
        owner_died(thread, pending.wrapping_add(offset));
    }
    Ok(())
}

fn owner_died(thread: &Thread, address: u64) {
    if !address.is_multiple_of(4) || User(address).check(4).is_err() {
        return;
    }
    while let Some(value) = load_word(address) {
        if value & FUTEX_TID_MASK != thread.tid() as u32 {
            return;
        }
        let new = value & FUTEX_WAITERS | FUTEX_OWNER_DIED;
        if exchange_word(address, value, new) == Some(value) {
            if value & FUTEX_WAITERS != 0 {
                let _ = super::futex::wake(address, 1, u32::MAX, true);
            }
            return;
        }
    }
}

/// restart_syscall(2): goes on with a call that a signal without a handler has cut short.
pub fn restart_syscall(thread: &Thread) -> Result<u64> {
    match thread.restart.replace(Restart::None) {
        Restart::None => Err(Error::EINTR),
        Restart::Sleep { until, remaining } => super::time::sleep(thread, until, User(remaining)),
        Restart::Poll { fds, count, until } => {
            super::poll::poll_until(thread, User(fds), count, until)
        }
        Restart::Futex {
            address,
            value,
            bits,
            until,
            shared,
        } => super::futex::wait(thread, address, value, bits, Some(until), shared),
    }
}

/// Ends all other threads of the process (exec). They leave at their next way out of the library.
pub fn leave_other_threads(thread: &Thread) -> Result<()> {
    loop {
        let mut others = 0;
        for other in crate::thread::living().filter(|other| !core::ptr::eq(*other, thread)) {
            other.leaving.store(true, Ordering::Release);
            other.call_attention();
            other.wake();
            port::disturb(other);
            others += 1;
        }
        if others == 0 {
            return Ok(());
        }
        port::yield_now();
    }
}
