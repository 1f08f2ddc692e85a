//! vfork(2), and clone(2) with CLONE_VM and CLONE_VFORK: a child that runs in its parent's memory until it execs or ends.
//!
//! The child is not made at once. The library puts the parent's view of the process aside (registers, descriptors, signal
//! actions) and lets the same thread run on as the child, with copies, in the same memory. Calls that concern only this
//! view are made on the copies. Any other call, a successful exec and the end first make the real child, by a fork: there the
//! call goes on, while here the parent gets its view back and returns from vfork with the child's pid. So what the child
//! wrote to memory before is seen by the parent, an exec that fails is seen by the child, and the cost is one fork; before an
//! exec one that copies the library's memory only.
//!
//! Only in a process with one thread: with more, vfork is a fork.

use crate::error::RESUMED;
use crate::fd::FdTable;
use crate::file::FileRef;
use crate::port::{self, FpState};
use crate::process::{Directories, PROCESS};
use crate::signal::SignalState;
use crate::signal::deliver::Outcome;
use crate::signal::frame::AltStack;
use crate::thread::{self, Thread};
use alloc::boxed::Box;
use core::sync::atomic::Ordering;
use k42_abi::dispatcher::RegisterFrame;
use k42_abi::{Error, Result};

/// A parent's view of the process, while its child borrows thread and memory.
pub struct Suspended {
    frame: RegisterFrame,
    vectors: FpState,
    files: FdTable<FileRef>,
    directories: Directories,
    signals: SignalState,
    umask: u32,
    blocked: u64,
    alt_stack: AltStack,
    clear_tid: u64,
    /// What vfork returns; known when the parent goes on.
    outcome: Outcome,
}

/// Whether a child borrows this process.
pub fn is_borrowed() -> bool {
    PROCESS.suspended.lock().is_some()
}

/// Tells the dispatcher of calls whether there is anything special about them.
pub fn update_special() {
    let special = PROCESS.trace.load(Ordering::Relaxed) || is_borrowed();
    PROCESS.special.store(special, Ordering::Relaxed);
}

/// Puts the parent's view aside: from here on the thread is the child. Whether that was possible; if not, a fork is
/// called for. All registers are in the thread's frame.
pub fn begin(thread: &Thread) -> Result<bool> {
    if thread::living().count() != 1 || is_borrowed() {
        return Ok(false);
    }
    let files = PROCESS.files.lock().try_clone()?;
    let (current, root) = {
        let directories = PROCESS.directories.lock();
        (directories.current.clone(), directories.root.clone())
    };
    let suspended = Suspended {
        // SAFETY: the thread's own frame, in a call with all registers.
        frame: unsafe { *thread.frame.get() },
        vectors: port::with_vectors(|vectors| *vectors),
        files,
        directories: Directories { current, root },
        signals: PROCESS.signals.lock().clone(),
        umask: PROCESS.umask.load(Ordering::Relaxed),
        blocked: thread.blocked.load(Ordering::Relaxed),
        alt_stack: thread.alt_stack.get(),
        clear_tid: thread.clear_tid.get(),
        outcome: Outcome::Value(0),
    };
    let suspended = Box::try_new(suspended).map_err(|_| Error::ENOMEM)?;
    *PROCESS.suspended.lock() = Some(suspended);
    update_special();
    Ok(true)
}

/// Makes the real child, if there is a borrowing one. In the child: `Ok`, and it goes on. In the parent, whose view is back
/// then: [`RESUMED`], to be handed up to the way out of the library, which calls [`resumed`].
/// `flags`: those of the fork, see `k42_api::process::fork_flag`.
pub fn make_real(thread: &Thread, flags: u32) -> Result<()> {
    if !is_borrowed() {
        return Ok(());
    }
    let answer = crate::sys::process::make_child(thread, flags);
    let suspended = PROCESS.suspended.lock().take();
    update_special();
    let Some(mut suspended) = suspended else {
        return Ok(());
    };
    if answer == Ok(0) {
        // The parent's view goes; what only it had open is closed here, in the child's own table of handles.
        drop(suspended);
        return Ok(());
    }
    suspended.outcome = match answer {
        Ok(pid) => Outcome::Value(pid),
        Err(error) => Outcome::Failed(error),
    };
    core::mem::swap(&mut *PROCESS.files.lock(), &mut suspended.files);
    {
        let mut directories = PROCESS.directories.lock();
        core::mem::swap(&mut *directories, &mut suspended.directories);
        PROCESS.elsewhere.forget();
    }
    core::mem::swap(&mut *PROCESS.signals.lock(), &mut suspended.signals);
    PROCESS.umask.store(suspended.umask, Ordering::Relaxed);
    thread.blocked.store(suspended.blocked, Ordering::Relaxed);
    thread.alt_stack.set(suspended.alt_stack);
    thread.clear_tid.set(suspended.clear_tid);
    thread.saved_mask.set(None);
    // Signals were left where they were meanwhile.
    PROCESS.fetch_signals.store(true, Ordering::Release);
    thread.call_attention();
    *thread.resumed.borrow_mut() = Some(suspended);
    Err(RESUMED)
}

/// On the way out after [`RESUMED`]: the parent's registers, and what vfork returns.
pub fn resumed(thread: &Thread, frame: &mut RegisterFrame) -> Outcome {
    let Some(suspended) = thread.resumed.borrow_mut().take() else {
        return Outcome::Failed(Error::EAGAIN);
    };
    *frame = suspended.frame;
    port::load_vectors(&suspended.vectors);
    suspended.outcome
}

/// Calls that concern only the view that was put aside, or memory; by number.
pub fn is_local(number: u64) -> bool {
    matches!(
        number,
        3 | 4
            | 5
            | 6
            | 8
            | 11
            | 12
            | 13
            | 19
            | 24
            | 33
            | 41
            | 45
            | 47
            | 49
            | 50
            | 55
            | 60
            | 63
            | 78
            | 85
            | 90
            | 91
            | 106
            | 107
            | 108
            | 125
            | 133
            | 140
            | 145
            | 146
            | 163
            | 173
            | 174
            | 179
            | 180
            | 182
            | 185
            | 205
            | 246
            | 247
            | 286
            | 291
            | 296
            | 298
            | 300
            | 316
            | 359
            | 362
            | 383
            | 436
            | 439
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::find;

    #[test]
    fn only_calls_of_the_view_are_local() {
        let names: Vec<_> = (0..472)
            .filter(|&n| is_local(n))
            .map(|n| find(n).expect("known").name())
            .collect();
        for name in [
            "execve",
            "close",
            "dup2",
            "openat",
            "rt_sigaction",
            "rt_sigprocmask",
            "fcntl",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        for name in [
            "exit_group",
            "exit",
            "fork",
            "kill",
            "setsid",
            "setpgid",
            "wait4",
            "getpid",
            "setuid",
            "ioctl",
            "clone",
        ] {
            assert!(!names.contains(&name), "{name}");
        }
    }

    #[test]
    fn without_a_child_there_is_nothing_to_make() {
        let thread = Thread::new(8000).unwrap();
        assert_eq!(make_real(thread, 0), Ok(()));
        thread.give_up();
    }
}
