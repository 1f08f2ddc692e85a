//! The run loop: what a dispatcher does when it has nothing to resume.

use crate::AsyncEvent;
use crate::dispatcher::{Dispatcher, Page, hooks, own};
use crate::thread::{Saved, Thread};
use crate::threads::now;
use crate::trace::{Class, User, events, is_on, note_thread};
use crate::{asm, fp, groups, migrate, sys, word};
use core::ptr::null_mut;
use core::sync::atomic::Ordering;
use k42_abi::dispatcher::{offset, soft_interrupt};
use k42_abi::message::ASYNC_RING;
use k42_abi::{CommId, Error};

/// Word 0 of a message between dispatchers of one process: look into your inbox. The same number as
/// `k42_api::event::INBOX`.
pub(crate) const INBOX: u64 = 4;

/// Timebase ticks until a call that met a busy server is tried again unasked: about a millisecond.
const RETRY_TICKS: u64 = 500_000;

/// Runs the dispatcher: soft interrupts, inbox, next thread. Disabled, on the upcall stack.
pub(crate) fn run(page: &'static Page) -> ! {
    // SAFETY: disabled, and the reference is used only here, between upcalls.
    let own = unsafe { own(page) };
    page.library[word::CURRENT].store(0, Ordering::Relaxed);
    loop {
        if page.soft_interrupts.load(Ordering::Relaxed) != 0 {
            let pending = page.soft_interrupts.swap(0, Ordering::Acquire);
            handle(page, own, pending);
        }
        own_inbox(page, own);
        if own.give_up {
            own.give_up = false;
            arm(own);
            // SAFETY: nothing runs.
            unsafe { sys::give_up(true) };
        }
        if let Some(cpu) = own.wanted_cpu {
            change_cpu(page, own, cpu);
        }
        if groups::any() {
            // Threads of programs go on by way of this loop.
            page.library[word::DIRECT].store(0, Ordering::Relaxed);
            own.set_barred_aside();
        } else if !own.barred.is_empty() {
            own.let_unbarred_in(page);
        }
        match own.next_ready(page) {
            Some(thread) => {
                migrate::lower_hand(own);
                if !own.ready.is_empty() {
                    migrate::offer(own);
                }
                arm(own);
                if is_on(Class::Scheduling) {
                    note_thread(events::sched::thread_run::<User>, thread);
                }
                // SAFETY: it was ready on this dispatcher, and is in no queue now.
                unsafe { resume(page, own, thread) };
            }
            None => {
                migrate::raise_hand(own);
                arm(own);
                // SAFETY: nothing runs.
                unsafe { sys::give_up(false) };
            }
        }
    }
}

/// Makes ready what other dispatchers have left.
fn own_inbox(page: &Page, own: &mut Dispatcher) {
    let own: *mut Dispatcher = own;
    // SAFETY: the inbox is shared by design; `make_ready` does not touch it. A thread in the inbox was given up by
    // whoever put it there, and is in no queue.
    unsafe { (*own).inbox.take_all(|thread| (*own).adopt(page, thread)) };
}

impl Dispatcher {
    /// Takes in a thread that became ready, from wherever.
    ///
    /// # Safety
    /// As for `make_ready`.
    unsafe fn adopt(&mut self, page: &Page, thread: *mut Thread) {
        // SAFETY: the caller's promise.
        unsafe {
            (*thread).home.store(self.vp, Ordering::Relaxed);
            self.make_ready(page, thread);
        }
    }
}

/// Goes on on another CPU, or as before if that cannot be now. Disabled; nothing runs.
fn change_cpu(page: &Page, own: &mut Dispatcher, cpu: u32) {
    if page.cpu.load(Ordering::Relaxed) == cpu {
        own.wanted_cpu = None;
        return;
    }
    // The kernel takes the timer away.
    let armed = core::mem::replace(&mut own.armed, u64::MAX);
    // SAFETY: nothing runs.
    let error = unsafe { sys::change_cpu(cpu) };
    own.armed = armed;
    if error != Error::EBUSY {
        own.wanted_cpu = None;
    }
}

/// Tells the kernel when to come back. An earlier time that it has already is left: waking early does no harm,
/// and most timeouts are taken back long before.
fn arm(own: &mut Dispatcher) {
    let mut wanted = own.timers.earliest();
    if !own.retry.is_empty() {
        // The kernel tells of one busy server at a time; for the others we ask again after a while.
        wanted = wanted.min(now() + RETRY_TICKS);
    }
    if wanted < own.armed {
        own.armed = wanted;
        sys::set_timer(wanted);
    }
}

/// Handles soft interrupts.
fn handle(page: &'static Page, own: &mut Dispatcher, pending: u64) {
    if pending & soft_interrupt::START != 0 && !own.forking.is_null() {
        crate::fork::start_child(page, own);
    }
    // At the end of a slice, if threads are ready here (the one that was stopped is last in the queue now); and when a
    // reply waits to be let in.
    if pending & (soft_interrupt::PREEMPT | soft_interrupt::REPLY) != 0 {
        own.give_up = true;
    }
    if pending & soft_interrupt::TIMER != 0 {
        own.armed = u64::MAX;
        let now = now();
        while let Some(thread) = own.timers.expire(now) {
            // SAFETY: it waits on this dispatcher; if the mark is ours, nobody else makes it ready.
            unsafe {
                (*thread).timed_out = true;
                if (*thread).mark.unblock() {
                    own.make_ready(page, thread);
                }
            }
        }
    }
    if pending & (soft_interrupt::RETRY | soft_interrupt::TIMER) != 0 {
        while let Some(thread) = own.retry.pop() {
            // SAFETY: it was in our queue.
            unsafe { own.make_ready(page, thread) };
        }
    }
    if pending & soft_interrupt::FAULT_DONE != 0 {
        let mut done = page.faults_done.swap(0, Ordering::Acquire);
        while done != 0 {
            let id = done.trailing_zeros() as usize;
            done &= done - 1;
            let thread = core::mem::replace(&mut own.faults[id], null_mut());
            if thread.is_null() {
                continue;
            }
            // A fault is not a wait that the thread chose: it goes on with what is left of the slice. Behind a thread that
            // computes it would lose a slice for every page.
            // SAFETY: it was parked under the id.
            unsafe {
                match pending & soft_interrupt::PREEMPT {
                    0 => own.make_ready_first(page, thread),
                    _ => own.make_ready(page, thread),
                }
            }
        }
    }
    if pending & soft_interrupt::ASYNC != 0 {
        take_messages(page);
    }
    if pending & soft_interrupt::OVERFLOW != 0 {
        (hooks().event)(AsyncEvent::Overflow);
    }
    if pending & soft_interrupt::CONSOLE != 0 {
        (hooks().event)(AsyncEvent::Console);
    }
}

/// Takes the messages out of the ring.
fn take_messages(page: &Page) {
    let own_process = CommId(page.comm_id.load(Ordering::Relaxed)).process();
    loop {
        let taken = page.async_taken.load(Ordering::Relaxed);
        if taken == page.async_put.load(Ordering::Acquire) {
            return;
        }
        // SAFETY: the kernel does not write this place again before `async_taken` has passed it.
        let message =
            unsafe { (&raw const page.async_ring[taken as usize % ASYNC_RING]).read_volatile() };
        page.async_taken
            .store(taken.wrapping_add(1), Ordering::Release);
        if CommId(message.sender).process() != own_process || message.words[0] != INBOX {
            (hooks().event)(AsyncEvent::Message(message));
        }
    }
}

/// Goes on with `thread`. Comes back only if a soft interrupt was faster; the thread is ready again then.
///
/// # Safety
/// The thread belongs to this dispatcher and is in no queue. Disabled.
pub(crate) unsafe fn resume(page: &Page, own: &mut Dispatcher, thread: *mut Thread) {
    // SAFETY: the thread is ours by the caller's promise.
    unsafe {
        fp::switch_to(page, own, thread);
        page.library[word::CURRENT].store(thread as u64, Ordering::Relaxed);
        match (*thread).saved {
            Saved::OnStack => asm::k42_resume_switched(thread, page, (*thread).value),
            Saved::Replied => asm::k42_resume_replied(thread, page),
            Saved::Again => asm::k42_call_again(thread, page, (*thread).value),
            Saved::Fresh => {
                (*thread).saved = Saved::OnStack;
                asm::k42_start_thread(thread, page, (*thread).stack_top)
            }
            Saved::InFrame => {
                (&raw const page.resume_frame)
                    .cast_mut()
                    .write((*thread).frame);
                sys::resume(offset::RESUME_FRAME, 0);
                page.library[word::CURRENT].store(0, Ordering::Relaxed);
                own.make_ready_first(page, thread);
            }
        }
    }
}
