//! The way out of the library through pending signals, and the way in of signals.
//!
//! Signals are delivered at the boundary of a system call, or where the program was interrupted: in both
//! cases all of the program's registers are in the thread's frame, no library code is half done, and no
//! frame on the program's stack ever shows an address inside the library.

use super::frame::{self, AltStack, CALLER_FRAME, Contents, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK};
use super::set::number::{SIGCONT, SIGKILL, SIGSEGV};
use super::state::{Action, Verdict, flag, handler_mask};
use super::{Info, SignalSet, code};
use crate::error::{self, RESTART, RESTART_ALWAYS, RESTART_BLOCK};
use crate::event::{self, Source};
use crate::port;
use crate::process::{PROCESS, SERVER};
use crate::thread::{self, Thread};
use crate::user::{self, User};
use core::sync::atomic::Ordering;
use k42_abi::dispatcher::RegisterFrame;
use k42_abi::{Error, layout};
use k42_api::process::SignalInfo;
use k42_sched::trace::{self, events};

/// CR0's summary overflow bit: the result is an error number.
const CR0_SO: u64 = 0x1000_0000;
/// Number of restart_syscall(2).
const RESTART_SYSCALL: u64 = 0;
/// Where a handler returns to: the first instruction of the vDSO page is the trampoline.
pub const TRAMPOLINE: u64 = layout::VDSO + crate::vdso::SIGTRAMP;

/// How a system call, or an interruption, ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// A value.
    Value(u64),
    /// An error, or one of the restart codes.
    Failed(Error),
    /// The frame is complete already: nothing to put into it.
    Frame,
}

/// The process server has a signal for us. Runs in an upcall: atomics only.
pub fn arrived() {
    PROCESS.fetch_signals.store(true, Ordering::Release);
    for thread in thread::living() {
        thread.call_attention();
        thread.wake();
        port::disturb_in_upcall(thread);
    }
}

/// A signal for one thread of this process.
pub fn to_thread(thread: &Thread, info: Info) {
    // A full queue loses the signal, as Linux's does.
    let _ = thread.pending.lock().push(info);
    thread.call_attention();
    thread.wake();
    port::disturb(thread.forever());
    wake_readers();
}

/// A signal for the process, from itself.
pub fn to_process(info: Info) {
    let dropped = {
        let mut signals = PROCESS.signals.lock();
        if signals.ignores(info.signal) && !thread::living().any(|t| t.blocked().has(info.signal)) {
            true
        } else {
            let _ = signals.shared.push(info);
            false
        }
    };
    if !dropped {
        for thread in thread::living().filter(|t| t.takes(info.signal)) {
            thread.call_attention();
            thread.wake();
            port::disturb(thread);
        }
        wake_readers();
    }
}

fn from_wire(info: &SignalInfo) -> Info {
    Info {
        signal: info.signal,
        code: info.code,
        errno: info.errno,
        pid: info.pid,
        uid: info.uid,
        value: info.value,
        ..Info::default()
    }
}

/// Takes over all signals that wait at the process server.
pub fn fetch() {
    if !PROCESS.fetch_signals.swap(false, Ordering::AcqRel) {
        return;
    }
    if PROCESS.place_changed.swap(false, Ordering::AcqRel) {
        crate::sys::affinity::follow();
    }
    while let Ok(wire) = SERVER.fetch_signal(u64::MAX) {
        if wire.signal == 0 {
            return;
        }
        let info = from_wire(&wire);
        if info.signal == SIGCONT {
            // Going on takes back stops that have not happened yet.
            PROCESS.signals.lock().shared.drop_set(SignalSet::STOPPING);
        }
        match thread::by_tid(wire.thread) {
            Some(thread) if wire.thread != 0 => to_thread(thread, info),
            _ => to_process(info),
        }
    }
}

/// The next signal that `thread` can take.
fn next(thread: &Thread) -> Option<Info> {
    if let Some(fault) = thread.fault.take() {
        return Some(fault);
    }
    let wanted = SignalSet(u64::MAX).without(thread.blocked());
    let own = thread.pending.lock().take(wanted);
    own.or_else(|| PROCESS.signals.lock().shared.take(wanted))
}

/// Takes a signal that is in `wanted`, blocked or not.
pub fn take(thread: &Thread, wanted: SignalSet) -> Option<Info> {
    fetch();
    let own = thread.pending.lock().take(wanted);
    own.or_else(|| PROCESS.signals.lock().shared.take(wanted))
}

/// Looks at what has called for the attention of a thread that waits: whether it has to leave its call for it. Messages
/// about signals that are blocked, or are another thread's, are no reason.
pub fn must_leave(thread: &Thread) -> bool {
    if !thread.has_attention() {
        return false;
    }
    // What comes after this look calls anew.
    thread.entry.attention.store(0, Ordering::Release);
    let mut leaves = PROCESS.ending.load(Ordering::Acquire) != 0
        || thread.leaving.load(Ordering::Acquire)
        || thread.fault.get().is_some();
    if !leaves && !is_borrowed() {
        fetch();
        let own = thread.pending.lock().set();
        let all = own.with(PROCESS.signals.lock().shared.set());
        leaves = !all.without(thread.blocked()).is_empty();
    }
    if leaves {
        thread.call_attention();
    }
    leaves
}

/// Whether a child runs in the process; its parent's signals are left alone meanwhile.
fn is_borrowed() -> bool {
    PROCESS.special.load(Ordering::Relaxed) && crate::vfork::is_borrowed()
}

/// Wakes those who may wait for signals by a file.
fn wake_readers() {
    if PROCESS.signal_files.load(Ordering::Acquire) {
        event::wake(|source| source == Source::Any);
    }
}

/// Signals that wait for `thread`, blocked ones included.
pub fn pending(thread: &Thread) -> SignalSet {
    fetch();
    let own = thread.pending.lock().set();
    own.with(PROCESS.signals.lock().shared.set())
}

/// Puts the outcome of a call into the frame. `handler`: one will run; `None`: none does.
fn settle(thread: &Thread, frame: &mut RegisterFrame, outcome: Outcome, handler: Option<&Action>) {
    let failed = match outcome {
        Outcome::Frame => return,
        Outcome::Value(value) => {
            frame.gpr[3] = value;
            frame.cr &= !CR0_SO;
            return;
        }
        Outcome::Failed(error) => error,
    };
    if error::is_restart(failed) {
        let again = match handler {
            None => true,
            Some(action) => {
                failed == RESTART_ALWAYS
                    || failed == RESTART && action.flags & flag::SA_RESTART != 0
            }
        };
        if again {
            frame.nip -= 4;
            for (register, argument) in frame.gpr[3..9].iter_mut().zip(&thread.entry.arguments) {
                *register = argument.load(Ordering::Relaxed);
            }
            let number = thread.entry.number.load(Ordering::Relaxed);
            frame.gpr[0] = if failed == RESTART_BLOCK {
                RESTART_SYSCALL
            } else {
                number
            };
            return;
        }
    }
    frame.gpr[3] = u64::from(error::to_linux(failed));
    frame.cr |= CR0_SO;
}

/// Delivers what can be delivered, then leaves `frame` as the program is to go on with.
pub fn settle_and_deliver(thread: &Thread, frame: &mut RegisterFrame, outcome: Outcome) {
    let mut outcome = outcome;
    let mut handled = false;
    loop {
        thread.entry.attention.store(0, Ordering::Release);
        if PROCESS.ending.load(Ordering::Acquire) != 0 || thread.leaving.load(Ordering::Acquire) {
            crate::sys::process::end_thread(thread);
        }
        let borrowed = is_borrowed();
        if !borrowed {
            fetch();
        }
        // A child that borrows the process leaves its parent's signals alone, but not its own faults.
        let info = if borrowed {
            thread.fault.take()
        } else {
            next(thread)
        };
        let Some(info) = info else { break };
        let verdict = PROCESS.signals.lock().judge(&info, thread.blocked());
        match verdict {
            Verdict::Ignore => {}
            // No core is ever written, so the status does not claim one.
            Verdict::Terminate { .. } => match crate::vfork::make_real(thread, 0) {
                Ok(()) => crate::sys::process::end_process(info.signal),
                // Here the parent of the one that ends goes on.
                Err(_) => outcome = crate::vfork::resumed(thread, frame),
            },
            Verdict::Stop => {
                let _ = SERVER.stop_self(info.signal);
            }
            Verdict::Handle(action) => {
                settle(thread, frame, outcome, Some(&action));
                outcome = Outcome::Frame;
                handled = true;
                if push(thread, frame, &info, &action).is_err() {
                    // The stack is gone: SIGSEGV, which cannot be handled on it either.
                    if info.signal == SIGSEGV {
                        crate::sys::process::end_process(SIGSEGV);
                    }
                    let fault = Info {
                        signal: SIGSEGV,
                        code: code::SI_KERNEL,
                        forced: true,
                        ..Info::default()
                    };
                    thread.fault.set(Some(fault));
                }
            }
        }
    }
    settle(thread, frame, outcome, None);
    if !handled && let Some(mask) = thread.saved_mask.take() {
        set_blocked(thread, mask);
    }
}

/// Changes the thread's mask; what becomes deliverable is looked at on the way out.
pub fn set_blocked(thread: &Thread, mask: SignalSet) {
    let mask = mask.without(SignalSet::UNBLOCKABLE);
    let old = SignalSet(thread.blocked.swap(mask.0, Ordering::Relaxed));
    if !old.without(mask).is_empty() {
        let waiting = thread
            .pending
            .lock()
            .set()
            .with(PROCESS.signals.lock().shared.set());
        if !waiting.without(mask).is_empty() {
            thread.call_attention();
        }
    }
}

/// The alternate stack as sigaltstack(2) tells it, for a program whose stack pointer is `sp`.
pub fn alt_stack_now(thread: &Thread, sp: u64) -> AltStack {
    let stack = thread.alt_stack.get();
    let on = if stack.flags & SS_DISABLE != 0 {
        SS_DISABLE
    } else if stack.flags & SS_AUTODISARM == 0 && stack.holds(sp) {
        SS_ONSTACK
    } else {
        0
    };
    AltStack {
        flags: on | stack.flags & SS_AUTODISARM,
        ..stack
    }
}

/// Makes the program run the handler of `action` next.
fn push(
    thread: &Thread,
    registers: &mut RegisterFrame,
    info: &Info,
    action: &Action,
) -> Result<(), Error> {
    let sp = registers.gpr[1];
    let stack = thread.alt_stack.get();
    let usable = action.flags & flag::SA_ONSTACK != 0 && stack.flags & SS_DISABLE == 0;
    let top = if usable && (stack.flags & SS_AUTODISARM != 0 || !stack.holds(sp)) {
        stack.base + stack.size
    } else {
        sp
    };
    let base = frame::place(top);
    let new_sp = base.wrapping_sub(CALLER_FRAME);
    let mask = thread.saved_mask.get().unwrap_or(thread.blocked());
    let mut bulk = thread.scratch.bulk.borrow_mut();
    let bytes: &mut frame::FrameBytes = (&mut bulk[..frame::at::END])
        .try_into()
        .map_err(|_| Error::EFAULT)?;
    port::with_vectors(|vectors| {
        let contents = Contents {
            registers,
            vectors,
            original_r3: thread.entry.arguments[0].load(Ordering::Relaxed),
            mask,
            stack: alt_stack_now(thread, sp),
            info,
            handler: action.handler,
        };
        frame::compose(bytes, base, &contents);
    });
    user::copy_out(User(base), bytes)?;
    user::put_u64(User(new_sp), sp)?;
    thread.saved_mask.set(None);
    if usable && stack.flags & SS_AUTODISARM != 0 {
        thread.alt_stack.set(AltStack::NONE);
    }
    port::begin_fp_status();
    events::linux::deliver::<trace::User>(
        thread.tid() as u64,
        u64::from(info.signal),
        action.handler,
    );
    set_blocked(thread, handler_mask(thread.blocked(), action, info.signal));
    registers.gpr[1] = new_sp;
    registers.gpr[3] = u64::from(info.signal);
    if action.flags & flag::SA_SIGINFO != 0 {
        registers.gpr[4] = base + frame::at::INFO as u64;
        registers.gpr[5] = base;
    } else {
        registers.gpr[4] = base + frame::at::MCONTEXT as u64;
    }
    registers.gpr[6] = base;
    registers.gpr[12] = action.handler;
    registers.nip = action.handler & !3;
    registers.lr = TRAMPOLINE;
    Ok(())
}

/// rt_sigreturn(2): takes the registers back from the frame at the program's r1.
pub fn pop(thread: &Thread, registers: &mut RegisterFrame) -> Result<(), Error> {
    let base = registers.gpr[1];
    let mut bulk = thread.scratch.bulk.borrow_mut();
    let bytes: &mut [u8; frame::at::UCONTEXT_END] = (&mut bulk[..frame::at::UCONTEXT_END])
        .try_into()
        .map_err(|_| Error::EFAULT)?;
    user::copy_in(User(base), bytes)?;
    let restored = port::with_vectors(|vectors| {
        let restored = frame::restore(bytes, base, registers, vectors);
        port::load_vectors(vectors);
        restored
    });
    // Errors about the stack are ignored, as Linux does.
    if restored.stack.flags & SS_ONSTACK == 0 || restored.stack.flags & SS_AUTODISARM != 0 {
        let flags = restored.stack.flags & (SS_DISABLE | SS_AUTODISARM);
        thread.alt_stack.set(AltStack {
            flags,
            ..restored.stack
        });
    }
    set_blocked(thread, restored.mask);
    thread.restart.set(thread::Restart::None);
    Ok(())
}

/// Sends SIGKILL's effect to the process itself: nothing else is left to try.
pub fn kill_self() -> ! {
    crate::sys::process::end_process(SIGKILL)
}
