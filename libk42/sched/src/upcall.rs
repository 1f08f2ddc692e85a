//! What the entry points call: on the upcall stack, disabled.

use crate::asm::{self, k42_atomic_end, k42_atomic_start};
use crate::dispatcher::{Page, hooks, own, set_saved};
use crate::run::run;
use crate::thread::{Saved, Thread};
use crate::{slots, word};
use core::sync::atomic::Ordering;
use k42_abi::Error;
use k42_abi::dispatcher::{RegisterFrame, offset, soft_interrupt};

/// The thread that runs, or ran when the upcall came.
fn interrupted(page: &Page) -> *mut Thread {
    page.library[word::CURRENT].load(Ordering::Relaxed) as *mut Thread
}

/// A thread has given up the CPU; its registers are on its stack.
#[unsafe(no_mangle)]
extern "C" fn k42_upcall_switched(page: &'static Page) -> ! {
    set_saved(interrupted(page), Saved::OnStack);
    run(page)
}

/// A thread lets others run and stays ready; its registers are on its stack.
#[unsafe(no_mangle)]
extern "C" fn k42_upcall_reschedule(page: &'static Page) -> ! {
    let thread = interrupted(page);
    set_saved(thread, Saved::OnStack);
    // SAFETY: disabled; the thread ran here, so it is in no queue.
    unsafe { own(page).make_ready(page, thread) };
    run(page)
}

#[unsafe(no_mangle)]
extern "C" fn k42_upcall_run(page: &'static Page) -> ! {
    run(page)
}

/// Puts the registers of the interrupted thread away.
fn put_away(page: &Page) -> *mut Thread {
    let thread = interrupted(page);
    // SAFETY: while enabled some thread runs, so there is one; disabled, so it is ours.
    unsafe {
        (*thread).frame = page.interrupt_frame;
        roll_back(&mut (*thread).frame);
        (*thread).saved = Saved::InFrame;
    }
    thread
}

/// A thread stopped inside a "get dispatcher" sequence begins it anew.
fn roll_back(frame: &mut RegisterFrame) {
    let (start, end) = (
        &raw const k42_atomic_start as u64,
        &raw const k42_atomic_end as u64,
    );
    if (start..end).contains(&frame.nip) {
        frame.nip &= !31;
    }
}

#[unsafe(no_mangle)]
extern "C" fn k42_upcall_interrupt(page: &'static Page) -> ! {
    let thread = put_away(page);
    // Only the end of its slice sends the thread behind the others.
    let slice_over = page.soft_interrupts.load(Ordering::Relaxed) & soft_interrupt::PREEMPT != 0;
    // SAFETY: disabled; it ran, so it is in no queue.
    unsafe {
        let own = own(page);
        if slice_over && (*thread).unpreempted == 0 {
            own.make_ready(page, thread)
        } else {
            own.make_ready_first(page, thread)
        }
    }
    run(page)
}

#[unsafe(no_mangle)]
extern "C" fn k42_upcall_page_fault(page: &'static Page, id: u64) -> ! {
    let thread = put_away(page);
    // SAFETY: disabled.
    let own = unsafe { own(page) };
    match own.faults.get_mut(id as usize) {
        Some(place) if place.is_null() => *place = thread,
        // An id that we do not know, or one in use: try the access again.
        // SAFETY: as in `k42_upcall_interrupt`.
        _ => unsafe { own.make_ready(page, thread) },
    }
    run(page)
}

/// A thread wants to make a call and has no slot for it; its arguments are in its switch frame.
#[unsafe(no_mangle)]
extern "C" fn k42_upcall_no_slot(page: &'static Page) -> ! {
    let thread = interrupted(page);
    // SAFETY: disabled; the thread ran here, so it is in no queue.
    unsafe {
        call_again(thread, asm::k42_call_registers);
        own(page).slot_waiters.push(thread);
    }
    run(page)
}

/// Has `thread`, which has the arguments of a call in its frame, make it again when it goes on.
///
/// # Safety
/// Disabled; it does not run, and is this dispatcher's.
unsafe fn call_again(thread: *mut Thread, entry: unsafe extern "C" fn()) {
    // SAFETY: the caller's promise.
    unsafe { (*thread).value = entry as *const () as u64 };
    set_saved(thread, Saved::Again);
}

/// A call came to nothing.
#[unsafe(no_mangle)]
extern "C" fn k42_upcall_call_failed(page: &'static Page, slot: u64, status: u64) -> ! {
    let (thread, tags) = slots::waiting(page, slot as usize);
    if thread.is_null() {
        run(page)
    }
    // SAFETY: disabled; the thread waits for this call and is in no queue.
    unsafe {
        let own = own(page);
        if status as i64 == Error::BUSY.status() {
            match tags {
                slots::KEEPS => call_again(thread, asm::k42_call_kept),
                slots::PAYLOAD => {
                    // The payload stays in its slot.
                    (*thread).pinned += 1;
                    call_again(thread, asm::k42_call_last)
                }
                _ => {
                    own.give_slot(page, slot as u8);
                    call_again(thread, asm::k42_call_registers)
                }
            }
            own.retry.push(thread);
        } else {
            if tags != slots::KEEPS {
                own.give_slot(page, slot as u8);
            }
            (*thread).value = status;
            set_saved(thread, Saved::OnStack);
            own.make_ready_first(page, thread);
        }
    }
    run(page)
}

/// Goes on with a thread that has its reply in its switch frame, if nothing forbids it; before that, gives back `slot` (-1:
/// none), for which others may be waiting.
#[unsafe(no_mangle)]
extern "C" fn k42_upcall_replied(thread: *mut Thread, page: &'static Page, slot: i64) -> ! {
    set_saved(thread, Saved::Replied);
    // SAFETY: disabled; the thread was waiting for its reply, and is in no queue.
    unsafe {
        let own = own(page);
        if let Ok(slot) = u8::try_from(slot) {
            own.give_slot(page, slot);
        }
        if crate::groups::any() {
            own.make_ready_first(page, thread);
        } else {
            crate::run::resume(page, own, thread);
        }
    }
    run(page)
}

/// A worker has used more stack than it has.
#[unsafe(no_mangle)]
extern "C" fn k42_stack_overflowed() -> ! {
    crate::sys::log(b"a worker's stack has overflowed\n");
    crate::fatal::end()
}

/// A trap, as the program's hook sees it.
pub struct Trap<'a> {
    /// Registers; what is changed here holds when the computation goes on.
    pub frame: &'a mut RegisterFrame,
    /// Why the memory server refused a page (EFAULT, EACCES, EIO, ...), negative; zero for other traps.
    pub status: i64,
    /// Whether it came from disabled code.
    pub was_disabled: bool,
    /// The thread that ran.
    pub thread: Option<crate::ThreadRef>,
}

/// What is to happen after a trap.
#[derive(Clone, Copy)]
pub enum TrapAction {
    /// Go on with the frame.
    Resume,
    /// Go on, enabled, in library code: `entry(argument)` as the thread that trapped, on the stack
    /// given. The frame is lost if the hook did not copy it. Not for traps from disabled code.
    Run {
        /// Initial stack pointer: 16-byte aligned, with 32 bytes above it that may be written.
        stack: u64,
        /// What to run. It does not return.
        entry: extern "C" fn(u64) -> !,
        /// Its argument.
        argument: u64,
    },
    /// Say what happened, and end the process.
    Die,
}

#[unsafe(no_mangle)]
extern "C" fn k42_upcall_trap(page: &'static Page, status: i64) -> ! {
    let was_disabled = page.trap_was_disabled.load(Ordering::Relaxed);
    let thread = core::ptr::NonNull::new(interrupted(page)).map(crate::ThreadRef);
    // SAFETY: disabled, and one trap at a time (a trap in here ends the process).
    let frame = unsafe { &mut *(&raw const page.trap_frame).cast_mut() };
    if crate::usercopy::fix_up(frame) {
        go_on(page, frame, was_disabled);
    }
    let mut trap = Trap {
        frame,
        status,
        was_disabled: was_disabled != 0,
        thread,
    };
    match (hooks().trap)(&mut trap) {
        TrapAction::Resume => go_on(page, trap.frame, was_disabled),
        TrapAction::Run {
            stack,
            entry,
            argument,
        } if was_disabled == 0 && thread.is_some() => {
            // SAFETY: the hook says that the stack is good; the thread is the one that runs.
            unsafe {
                let thread = interrupted(page);
                (*thread).start = Some(core::mem::transmute::<
                    extern "C" fn(u64) -> !,
                    extern "C" fn(u64),
                >(entry));
                (*thread).argument = argument;
                crate::threads::start_on(thread, page, stack)
            }
        }
        _ => crate::fatal::die(trap.frame, was_disabled != 0),
    }
}

/// Goes on after a trap.
fn go_on(page: &'static Page, frame: &mut RegisterFrame, was_disabled: u64) -> ! {
    roll_back_if_enabled(frame, was_disabled);
    // SAFETY: the frame is the computation that trapped. It comes back only if soft interrupts are
    // pending and it was enabled: then it is an interrupted thread.
    unsafe {
        crate::sys::resume(offset::TRAP_FRAME, was_disabled);
        let thread = interrupted(page);
        (*thread).frame = page.trap_frame;
        (*thread).saved = Saved::InFrame;
        own(page).make_ready_first(page, thread);
    }
    run(page)
}

fn roll_back_if_enabled(frame: &mut RegisterFrame, was_disabled: u64) {
    if was_disabled == 0 {
        roll_back(frame);
    }
}
