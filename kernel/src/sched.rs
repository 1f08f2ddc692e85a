//! Who runs next on each CPU: strict classes, and within a class by weighted time.
//!
//! A dispatcher is *ready* when it is in its CPU's queue, *in the chain* when it runs or has lent the CPU to
//! a server by a call that is not back yet, and otherwise it has nothing to do (or waits). Any
//! event other than call and return breaks the chain: all in it that have something to do go to the queue, and the
//! answers of the others will find them by way of the queue.

use core::sync::atomic::Ordering;

use k42_abi::dispatcher::{Entry, RegisterFrame, soft_interrupt};
use k42_abi::message::CallWord;
use k42_abi::rights::{WEIGHT_DEFAULT, class};
use k42_abi::{Error, Result};

use crate::arch::{self, msr};
use crate::dispatcher::{Dispatcher, Life, Timer};
use crate::heap::{Entry as _, Heap};
use crate::percpu::PerCpu;
use crate::record::Outgoing;
use crate::trace::{Kernel, events};
use crate::{ipc, remote, start, trace, trap};
use k42_trace::{Class, Target};

/// Length of a time slice, microseconds.
pub const SLICE_US: u64 = 10_000;
/// How long a server may go on with a call after the end of the caller's slice, microseconds.
const GRACE_US: u64 = 50;

/// The queues of one CPU.
pub struct Queues {
    ready: Heap<'static, &'static Dispatcher>,
    timers: Heap<'static, Timer>,
    floor: [u64; class::COUNT],
}

impl Queues {
    /// Queues without storage.
    pub const EMPTY: Self = Self {
        ready: Heap::new(&mut []),
        timers: Heap::new(&mut []),
        floor: [0; class::COUNT],
    };
}

/// Most dispatchers that can be ready, or have timers, on one CPU.
const CAPACITY: usize = crate::process::MAX_PROCESSES;

/// Gives this CPU's queues their storage.
pub fn initialise(cpu: &PerCpu) -> Result<()> {
    let ready = crate::pool::slice(CAPACITY, || None)?;
    let timers = crate::pool::slice(CAPACITY, || None)?;
    cpu.with_queues(|queues| {
        queues.ready = Heap::new(ready);
        queues.timers = Heap::new(timers);
    });
    cpu.make_callees()
}

/// Microseconds as timebase ticks.
pub fn ticks(us: u64) -> u64 {
    us * start::timebase_hz() / 1_000_000
}

/// Puts a dispatcher of this CPU into the queue, if it has something to do and is not there already.
#[inline(never)]
pub fn make_ready(cpu: &PerCpu, who: &'static Dispatcher) {
    debug_assert!(who.cpu() == cpu.index.get());
    let able = who.life.get() == Life::Alive && !who.frozen.load(Ordering::Relaxed);
    if !able || who.in_chain.get() || !who.is_runnable() {
        return;
    }
    cpu.with_queues(|queues| {
        if who.position().get() != crate::heap::ABSENT {
            return;
        }
        let wanted = who.wanted_priority.swap(0, Ordering::Relaxed);
        if wanted != 0 {
            who.class.set(wanted & 0xffff_ffff);
            who.weight.set(wanted >> 32);
        }
        let floor = queues.floor[who.class.get() as usize % class::COUNT];
        who.virtual_time.set(who.virtual_time.get().max(floor));
        if Kernel::mask() & Class::Scheduling.bit() != 0 {
            note_ready(who);
        }
        // There is room for every dispatcher that can exist; see CAPACITY.
        queues.ready.insert(who);
    });
}

/// Posts soft interrupts to a dispatcher of any CPU.
pub fn post(cpu: &PerCpu, who: &'static Dispatcher, bits: u64) {
    if Kernel::mask() & Class::Scheduling.bit() != 0 {
        note_soft_interrupt(who, bits);
    }
    let before = who.page().soft_interrupts.fetch_or(bits, Ordering::AcqRel);
    if before & bits == bits && before != 0 && who.position().get() != crate::heap::ABSENT {
        return;
    }
    if who.cpu() == cpu.index.get() {
        make_ready(cpu, who);
    } else {
        remote::wake(who);
    }
}

#[cold]
fn note_ready(who: &Dispatcher) {
    let id = who.comm_id();
    events::sched::ready::<Kernel>(u64::from(id.process().0), u64::from(id.vp()));
}

#[cold]
fn note_soft_interrupt(who: &Dispatcher, bits: u64) {
    let id = who.comm_id();
    let (process, vp) = (u64::from(id.process().0), u64::from(id.vp()));
    events::sched::soft_interrupt::<Kernel>(process, vp, bits);
}

/// Takes a dispatcher of this CPU out of queue and timers.
pub fn withdraw(cpu: &PerCpu, who: &'static Dispatcher) {
    cpu.with_queues(|queues| {
        queues.ready.remove(who);
        queues.timers.remove(Timer(who));
    });
}

/// Sets the timer of the current dispatcher.
pub fn set_timer(cpu: &PerCpu, who: &'static Dispatcher, deadline: u64) {
    cpu.with_queues(|queues| {
        queues.timers.remove(Timer(who));
        who.deadline.set(deadline);
        if deadline != u64::MAX {
            queues.timers.insert(Timer(who));
        }
    });
    program_decrementer(cpu);
}

/// The earliest deadline of all timers.
#[inline(always)]
fn first_deadline(cpu: &PerCpu) -> u64 {
    cpu.with_queues(|queues| queues.timers.first().map_or(u64::MAX, |timer| timer.key()))
}

/// Posts TIMER to all whose time has come.
#[inline(always)]
fn expire_timers(cpu: &PerCpu, now: u64) {
    if first_deadline(cpu) <= now {
        expire_due(cpu, now);
    }
}

#[cold]
#[inline(never)]
fn expire_due(cpu: &PerCpu, now: u64) {
    while first_deadline(cpu) <= now {
        let due = cpu.with_queues(|queues| queues.timers.pop());
        let Some(Timer(who)) = due else { return };
        who.deadline.set(u64::MAX);
        post(cpu, who, soft_interrupt::TIMER);
    }
}

fn program_decrementer(cpu: &PerCpu) {
    program_decrementer_at(cpu, arch::timebase());
}

#[inline(always)]
fn program_decrementer_at(cpu: &PerCpu, now: u64) {
    let deadline = first_deadline(cpu)
        .min(cpu.slice_end.get())
        .min(cpu.sample_at.get());
    // The decrementer is 32 bits wide and signed; a zero would be taken one tick late, not lost.
    let wait = deadline.saturating_sub(now).clamp(1, 0x7fff_ffff);
    // SAFETY: the kernel handles the decrementer's interrupt wherever interrupts are on.
    unsafe { arch::decrementer::write(wait) };
}

/// Charges the time since the last charge to whoever is on its own time.
fn charge(cpu: &PerCpu, now: u64) {
    let Some(base) = cpu.base.get() else {
        return;
    };
    let ran = now - cpu.charged.replace(now);
    base.run_ticks.set(base.run_ticks.get() + ran);
    base.page()
        .run_ticks
        .store(base.run_ticks.get(), Ordering::Relaxed);
    let weighted = ran * WEIGHT_DEFAULT / base.weight.get().max(1);
    base.virtual_time
        .set((base.virtual_time.get() + weighted) & ((1 << 60) - 1));
}

/// Breaks the chain: nobody is on this CPU any more. Those that have something to do are ready.
pub fn leave(cpu: &PerCpu) {
    charge(cpu, arch::timebase());
    let mut next = cpu.current.replace(None);
    while let Some(who) = next {
        next = who.lender.replace(None);
        who.in_chain.set(false);
        if who.is_runnable() {
            make_ready(cpu, who);
        }
    }
    cpu.base.set(None);
    cpu.reschedule.set(false);
    cpu.grace.set(false);
}

/// Chooses and runs the next dispatcher, or idles until there is one.
pub fn dispatch(cpu: &'static PerCpu) -> ! {
    loop {
        remote::handle(cpu);
        let now = arch::timebase();
        expire_timers(cpu, now);
        let next = cpu.with_queues(|queues| {
            let next = queues.ready.pop()?;
            let floor = &mut queues.floor[next.class.get() as usize % class::COUNT];
            *floor = (*floor).max(next.virtual_time.get());
            Some(next)
        });
        let Some(next) = next else { idle(cpu) };
        let able = next.life.get() == Life::Alive && !next.frozen.load(Ordering::Relaxed);
        if able && next.is_runnable() {
            run(cpu, next, now);
        }
    }
}

fn idle(cpu: &'static PerCpu) -> ! {
    events::sched::idle::<Kernel>();
    cpu.slice_end.set(u64::MAX);
    cpu.sample_at.set(u64::MAX);
    program_decrementer(cpu);
    // SAFETY: an interrupt that comes here goes to `idle_interrupt`, which starts from an empty stack.
    let _ = unsafe { k42_boot::papr::hcall::cede() };
    // SAFETY: this function and its callers have nothing left to do on this stack.
    unsafe { arch::reset_stack(cpu.stack(), resume_idle, 0) }
}

extern "C" fn resume_idle(_: u64) -> ! {
    dispatch(arch::per_cpu())
}

/// An interrupt while this CPU idled.
pub fn idle_interrupt(cpu: &'static PerCpu, vector: u64) -> ! {
    if vector == 0x500 {
        trap::external(cpu);
    }
    dispatch(cpu)
}

#[inline(always)]
fn run(cpu: &'static PerCpu, who: &'static Dispatcher, now: u64) -> ! {
    let id = who.comm_id();
    events::sched::switch::<Kernel>(
        arch::translating(),
        u64::from(id.process().0),
        u64::from(id.vp()),
    );
    cpu.base.set(Some(who));
    who.lender.set(None);
    cpu.charged.set(now);
    who.in_chain.set(true);
    who.chosen.set(who.chosen.get() + 1);
    cpu.slice_end.set(now + start::slice_ticks());
    if cpu.sample_at.get() == u64::MAX {
        cpu.sample_at.set(trace::next_sample(now));
    }
    program_decrementer_at(cpu, now);
    switch_to(cpu, who);
    enter(cpu, who)
}

/// Makes `who` the dispatcher that this CPU is for: its frame, page and translation.
#[inline(always)]
pub fn switch_to(cpu: &PerCpu, who: &'static Dispatcher) {
    cpu.current.set(Some(who));
    cpu.page.set(who.page_pointer());
    // SAFETY: the kernel's own translations are those of entry 0 whatever PIDR holds, and nothing in it uses SPRG3.
    unsafe {
        arch::pidr::write(who.translation.get());
        arch::sprg3::write(who.page_address.get());
    }
}

/// Goes on with the current dispatcher, wherever that is.
pub fn enter(cpu: &'static PerCpu, who: &'static Dispatcher) -> ! {
    if let Some(status) = who.fault_answer.replace(None) {
        trap::fault_answered(cpu, who, status);
    }
    if who.has_frame.get() {
        if !who.is_disabled() && who.soft_interrupts() != 0 {
            interrupt_upcall(who);
        }
        resume(who);
    }
    if who.answers.get() != 0 {
        deliver_answer(who);
    }
    who.set_disabled(true);
    upcall(
        who,
        Entry::Run,
        [who.boot_argument.get(), 0, 0, 0, 0, 0, 0, 0],
    )
}

/// Enters an entry point.
#[inline(always)]
pub fn upcall(who: &'static Dispatcher, entry: Entry, words: [u64; 8]) -> ! {
    // SAFETY: `who` is current; the state is one of `msr::user`.
    unsafe { arch::upcall(who.entry(entry), who.user_msr.get(), &words) }
}

/// Resumes the frame of the current dispatcher.
pub fn resume(who: &'static Dispatcher) -> ! {
    who.has_frame.set(false);
    // SAFETY: the frame belongs to the dispatcher, and nobody writes it now.
    unsafe { resume_from(who, who.frame.cell().as_ptr()) }
}

/// Resumes the current dispatcher from `frame`.
///
/// # Safety
/// The frame can be read.
pub unsafe fn resume_from(who: &'static Dispatcher, frame: *const RegisterFrame) -> ! {
    // SAFETY: the caller's promise; `who` is current. Of the frame only its wish is believed.
    unsafe {
        let wish = (&raw const (*frame).msr).read_volatile();
        arch::resume(frame, msr::with_wish(who.user_msr.get(), wish))
    }
}

/// Tells the current dispatcher that its computation was stopped.
pub fn interrupt_upcall(who: &'static Dispatcher) -> ! {
    who.has_frame.set(false);
    who.set_disabled(true);
    // SAFETY: the page is pinned; the process may write there at the same time, which harms only itself.
    unsafe { (&raw mut (*who.page_pointer()).interrupt_frame).write(who.frame.get()) };
    upcall(who, Entry::Interrupt, [0; 8])
}

/// Delivers one of the answers that wait for the current dispatcher.
pub fn deliver_answer(who: &'static Dispatcher) -> ! {
    let slot = who.answers.get().trailing_zeros() as usize;
    who.answers.set(who.answers.get() & !(1 << slot));
    let answer = who.outgoing[slot].replace(Outgoing::None);
    if who.answers.get() != 0 {
        // One at a time; the library comes back for the others.
        who.page()
            .soft_interrupts
            .fetch_or(soft_interrupt::REPLY, Ordering::Relaxed);
    }
    who.set_disabled(true);
    let [status, word, a, b, c, d, e] = who.replies[slot].get();
    match answer {
        Outgoing::Answered => upcall(
            who,
            Entry::ReturnIn,
            [
                slot as u64,
                status,
                CallWord(word).with_slot(slot).0,
                a,
                b,
                c,
                d,
                e,
            ],
        ),
        Outgoing::Failed => upcall(
            who,
            Entry::CallFailed,
            [slot as u64, status, 0, 0, 0, 0, 0, 0],
        ),
        // The bit is set only with one of the two.
        _ => upcall(
            who,
            Entry::CallFailed,
            [slot as u64, Error::EIO.status() as u64, 0, 0, 0, 0, 0, 0],
        ),
    }
}

/// After an interrupt: goes on with the program that was interrupted, whose registers are in its frame, or
/// with a better one.
pub fn after_interrupt(cpu: &'static PerCpu, slice_over: bool) -> ! {
    remote::handle(cpu);
    let now = arch::timebase();
    expire_timers(cpu, now);
    let Some(who) = cpu.current.get() else {
        dispatch(cpu)
    };
    let base_class = cpu
        .base
        .get()
        .map_or(class::COUNT as u64, |base| base.class.get());
    let best = cpu.with_queues(|queues| queues.ready.first());
    let better = best.is_some_and(|best| slice_over || best.class.get() < base_class);
    let frozen = who.frozen.load(Ordering::Relaxed);
    if better || frozen || cpu.reschedule.get() {
        let lent = !cpu.is_base(who);
        if lent && !frozen && (!cpu.grace.get() || now < cpu.slice_end.get()) {
            if !cpu.grace.replace(true) {
                cpu.slice_end.set(now + ticks(GRACE_US));
            }
            cpu.reschedule.set(true);
        } else {
            let id = who.comm_id();
            events::sched::preempt::<Kernel>(u64::from(id.process().0), u64::from(id.vp()));
            who.preempted.set(who.preempted.get() + 1);
            who.page()
                .preemptions
                .store(who.preempted.get(), Ordering::Relaxed);
            who.has_frame.set(true);
            tell_end_of_slice(cpu, who);
            leave(cpu);
            dispatch(cpu);
        }
    } else if slice_over {
        charge(cpu, now);
        cpu.slice_end.set(now + start::slice_ticks());
        tell_end_of_slice(cpu, who);
    }
    program_decrementer(cpu);
    if !who.is_disabled() && who.soft_interrupts() != 0 {
        interrupt_upcall(who);
    }
    resume(who)
}

/// A process with other threads shares its time among them: its library hears of the end of a slice. So does the one
/// whose slice it was, when a server ran on it: a thread that does nothing but call would never be asked to step back
/// otherwise.
fn tell_end_of_slice(cpu: &PerCpu, who: &'static Dispatcher) {
    for told in [Some(who), cpu.base.get()].into_iter().flatten() {
        if told.page().has_work.load(Ordering::Relaxed) != 0 {
            told.page()
                .soft_interrupts
                .fetch_or(soft_interrupt::PREEMPT, Ordering::Relaxed);
        }
    }
}

/// Wakes all that wait for `server` to be able to take calls.
pub fn wake_waiters(cpu: &PerCpu, server: &'static Dispatcher) {
    let mut next = server.waiters.replace(None);
    while let Some(who) = next {
        next = who.waits_next.replace(None);
        who.waits.set(false);
        if who.stalled.replace(false) {
            make_ready(cpu, who);
        } else {
            post(cpu, who, soft_interrupt::RETRY);
        }
    }
}

/// Has `who`, of this CPU, told when `server` can take calls. `false`: it waits for a server already, and hears
/// of that one only.
pub fn wait_for(who: &'static Dispatcher, server: &'static Dispatcher) -> bool {
    let first = !who.waits.replace(true);
    if first {
        who.waits_next.set(server.waiters.replace(Some(who)));
    }
    first
}

/// Has the current dispatcher, which runs no computation and has no calls under way, go on on CPU `target`.
///
/// Until its process's list says so, it is this CPU's; from then on it is the other's, and here only its wake-up is
/// touched. A wake-up that is still on its way here is passed on by `remote::handle`.
pub fn change_cpu(cpu: &'static PerCpu, who: &'static Dispatcher, target: usize) -> ! {
    who.in_trap.set(false);
    who.set_disabled(false);
    if who.waiters.get().is_some() {
        wake_waiters(cpu, who);
    }
    who.page().has_work.store(1, Ordering::Relaxed);
    leave(cpu);
    withdraw(cpu, who);
    who.deadline.set(u64::MAX);
    let owns_float = |owner: &Dispatcher| core::ptr::eq(owner, who);
    if cpu.float_owner.get().is_some_and(owns_float) {
        cpu.float_owner.set(None);
        arch::save_float(who.float.cell());
        who.user_msr.set(msr::user(0, false));
    }
    // Times of two CPUs' queues do not compare: there it begins like one that has slept.
    who.virtual_time.set(0);
    // If the process is being ended, this CPU is asked to let go of it.
    if who.process().move_dispatcher(who, target) {
        remote::wake(who);
    }
    dispatch(cpu)
}

/// Takes `who` alone out of the chain.
fn leave_alone(cpu: &PerCpu, who: &'static Dispatcher) {
    if !who.in_chain.replace(false) {
        return;
    }
    let lender = who.lender.replace(None);
    if cpu.is_base(who) {
        cpu.base.set(None);
    }
    let mut place = &cpu.current;
    while let Some(other) = place.get() {
        if core::ptr::eq(other, who) {
            place.set(lender);
            return;
        }
        place = &other.lender;
    }
}

/// Ends a dispatcher of this CPU: calls that it made are orphaned, calls that it was given fail.
pub fn end(cpu: &PerCpu, who: &'static Dispatcher) {
    who.life.set(Life::Stopped);
    withdraw(cpu, who);
    leave_alone(cpu, who);
    if cpu
        .float_owner
        .get()
        .is_some_and(|owner| core::ptr::eq(owner, who))
    {
        cpu.float_owner.set(None);
        who.user_msr.set(msr::user(0, false));
    }
    ipc::abandon(cpu, who);
}
