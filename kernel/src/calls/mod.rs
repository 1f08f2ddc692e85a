//! The K42 system calls, by number. Each takes r3-r10 and gives r3 back; r4-r7 come from `PerCpu::out`.
//!
//! Arguments are words that a program chose: each function checks what it uses before it changes anything.

mod dispatchers;
mod machine;
mod memory;

use k42_abi::dispatcher::{RegisterFrame, offset};
use k42_abi::layout::PAGE_SIZE;
use k42_abi::rights::KernelRights;
use k42_abi::{Error, ProcessId, Result};

use core::sync::atomic::Ordering;

use crate::arch;
use crate::dispatcher::Dispatcher;
use crate::percpu::PerCpu;
use crate::process::{self, Process};
use crate::{ipc, sched};

type Call = extern "C" fn(u64, u64, u64, u64, u64, u64, u64, u64) -> i64;

/// All calls, in the order of their numbers.
pub static TABLE: [Call; k42_abi::calls::NAMES.len()] = [
    ipc::call,
    ipc::ret,
    ipc::send,
    yield_cpu,
    resume,
    set_timer,
    machine::log_text,
    machine::random,
    memory::space_create,
    memory::space_destroy,
    memory::map,
    memory::map_batch,
    memory::unmap,
    memory::protect,
    memory::donate,
    memory::reclaim,
    dispatchers::dispatcher_create,
    dispatchers::dispatcher_start,
    dispatchers::freeze,
    dispatchers::thaw,
    dispatchers::statistics,
    dispatchers::set_priority,
    machine::console_put,
    machine::console_get,
    machine::console_bind,
    machine::power_off,
    machine::trace_mask,
    memory::fault_done,
    machine::count,
    dispatchers::change_cpu,
];

/// The caller of a call, and its CPU.
struct Context {
    cpu: &'static PerCpu,
    who: &'static Dispatcher,
}

fn answer(result: Result<u64>) -> i64 {
    match result {
        Ok(value) => value as i64,
        Err(error) => error.status(),
    }
}

/// Runs `action` for the caller, if it has the rights.
fn with(rights: KernelRights, action: impl FnOnce(&Context) -> Result<u64>) -> i64 {
    let cpu = arch::per_cpu();
    let Some(who) = cpu.current.get() else {
        return Error::EINVAL.status();
    };
    if !who.process().rights().contains(rights) {
        return Error::NO_RIGHT.status();
    }
    answer(action(&Context { cpu, who }))
}

fn find(id: u64) -> Result<&'static Process> {
    process::find(ProcessId(id as u32)).ok_or(Error::ESRCH)
}

impl Context {
    fn out(&self, index: usize, value: u64) {
        self.cpu.out[index].set(value);
    }
    /// One of the caller's own message slots, as words.
    fn slot(&self, slot: u64) -> Result<*mut u64> {
        let slot = usize::try_from(slot)
            .ok()
            .filter(|slot| *slot < self.who.client_slots.get())
            .ok_or(Error::EINVAL)?;
        Ok(self.who.slot(slot).cast())
    }
}

extern "C" fn yield_cpu(stay: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> i64 {
    let cpu = arch::per_cpu();
    let Some(who) = cpu.current.get() else {
        return Error::EINVAL.status();
    };
    who.in_trap.set(false);
    if who.answers.get() != 0 {
        sched::deliver_answer(who);
    }
    if stay == 0 && who.soft_interrupts() != 0 {
        sched::enter(cpu, who);
    }
    who.set_disabled(false);
    if who.waiters.get().is_some() {
        sched::wake_waiters(cpu, who);
    }
    if stay != 0 {
        who.page().has_work.store(1, Ordering::Relaxed);
    }
    sched::leave(cpu);
    sched::dispatch(cpu)
}

extern "C" fn resume(
    at: u64,
    disabled: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    let cpu = arch::per_cpu();
    let Some(who) = cpu.current.get() else {
        return Error::EINVAL.status();
    };
    let last = (PAGE_SIZE - size_of::<RegisterFrame>()) as u64;
    if at > last || !at.is_multiple_of(8) {
        return Error::EINVAL.status();
    }
    who.in_trap.set(false);
    if disabled == 0 {
        if who.soft_interrupts() != 0 {
            return Error::EAGAIN.status();
        }
        who.set_disabled(false);
        if who.waiters.get().is_some() {
            sched::wake_waiters(cpu, who);
        }
    }
    // SAFETY: inside the page, and aligned. The process may be writing there: each word is read once, and is its own
    // affair, but for the MSR, which is only a wish.
    unsafe {
        let frame = who.page_pointer().byte_add(at as usize).cast();
        sched::resume_from(who, frame)
    }
}

extern "C" fn set_timer(
    deadline: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
    _: u64,
) -> i64 {
    with(KernelRights::empty(), |context| {
        sched::set_timer(context.cpu, context.who, deadline);
        Ok(0)
    })
}

const _: () = assert!(offset::RESUME_FRAME + size_of::<RegisterFrame>() <= PAGE_SIZE);
