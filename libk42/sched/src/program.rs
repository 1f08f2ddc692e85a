//! For a library that lives below a program (linux-emu): the program's registers as a whole.
//!
//! A thread of such a process is either in the library, or in the program. In the second case all of its registers are in
//! the [`Thread`] when it does not run; the library may then send it somewhere else, and has the registers to go back to.

use crate::dispatcher::own;
use crate::thread::{Saved, Thread, ThreadRef};
use crate::threads::{current_mut, enable};
use core::sync::atomic::{AtomicU64, Ordering};
use k42_abi::dispatcher::RegisterFrame;

/// Offset of the word that the thread's maker has left (see [`Thread::extension`]), for assembly.
pub const EXTENSION: usize = core::mem::offset_of!(Thread, extension);

/// Goes on as the running thread with the registers of `frame`; comes back only if `attention` is not zero: it is
/// looked at when nothing can come in between any more.
///
/// # Safety
/// The stack on which this runs is not needed any longer when the thread comes into the library again.
pub unsafe fn go_on_with(frame: &RegisterFrame, attention: &AtomicU64) {
    let page = crate::asm::k42_disable();
    // SAFETY: disabled; the thread runs here, so it is in no queue. `resume` comes back if soft interrupts are pending: then
    // the thread is ready, with its registers, and the RUN entry has a stack of its own.
    unsafe {
        let page = &*page;
        if attention.load(Ordering::Acquire) != 0 {
            enable(page);
            return;
        }
        let thread = current_mut();
        (*thread).frame = *frame;
        (*thread).saved = Saved::InFrame;
        crate::run::resume(page, own(page), thread);
        core::arch::asm!("b k42_entry_run", options(noreturn));
    }
}

/// The registers of a thread that was interrupted, to be changed: it goes on with what is left there. `None` if the thread
/// runs, or is in the library by its own will.
///
/// # Safety
/// In an event hook (disabled, on the upcall stack); the thread belongs to this dispatcher; the reference is not kept.
pub unsafe fn interrupted_frame<'a>(thread: ThreadRef) -> Option<&'a mut RegisterFrame> {
    let thread = thread.0.as_ptr();
    // SAFETY: the caller's promise.
    unsafe {
        let here = own(crate::dispatcher::page()).vp == (*thread).home.load(Ordering::Relaxed);
        (here && (*thread).saved == Saved::InFrame).then(|| &mut (*thread).frame)
    }
}

/// Runs `what` disabled, so that it may look at the frames of this dispatcher's other threads as an event hook does.
pub fn in_upcall_state(what: impl FnOnce()) {
    let page = crate::asm::k42_disable();
    what();
    // SAFETY: disabled above, in a thread.
    unsafe { enable(&*page) };
}
