//! Signal calls.

use crate::error::RESTART_NO_HANDLER;
use crate::event::{self, Source};
use crate::port;
use crate::process::{PROCESS, SERVER, Told};
use crate::signal::deliver::{self, set_blocked};
use crate::signal::frame::{AltStack, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK};
use crate::signal::set::number::SIGCHLD;
use crate::signal::state::{Action, flag};
use crate::signal::{Info, SignalSet, code, frame};
use crate::table::{Full, In, Int, Out, Sig, Size};
use crate::thread::{self, Thread};
use crate::user::{self, User};
use core::sync::atomic::Ordering;
use k42_abi::{Error, Result};
use k42_sched::trace::{self, events};

/// Bytes of a signal set.
const SET_BYTES: u64 = 8;
/// Least size of an alternate stack on Power.
const MINSIGSTKSZ: u64 = 4096;

fn check_size(size: Size) -> Result<()> {
    if size.0 == SET_BYTES {
        Ok(())
    } else {
        Err(Error::EINVAL)
    }
}

fn number(signal: i32) -> Result<u32> {
    u32::try_from(signal)
        .ok()
        .filter(|s| (1..=64).contains(s))
        .ok_or(Error::EINVAL)
}

/// Tells the process server what has become of the signals, if it is something that concerns it. Libraries block all
/// signals for a moment (all bits set; what a program can ask for lacks the library's own): that is not told.
fn tell(thread: &Thread) {
    if PROCESS.special.load(Ordering::Relaxed) && crate::vfork::is_borrowed() {
        // The child that borrows the process will tell when it is real.
        return;
    }
    let blocked = thread.blocked();
    let blocked = if blocked.0 | SignalSet::UNBLOCKABLE.0 == u64::MAX {
        SignalSet::EMPTY
    } else {
        blocked
    };
    let told = {
        let signals = PROCESS.signals.lock();
        let child = signals.action(SIGCHLD);
        let now = Told {
            // A signal that is blocked is kept, even if it would be ignored otherwise.
            ignored: signals.ignored().without(blocked).0,
            caught: signals.caught().0,
            no_child_wait: child.flags & flag::SA_NOCLDWAIT != 0 || child.handler == 1,
            no_child_stop: child.flags & flag::SA_NOCLDSTOP != 0,
        };
        let mut last = PROCESS.told.lock();
        // Which ones are caught only shows in /proc; it goes along with the next change that matters.
        let same = Told {
            caught: last.caught,
            ..now
        } == *last;
        *last = now;
        if same { None } else { Some(now) }
    };
    if let Some(now) = told {
        let _ = SERVER.signal_masks(
            now.ignored,
            thread.blocked().0,
            now.caught,
            now.no_child_wait,
            now.no_child_stop,
        );
    }
}

/// Tells it all anew: after exec.
pub fn tell_again(thread: &Thread) {
    PROCESS.told.lock().ignored ^= 1 << 63;
    tell(thread);
}

/// rt_sigaction(2).
pub fn rt_sigaction(thread: &Thread, signal: Sig, new: In, old: Out, size: Size) -> Result<u64> {
    check_size(size)?;
    let signal = number(signal.0)?;
    let action = if new.0.is_null() {
        None
    } else {
        let mut bytes = [0u8; 32];
        user::copy_in(new.0, &mut bytes)?;
        let word = |n: usize| {
            bytes[n * 8..n * 8 + 8]
                .try_into()
                .map_or(0, u64::from_ne_bytes)
        };
        Some(Action {
            handler: word(0),
            flags: word(1),
            restorer: word(2),
            mask: SignalSet(word(3)),
        })
    };
    let (before, ignored) = {
        let mut signals = PROCESS.signals.lock();
        (signals.set_action(signal, action)?, signals.ignores(signal))
    };
    if action.is_some() {
        if ignored {
            thread::living()
                .for_each(|thread| thread.pending.lock().drop_set(SignalSet::one(signal)));
        }
        tell(thread);
    }
    if !old.0.is_null() {
        let mut bytes = [0u8; 32];
        for (index, word) in [before.handler, before.flags, before.restorer, before.mask.0]
            .into_iter()
            .enumerate()
        {
            bytes[index * 8..index * 8 + 8].copy_from_slice(&word.to_ne_bytes());
        }
        user::copy_out(old.0, &bytes)?;
    }
    Ok(0)
}

/// rt_sigprocmask(2).
pub fn rt_sigprocmask(thread: &Thread, how: Int, new: In, old: Out, size: Size) -> Result<u64> {
    check_size(size)?;
    let before = thread.blocked();
    if !new.0.is_null() {
        let set = SignalSet(user::get_u64(new.0)?);
        let after = match how.0 {
            0 => before.with(set),
            1 => before.without(set),
            2 => set,
            _ => return Err(Error::EINVAL),
        };
        set_blocked(thread, after);
        tell(thread);
    }
    if !old.0.is_null() {
        user::put_u64(old.0, before.0)?;
    }
    Ok(0)
}

/// rt_sigpending(2).
pub fn rt_sigpending(thread: &Thread, set: Out, size: Size) -> Result<u64> {
    if size.0 > SET_BYTES {
        return Err(Error::EINVAL);
    }
    let pending = deliver::pending(thread).and(thread.blocked());
    user::copy_out(set.0, &pending.0.to_ne_bytes()[..size.0 as usize]).map(|()| 0)
}

/// Changes the mask for the length of a call that waits; put back after the handler, or at the end.
pub fn borrow_mask(thread: &Thread, mask: SignalSet) {
    thread.saved_mask.set(Some(thread.blocked()));
    set_blocked(thread, mask);
}

/// Puts a borrowed mask back at the end of a call that was not interrupted.
pub fn return_mask(thread: &Thread) {
    if let Some(mask) = thread.saved_mask.take() {
        set_blocked(thread, mask);
    }
}

/// rt_sigsuspend(2).
pub fn rt_sigsuspend(thread: &Thread, mask: In, size: Size) -> Result<u64> {
    check_size(size)?;
    let mask = SignalSet(user::get_u64(mask.0)?);
    borrow_mask(thread, mask);
    wait_for_signal(thread)
}

/// pause(2).
pub fn pause(thread: &Thread) -> Result<u64> {
    wait_for_signal(thread)
}

/// Waits until something is to be done at the exit; that decides whether a handler runs (EINTR) or not (again).
fn wait_for_signal(thread: &Thread) -> Result<u64> {
    loop {
        let since = event::seen();
        if event::wait(thread, Source::Nothing, since, None).is_err() {
            return Err(RESTART_NO_HANDLER);
        }
    }
}

/// Takes one of the signals `wanted`, and waits for it until `deadline` (a timebase value; ETIMEDOUT). `interrupted` is
/// the error if another signal is to be delivered.
pub fn wait_for_one(
    thread: &Thread,
    wanted: SignalSet,
    deadline: Option<u64>,
    interrupted: Error,
) -> Result<Info> {
    // While it waits, the signals wanted are not blocked for those who send, so that they wake it.
    thread.wanted.store(wanted.0, Ordering::Release);
    let taken = loop {
        let since = event::seen();
        if let Some(found) = deliver::take(thread, wanted) {
            break Ok(found);
        }
        match event::wait(thread, Source::Nothing, since, deadline) {
            Ok(()) => {}
            Err(Error::ETIMEDOUT) => break Err(Error::ETIMEDOUT),
            Err(_) => break deliver::take(thread, wanted).ok_or(interrupted),
        }
    };
    thread.wanted.store(0, Ordering::Release);
    // What was put aside meanwhile is looked at on the way out.
    thread.call_attention();
    taken
}

/// rt_sigtimedwait(2).
pub fn rt_sigtimedwait(
    thread: &Thread,
    set: In,
    info: Out,
    timeout: In,
    size: Size,
) -> Result<u64> {
    check_size(size)?;
    let wanted = SignalSet(user::get_u64(set.0)?).without(SignalSet::UNBLOCKABLE);
    let deadline = if timeout.0.is_null() {
        None
    } else {
        Some(port::after_ns(super::time::get_timespec(timeout.0)?))
    };
    let found = match wait_for_one(thread, wanted, deadline, Error::EINTR) {
        Err(Error::ETIMEDOUT) => return Err(Error::EAGAIN),
        other => other?,
    };
    if !info.0.is_null() {
        let mut bytes = [0; frame::INFO_BYTES];
        frame::put_info(&mut bytes, &found);
        user::copy_out(info.0, &bytes)?;
    }
    Ok(u64::from(found.signal))
}

/// sigaltstack(2).
pub fn sigaltstack(thread: &Thread, new: In, old: Out) -> Result<u64> {
    let sp = thread.entry.r1.load(Ordering::Relaxed);
    let before = deliver::alt_stack_now(thread, sp);
    if !new.0.is_null() {
        let stack = AltStack {
            base: user::get_u64(new.0)?,
            flags: user::get_i32(new.0.add(8))?,
            size: user::get_u64(new.0.add(16))?,
        };
        if before.flags & SS_ONSTACK != 0 {
            return Err(Error::EPERM);
        }
        match stack.flags & !SS_AUTODISARM {
            SS_DISABLE => thread.alt_stack.set(AltStack {
                base: 0,
                size: 0,
                ..stack
            }),
            0 | SS_ONSTACK if stack.size < MINSIGSTKSZ => return Err(Error::ENOMEM),
            0 | SS_ONSTACK => thread.alt_stack.set(AltStack {
                flags: stack.flags & SS_AUTODISARM,
                ..stack
            }),
            _ => return Err(Error::EINVAL),
        }
    }
    if !old.0.is_null() {
        user::put_u64(old.0, before.base)?;
        user::put_i32(old.0.add(8), before.flags)?;
        user::put_u64(old.0.add(16), before.size)?;
    }
    Ok(0)
}

/// rt_sigreturn(2).
pub fn rt_sigreturn(thread: &Thread) -> Result<Full> {
    events::linux::sigreturn::<trace::User>(thread.tid() as u64);
    // SAFETY: the thread's own frame, in a call with all registers.
    let registers = unsafe { &mut *thread.frame.get() };
    if deliver::pop(thread, registers).is_err() {
        let fault = Info {
            signal: 11,
            code: code::SI_KERNEL,
            forced: true,
            ..Info::default()
        };
        thread.fault.set(Some(fault));
        thread.call_attention();
    }
    Ok(Full::Frame)
}

/// Sends to a thread of this process; ESRCH if it is not here.
fn to_own_thread(tid: i32, signal: u32, info: Info) -> Result<u64> {
    let target = thread::by_tid(tid).ok_or(Error::ESRCH)?;
    if signal != 0 {
        deliver::to_thread(target, info);
    }
    Ok(0)
}

fn sender(signal: u32, code: i32) -> Result<Info> {
    let uid = PROCESS.ids()?.ruid;
    Ok(Info {
        signal,
        code,
        pid: PROCESS.pid(),
        uid,
        ..Info::default()
    })
}

/// kill(2).
pub fn kill(thread: &Thread, pid: Int, signal: Sig) -> Result<u64> {
    let signal = if signal.0 == 0 { 0 } else { number(signal.0)? };
    if pid.0 == PROCESS.pid() && signal != 0 && !SignalSet::UNBLOCKABLE.has(signal) {
        // To itself: the signal must be there when the call returns.
        deliver::to_process(sender(signal, code::SI_USER)?);
        return Ok(0);
    }
    SERVER.kill(pid.0, 0, signal, code::SI_USER, 0)?;
    // A group of which this process is a member may have got it.
    if pid.0 <= 0 {
        PROCESS.fetch_signals.store(true, Ordering::Release);
        thread.call_attention();
    }
    Ok(0)
}

/// tgkill(2).
pub fn tgkill(_: &Thread, group: Int, tid: Int, signal: Sig) -> Result<u64> {
    if group.0 <= 0 || tid.0 <= 0 {
        return Err(Error::EINVAL);
    }
    let signal = if signal.0 == 0 { 0 } else { number(signal.0)? };
    if group.0 == PROCESS.pid() && !SignalSet::UNBLOCKABLE.has(signal) {
        return to_own_thread(tid.0, signal, sender(signal, code::SI_TKILL)?);
    }
    SERVER
        .kill(group.0, tid.0, signal, code::SI_TKILL, 0)
        .map(|()| 0)
}

/// tkill(2).
pub fn tkill(_: &Thread, tid: Int, signal: Sig) -> Result<u64> {
    if tid.0 <= 0 {
        return Err(Error::EINVAL);
    }
    let signal = if signal.0 == 0 { 0 } else { number(signal.0)? };
    if thread::by_tid(tid.0).is_some() && !SignalSet::UNBLOCKABLE.has(signal) {
        return to_own_thread(tid.0, signal, sender(signal, code::SI_TKILL)?);
    }
    SERVER
        .kill(tid.0, tid.0, signal, code::SI_TKILL, 0)
        .map(|()| 0)
}

/// The siginfo that a program supplies: code and value.
fn queued(at: User, signal: u32) -> Result<Info> {
    let mut bytes = [0u8; 32];
    user::copy_in(at, &mut bytes)?;
    let word = |n: usize| bytes[n..n + 4].try_into().map_or(0, i32::from_ne_bytes);
    let value = bytes[24..32].try_into().map_or(0, u64::from_ne_bytes);
    Ok(Info {
        signal,
        code: word(8),
        errno: word(4),
        pid: word(16),
        uid: word(20) as u32,
        value,
        ..Info::default()
    })
}

/// rt_sigqueueinfo(2).
pub fn rt_sigqueueinfo(_: &Thread, pid: Int, signal: Sig, info: In) -> Result<u64> {
    let signal = if signal.0 == 0 { 0 } else { number(signal.0)? };
    let info = queued(info.0, signal)?;
    let own = pid.0 == PROCESS.pid();
    if (info.code >= 0 || info.code == code::SI_TKILL) && !own {
        return Err(Error::EPERM);
    }
    if own && signal != 0 && !SignalSet::UNBLOCKABLE.has(signal) {
        deliver::to_process(info);
        return Ok(0);
    }
    SERVER
        .kill(pid.0, 0, signal, info.code, info.value)
        .map(|()| 0)
}

/// rt_tgsigqueueinfo(2).
pub fn rt_tgsigqueueinfo(_: &Thread, group: Int, tid: Int, signal: Sig, info: In) -> Result<u64> {
    let signal = if signal.0 == 0 { 0 } else { number(signal.0)? };
    let info = queued(info.0, signal)?;
    if group.0 == PROCESS.pid() {
        return to_own_thread(tid.0, signal, info);
    }
    if info.code >= 0 || info.code == code::SI_TKILL {
        return Err(Error::EPERM);
    }
    SERVER
        .kill(group.0, tid.0, signal, info.code, info.value)
        .map(|()| 0)
}
