//! Protected calls and asynchronous messages.
//!
//! A call hands this CPU to the server's dispatcher of this CPU, with the arguments in registers and a
//! true caller id, on the caller's time. Checks come first; behind the line "no way back" there are only
//! commits. Every call that is out has a record on both sides, so a reply is legal only for a call that was made, and
//! the end of either side is told to (or hidden from) the other.

use core::sync::atomic::Ordering;

use k42_abi::dispatcher::{Entry, soft_interrupt};
use k42_abi::message::{ASYNC_WORDS, AsyncMessage, CallWord, SLOT_SIZE};
use k42_abi::rights::KernelRights;
use k42_abi::{CommId, Error, ProcessId};

use crate::arch;
use crate::dispatcher::{Dispatcher, FAULT_SLOT, Life};
use crate::percpu::PerCpu;
use crate::record::{Incoming, Outgoing};
use crate::trace::{Kernel, events};
use crate::{process, sched, trap};

/// CALL. Comes back only if the call is refused for what the caller did wrong in making it; other failures go
/// to the caller's CallFailed entry.
pub extern "C" fn call(
    target: u64,
    handle: u64,
    word: u64,
    a: u64,
    b: u64,
    c: u64,
    d: u64,
    e: u64,
) -> i64 {
    let cpu = arch::per_cpu();
    let Some(caller) = cpu.current.get() else {
        return Error::EINVAL.status();
    };
    let word = CallWord(word);
    let slot = word.slot();
    let length = word.length();
    if slot >= caller.client_slots.get()
        || length > SLOT_SIZE
        || !matches!(caller.outgoing[slot].get(), Outgoing::None)
    {
        return Error::EINVAL.status();
    }
    let target = CommId(target);
    let Some(process) = process::find(target.process()) else {
        fail(caller, target, slot, Error::DEAD)
    };
    let Some(callee) = process.on_cpu(cpu.index.get()) else {
        fail(caller, target, slot, Error::NO_DISPATCHER)
    };
    if target.vp() != CommId::ANY && target.vp() != callee.vp() {
        fail(caller, target, slot, Error::NO_DISPATCHER);
    }
    if core::ptr::eq(callee, caller) {
        fail(caller, target, slot, Error::EDEADLK);
    }
    let free = callee.free_incoming.get();
    if free == 0 || !callee.takes_calls() {
        if callee.slots.get() == callee.client_slots.get() {
            fail(caller, target, slot, Error::NO_METHOD);
        }
        sched::wait_for(caller, callee);
        fail(caller, target, slot, Error::BUSY);
    }

    // No way back.
    events::ipc::call::<Kernel>(
        u64::from(caller.comm_id().process().0),
        u64::from(target.process().0),
        u64::from(word.method()),
        length as u64,
    );
    let into = free.trailing_zeros() as usize;
    callee.free_incoming.set(free & (free - 1));
    copy(caller.slot(slot), callee.slot(into), length);
    caller.outgoing[slot].set(Outgoing::Waiting(callee, into));
    callee.incoming[into].set(Incoming::From(caller, slot));
    caller.in_trap.set(false);
    caller.set_disabled(false);
    cpu.calls_made.store(
        cpu.calls_made.load(Ordering::Relaxed) + 1,
        Ordering::Relaxed,
    );
    lend(cpu, caller, callee);
    sched::switch_to(cpu, callee);
    callee.set_disabled(true);
    let words = [
        caller.comm_id().0,
        handle,
        word.with_slot(into).0,
        a,
        b,
        c,
        d,
        e,
    ];
    sched::upcall(callee, Entry::CallIn, words)
}

/// Enters `callee` into the chain of this CPU.
fn lend(cpu: &PerCpu, caller: &'static Dispatcher, callee: &'static Dispatcher) {
    if callee.in_chain.get() {
        // Called back by a server that it called: nobody is in the chain twice, so it goes on on its own time.
        sched::leave(cpu);
        cpu.charged.set(arch::timebase());
        cpu.base.set(Some(callee));
        callee.lender.set(None);
    } else {
        callee.lender.set(Some(caller));
    }
    callee.in_chain.set(true);
}

/// Copies a payload, in whole words: slots are a multiple of that.
#[inline(always)]
fn copy(from: *const u8, to: *mut u8, length: usize) {
    let words = length.div_ceil(8);
    for index in 0..words {
        // SAFETY: both are slots of SLOT_SIZE bytes, 8-byte aligned and pinned, and length was checked.
        // Volatile, because user level may write the source meanwhile; any mixture is as good as any other.
        unsafe {
            to.cast::<u64>()
                .add(index)
                .write_volatile(from.cast::<u64>().add(index).read_volatile())
        };
    }
}

/// Tells the current dispatcher that its call failed.
#[cold]
#[inline(never)]
fn fail(caller: &'static Dispatcher, target: CommId, slot: usize, error: Error) -> ! {
    events::ipc::refused::<Kernel>(
        u64::from(caller.comm_id().process().0),
        u64::from(target.process().0),
        error.status() as u64,
    );
    caller.set_disabled(true);
    sched::upcall(
        caller,
        Entry::CallFailed,
        [slot as u64, error.status() as u64, 0, 0, 0, 0, 0, 0],
    )
}

/// RETURN. Comes back only if there was no such call.
pub extern "C" fn ret(
    status: u64,
    word: u64,
    _: u64,
    a: u64,
    b: u64,
    c: u64,
    d: u64,
    e: u64,
) -> i64 {
    let cpu = arch::per_cpu();
    let Some(server) = cpu.current.get() else {
        return Error::EINVAL.status();
    };
    let word = CallWord(word);
    let slot = word.slot();
    if slot < server.client_slots.get() || slot >= server.slots.get() || word.length() > SLOT_SIZE {
        return Error::EINVAL.status();
    }
    let record = server.incoming[slot].get();
    if matches!(record, Incoming::Free) {
        return Error::EINVAL.status();
    }

    // No way back.
    server.incoming[slot].set(Incoming::Free);
    server
        .free_incoming
        .set(server.free_incoming.get() | 1 << slot);
    server.in_trap.set(false);
    server.set_disabled(false);
    if server.waiters.get().is_some() {
        sched::wake_waiters(cpu, server);
    }
    let Incoming::From(caller, into) = record else {
        sched::leave(cpu);
        sched::dispatch(cpu);
    };
    let direct = server
        .lender
        .get()
        .is_some_and(|lender| core::ptr::eq(lender, caller))
        && !caller.frozen.load(Ordering::Relaxed)
        && !(cpu.reschedule.get() && cpu.is_base(caller));
    if into == FAULT_SLOT {
        return_fault(cpu, server, caller, status as i64, direct);
    }
    events::ipc::ret::<Kernel>(
        u64::from(caller.comm_id().process().0),
        u64::from(server.comm_id().process().0),
        status,
    );
    copy(server.slot(slot), caller.slot(into), word.length());
    if direct && !caller.has_frame.get() {
        step_back(cpu, server);
        caller.outgoing[into].set(Outgoing::None);
        sched::switch_to(cpu, caller);
        caller.set_disabled(true);
        let words = [into as u64, status, word.with_slot(into).0, a, b, c, d, e];
        sched::upcall(caller, Entry::ReturnIn, words);
    }
    caller.replies[into].set([status, word.0, a, b, c, d, e]);
    caller.outgoing[into].set(Outgoing::Answered);
    answer_later(cpu, caller, into);
    sched::leave(cpu);
    sched::dispatch(cpu)
}

/// Takes the server off the chain; it goes on by itself later if it has something to do.
#[inline(always)]
fn step_back(cpu: &PerCpu, server: &'static Dispatcher) {
    server.in_chain.set(false);
    if server.is_runnable() {
        sched::make_ready(cpu, server);
    }
}

/// Notes that an answer waits for `caller`, which is of this CPU. If it is running something of its own, it hears of it.
#[cold]
#[inline(never)]
fn answer_later(cpu: &PerCpu, caller: &'static Dispatcher, slot: usize) {
    caller.answers.set(caller.answers.get() | 1 << slot);
    if caller.has_frame.get() {
        caller
            .page()
            .soft_interrupts
            .fetch_or(soft_interrupt::REPLY, Ordering::Relaxed);
    }
    sched::make_ready(cpu, caller);
}

/// The memory server's answer to a page fault of `caller`.
#[inline(never)]
fn return_fault(
    cpu: &'static PerCpu,
    server: &'static Dispatcher,
    caller: &'static Dispatcher,
    status: i64,
    direct: bool,
) -> ! {
    if direct {
        step_back(cpu, server);
        sched::switch_to(cpu, caller);
        trap::fault_answered(cpu, caller, status);
    }
    caller.fault_answer.set(Some(status));
    sched::leave(cpu);
    sched::make_ready(cpu, caller);
    sched::dispatch(cpu)
}

/// Hands a page fault of the current dispatcher, whose registers are in its frame, to `server`. Comes back if it
/// cannot take it now.
pub fn fault(
    cpu: &'static PerCpu,
    who: &'static Dispatcher,
    server: &'static Dispatcher,
    words: [u64; 5],
) {
    let free = server.free_incoming.get();
    if free == 0 || !server.takes_calls() {
        return;
    }
    let into = free.trailing_zeros() as usize;
    server.free_incoming.set(free & (free - 1));
    server.incoming[into].set(Incoming::From(who, FAULT_SLOT));
    who.has_frame.set(true);
    who.faulting.set(true);
    lend(cpu, who, server);
    sched::switch_to(cpu, server);
    server.set_disabled(true);
    let word = CallWord::new(k42_abi::message::kernel_method::PAGE_FAULT, into as u8, 0);
    let [a, b, c, d, e] = words;
    sched::upcall(server, Entry::CallIn, [0, 0, word.0, a, b, c, d, e])
}

/// SEND.
pub extern "C" fn send(target: u64, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, _: u64) -> i64 {
    let cpu = arch::per_cpu();
    let Some(sender) = cpu.current.get() else {
        return Error::EINVAL.status();
    };
    let target = CommId(target);
    let own = target.process() == sender.comm_id().process();
    if !own && !sender.process().rights().contains(KernelRights::SEND) {
        return Error::NO_RIGHT.status();
    }
    match put(cpu, sender.comm_id(), target, [a, b, c, d, e, f]) {
        Ok(()) => 0,
        Err(error) => error.status(),
    }
}

/// Puts a message of the kernel or of anybody into a dispatcher's ring and tells it.
pub fn send_from(
    cpu: &PerCpu,
    sender: CommId,
    target: CommId,
    words: [u64; ASYNC_WORDS],
) -> k42_abi::Result<()> {
    put(cpu, sender, target, words)
}

#[inline(always)]
fn put(
    cpu: &PerCpu,
    sender: CommId,
    target: CommId,
    words: [u64; ASYNC_WORDS],
) -> k42_abi::Result<()> {
    let any = target.vp() == CommId::ANY;
    let index = target.process().index();
    if index >= process::MAX_PROCESSES {
        return Err(Error::ESRCH);
    }
    // Rather to one of this CPU, which nobody but this CPU ends.
    let here = cpu
        .callee(index)
        .filter(|here| here.comm_id().process() == target.process())
        .filter(|here| any || here.vp() == target.vp());
    match here {
        Some(here) => put_into(cpu, sender, here, words),
        None => put_elsewhere(cpu, sender, target, words),
    }
}

#[inline(never)]
fn put_elsewhere(
    cpu: &PerCpu,
    sender: CommId,
    target: CommId,
    words: [u64; ASYNC_WORDS],
) -> k42_abi::Result<()> {
    let target = match target.vp() {
        CommId::ANY => CommId::new(target.process(), 0),
        _ => target,
    };
    process::with_dispatcher(target, |receiver| put_into(cpu, sender, receiver, words))?
}

#[inline(always)]
fn put_into(
    cpu: &PerCpu,
    sender: CommId,
    receiver: &'static Dispatcher,
    words: [u64; ASYNC_WORDS],
) -> k42_abi::Result<()> {
    let message = AsyncMessage {
        sender: sender.0,
        words,
        reserved: 0,
    };
    let to = receiver.comm_id().process();
    let (from, to) = (u64::from(sender.process().0), u64::from(to.0));
    events::ipc::send::<Kernel>(from, to, words[0]);
    let put = receiver.put_message(message);
    let bit = if put.is_ok() {
        soft_interrupt::ASYNC
    } else {
        soft_interrupt::OVERFLOW
    };
    if put.is_err() {
        events::ipc::dropped::<Kernel>(from, to);
        cpu.messages_dropped.fetch_add(1, Ordering::Relaxed);
    }
    sched::post(cpu, receiver, bit);
    put
}

/// Ends all calls of `who`, which is of this CPU and has ended: its servers' replies go nowhere, its callers hear
/// that it is dead.
pub fn abandon(cpu: &PerCpu, who: &'static Dispatcher) {
    for slot in 0..who.slots.get() {
        if let Outgoing::Waiting(callee, into) = who.outgoing[slot].replace(Outgoing::None) {
            callee.incoming[into].set(Incoming::Orphan);
        }
        if let Incoming::From(caller, into) = who.incoming[slot].replace(Incoming::Free) {
            if into == FAULT_SLOT {
                caller.fault_answer.set(Some(Error::EFAULT.status()));
                sched::make_ready(cpu, caller);
            } else if caller.life.get() == Life::Alive {
                caller.replies[into].set([Error::DEAD.status() as u64, 0, 0, 0, 0, 0, 0]);
                caller.outgoing[into].set(Outgoing::Failed);
                answer_later(cpu, caller, into);
            }
        }
    }
    if who.faulting.replace(false) {
        orphan_fault(cpu, who);
    }
    sched::wake_waiters(cpu, who);
    unlink_waiter(cpu, who);
}

/// The fault that `who` has with the memory server: its answer goes nowhere.
fn orphan_fault(cpu: &PerCpu, who: &'static Dispatcher) {
    let Some(server) = process::find(ProcessId::MEMORY).and_then(|p| p.on_cpu(cpu.index.get()))
    else {
        return;
    };
    for record in &server.incoming {
        if matches!(record.get(), Incoming::From(caller, FAULT_SLOT) if core::ptr::eq(caller, who))
        {
            record.set(Incoming::Orphan);
        }
    }
}

/// Takes `who` out of the list of waiters that it is in. All servers' lists of this CPU are searched: it
/// happens only when a process ends while it waits.
fn unlink_waiter(cpu: &PerCpu, who: &'static Dispatcher) {
    if !who.waits.replace(false) {
        return;
    }
    for index in 1..process::MAX_PROCESSES {
        let Some(server) = process::at(index).and_then(|p| p.on_cpu(cpu.index.get())) else {
            continue;
        };
        let mut previous: Option<&'static Dispatcher> = None;
        let mut at = server.waiters.get();
        while let Some(waiter) = at {
            at = waiter.waits_next.get();
            if core::ptr::eq(waiter, who) {
                match previous {
                    Some(before) => before.waits_next.set(at),
                    None => server.waiters.set(at),
                }
                who.waits_next.set(None);
                return;
            }
            previous = Some(waiter);
        }
    }
}
