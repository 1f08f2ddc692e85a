//! What CPUs say to each other. An interrupt carries nothing but "look": wake-ups come in a lock-free stack,
//! and a request to let go of a process in one word.

use core::sync::atomic::{Ordering, fence};

use k42_boot::papr::hcall;
use k42_sync::cpu_relax;

use crate::arch;
use crate::dispatcher::Dispatcher;
use crate::percpu::{self, PerCpu};
use crate::process::Process;
use crate::sched;

/// Interrupt priority of an inter-processor message.
pub const IPI_PRIORITY: u8 = 4;

/// Has the CPU of `who` look at it.
pub fn wake(who: &'static Dispatcher) {
    // The soft interrupt was posted before. Either this finds the flag clear, or the other CPU, which clears it before
    // it looks, finds the soft interrupt: for that, neither store may be passed by the load behind it.
    fence(Ordering::SeqCst);
    if who.wake_queued.swap(true, Ordering::AcqRel) {
        return;
    }
    let target = percpu::block(who.cpu());
    let new = (&raw const *who).cast_mut();
    let mut first = target.wakeups.load(Ordering::Relaxed);
    loop {
        who.wake_next.store(first, Ordering::Relaxed);
        match target
            .wakeups
            .compare_exchange_weak(first, new, Ordering::AcqRel, Ordering::Relaxed)
        {
            Ok(_) => break,
            Err(other) => first = other,
        }
    }
    if first.is_null() {
        interrupt(target);
    }
}

fn interrupt(target: &PerCpu) {
    // It fails only for a CPU that does not exist.
    let _ = hcall::ipi(target.hardware_id.get(), IPI_PRIORITY);
}

/// Does what other CPUs asked of this one. What is asked while this looks comes with an interrupt.
#[inline(always)]
pub fn handle(cpu: &PerCpu) {
    let asked = !cpu.wakeups.load(Ordering::Relaxed).is_null()
        || !cpu.let_go.load(Ordering::Relaxed).is_null();
    if asked {
        handle_asked(cpu);
    }
}

#[cold]
#[inline(never)]
fn handle_asked(cpu: &PerCpu) {
    let mut next = cpu.wakeups.swap(core::ptr::null_mut(), Ordering::AcqRel);
    // SAFETY: null or a dispatcher, and those live for ever.
    while let Some(who) = unsafe { next.as_ref() } {
        next = who.wake_next.load(Ordering::Relaxed);
        who.wake_queued.store(false, Ordering::Release);
        fence(Ordering::SeqCst);
        if who.cpu() == cpu.index.get() {
            sched::make_ready(cpu, who);
        } else {
            // It has moved meanwhile.
            wake(who);
        }
    }
    let process = cpu.let_go.load(Ordering::Acquire);
    // SAFETY: null or a process, and those live for ever.
    if let Some(process) = unsafe { process.as_ref() } {
        let_go(cpu, process);
        cpu.let_go.store(core::ptr::null_mut(), Ordering::Release);
    }
}

/// Ends the dispatchers of `process` that belong to this CPU. If one of them is on the CPU, its program does not run
/// again: the caller of `handle` finds no current dispatcher and chooses another.
pub fn let_go(cpu: &PerCpu, process: &Process) {
    let index = cpu.index.get();
    let ends =
        |who: &'static Dispatcher| who.cpu() == index && core::ptr::eq(who.process(), process);
    let on_top = cpu.current.get().is_some_and(ends);
    process.for_each(|who| {
        if ends(who) {
            sched::end(cpu, who);
        }
    });
    cpu.remove_callee(process.id().index());
    if on_top {
        sched::leave(cpu);
    }
}

/// Ends all dispatchers of `process`, on whatever CPU they are.
pub fn end_everywhere(cpu: &PerCpu, process: &'static Process) {
    let cpus = process.close();
    for index in 0..64 {
        if cpus & 1 << index == 0 {
            continue;
        }
        if index == cpu.index.get() {
            let_go(cpu, process);
            continue;
        }
        let target = percpu::block(index);
        let word = (&raw const *process).cast_mut();
        while target
            .let_go
            .compare_exchange(
                core::ptr::null_mut(),
                word,
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .is_err()
        {
            // The other CPU may be asking the same of us.
            handle(cpu);
            cpu_relax();
        }
        interrupt(target);
        while target.let_go.load(Ordering::Acquire) == word {
            handle(cpu);
            cpu_relax();
        }
    }
    arch::tlb::sync();
}
