//! Exceptions of programs, after the registers have been saved.

use k42_abi::dispatcher::{Entry, soft_interrupt};
use k42_abi::layout::USER_TOP;
use k42_abi::message::{fault_access, kernel_event};
use k42_abi::{CommId, ProcessId};
use k42_boot::papr::hcall;

use crate::arch::{self, msr};
use crate::dispatcher::{Dispatcher, Life};
use crate::percpu::PerCpu;
use crate::trace::{self, Kernel, events};
use crate::{console, ipc, panic, process, remote, sched};
use k42_trace::{Class, Target};

/// Vector offsets (Power ISA book III, "Interrupt Vector Offsets").
mod vector {
    pub const SYSTEM_RESET: u64 = 0x100;
    pub const MACHINE_CHECK: u64 = 0x200;
    pub const DATA_STORAGE: u64 = 0x300;
    pub const INSTRUCTION_STORAGE: u64 = 0x400;
    pub const EXTERNAL: u64 = 0x500;
    pub const FLOAT_UNAVAILABLE: u64 = 0x800;
    pub const DECREMENTER: u64 = 0x900;
    pub const VECTOR_UNAVAILABLE: u64 = 0xf20;
    pub const VSX_UNAVAILABLE: u64 = 0xf40;
}

/// DSISR, and the same bits of SRR1 for instruction storage.
pub mod cause {
    /// There was no translation.
    pub const NO_TRANSLATION: u64 = 0x4000_0000;
    /// The access was a store.
    pub const STORE: u64 = 0x0200_0000;
    /// The hardware could not set R or C (QEMU and POWER9 set them; kept for hardware that does not).
    pub const REFERENCE_CHANGE: u64 = 0x0004_0000;
    /// Nothing forbade the access: the page has to be mapped.
    pub const MISSING: u64 = NO_TRANSLATION | REFERENCE_CHANGE;
}

/// An exception other than a system call; the registers are in the current dispatcher's frame.
#[unsafe(no_mangle)]
pub extern "C" fn k42_trap(number: u64) -> ! {
    let cpu = arch::per_cpu();
    let Some(who) = cpu.current.get() else {
        panic::unexpected("exception of a program that is not there", number)
    };
    if Kernel::mask() & Class::Exception.bit() != 0 {
        events::exception::enter::<Kernel>(number, who.frame.get().nip);
    }
    match number {
        vector::DECREMENTER => {
            let now = arch::timebase();
            let over = now >= cpu.slice_end.get();
            events::exception::timer::<Kernel>(cpu.slice_end.get());
            if now >= cpu.sample_at.get() {
                sample(cpu, who, now);
            }
            sched::after_interrupt(cpu, over)
        }
        vector::EXTERNAL => {
            external(cpu);
            sched::after_interrupt(cpu, false)
        }
        vector::DATA_STORAGE | vector::INSTRUCTION_STORAGE => page_fault(cpu, who, number),
        vector::FLOAT_UNAVAILABLE | vector::VECTOR_UNAVAILABLE | vector::VSX_UNAVAILABLE => {
            give_float(cpu, who)
        }
        vector::SYSTEM_RESET | vector::MACHINE_CHECK => panic::unexpected("machine", number),
        _ => trap_upcall(cpu, who, number, 0),
    }
}

/// Logs where the current dispatcher was interrupted.
fn sample(cpu: &PerCpu, who: &'static Dispatcher, now: u64) {
    let base = cpu
        .base
        .get()
        .map_or(0, |base| u64::from(base.comm_id().process().0));
    events::exception::sample::<Kernel>(
        u64::from(who.comm_id().process().0),
        base,
        who.frame.get().nip,
        now - cpu.sample_at.get(),
    );
    cpu.sample_at.set(trace::next_sample(now));
}

/// An interrupt while this CPU idled.
#[unsafe(no_mangle)]
extern "C" fn k42_idle_interrupt(number: u64) -> ! {
    sched::idle_interrupt(arch::per_cpu(), number)
}

/// Takes all pending external interrupts.
pub fn external(cpu: &PerCpu) {
    const IPI_SOURCE: u32 = 2;
    loop {
        let Ok(xirr) = hcall::xirr() else { return };
        match xirr & 0xff_ffff {
            0 => return,
            IPI_SOURCE => {
                // Withdraw the request before looking, so that one that comes while looking interrupts again.
                let _ = hcall::ipi(cpu.hardware_id.get(), 0xff);
                remote::handle(cpu);
            }
            source => {
                events::exception::external::<Kernel>(u64::from(source));
                console::interrupt(cpu, source);
            }
        }
        let _ = hcall::eoi(xirr);
    }
}

fn page_fault(cpu: &'static PerCpu, who: &'static Dispatcher, number: u64) -> ! {
    let frame = who.frame.get();
    let (address, cause, kind) = if number == vector::DATA_STORAGE {
        let kind = if frame.dsisr & cause::STORE != 0 {
            fault_access::WRITE
        } else {
            fault_access::READ
        };
        (frame.dar, frame.dsisr & 0xffff_ffff, kind)
    } else {
        (frame.nip, frame.msr, fault_access::EXECUTE)
    };
    let missing = cause & cause::MISSING != 0;
    let access = kind | if missing { 0 } else { fault_access::PROTECTION };
    let id = who.comm_id();
    if address >= USER_TOP {
        trap_upcall(cpu, who, number, k42_abi::Error::EFAULT.status());
    }
    if id.process() == ProcessId::MEMORY {
        panic::server(cpu, who, "page fault in the memory server", address);
    }
    let Some(server) =
        process::find(ProcessId::MEMORY).and_then(|memory| memory.on_cpu(cpu.index.get()))
    else {
        panic::server(cpu, who, "page fault without a memory server", address)
    };
    events::exception::page_fault::<Kernel>(u64::from(id.process().0), address, cause);
    ipc::fault(
        cpu,
        who,
        server,
        [
            u64::from(id.process().0),
            u64::from(id.vp()),
            address,
            access,
            frame.nip,
        ],
    );
    // The server cannot take it now: execute the instruction again when it can.
    who.has_frame.set(true);
    // If it waits for another server too, it is not held up but simply tries again.
    who.stalled.set(sched::wait_for(who, server));
    sched::leave(cpu);
    sched::dispatch(cpu)
}

/// The memory server has answered a fault of the current dispatcher.
pub fn fault_answered(cpu: &'static PerCpu, who: &'static Dispatcher, status: i64) -> ! {
    who.faulting.set(false);
    events::exception::fault_done::<Kernel>(
        u64::from(who.comm_id().process().0),
        who.frame.get().dar,
        status as u64,
    );
    if status < 0 {
        let number = who.frame.get().vector;
        trap_upcall(cpu, who, number, status);
    }
    if status > 0 && !who.is_disabled() {
        who.has_frame.set(false);
        who.set_disabled(true);
        // SAFETY: as in sched::interrupt_upcall.
        unsafe { (&raw mut (*who.page_pointer()).interrupt_frame).write(who.frame.get()) };
        sched::upcall(who, Entry::PageFault, [status as u64, 0, 0, 0, 0, 0, 0, 0]);
    }
    // Mapped; or wait, which a disabled dispatcher does by trying again.
    who.has_frame.set(true);
    if !who.is_disabled() && who.soft_interrupts() != 0 {
        sched::interrupt_upcall(who);
    }
    sched::resume(who)
}

fn trap_upcall(cpu: &'static PerCpu, who: &'static Dispatcher, number: u64, status: i64) -> ! {
    let disabled = who.is_disabled();
    if disabled && who.in_trap.get() || who.entry(Entry::Trap) == 0 {
        broken(cpu, who, number);
    }
    who.in_trap.set(true);
    who.has_frame.set(false);
    let page = who.page_pointer();
    // SAFETY: as in sched::interrupt_upcall.
    unsafe { (&raw mut (*page).trap_frame).write(who.frame.get()) };
    who.page()
        .trap_was_disabled
        .store(u64::from(disabled), core::sync::atomic::Ordering::Relaxed);
    who.set_disabled(true);
    sched::upcall(who, Entry::Trap, [number, status as u64, 0, 0, 0, 0, 0, 0])
}

/// Servers without which no process can be ended, so that nothing can go on without them.
const VITAL: [ProcessId; 2] = [ProcessId::MEMORY, ProcessId::PROCESS];

/// A dispatcher that cannot handle its own traps does not run again: who waits for it hears that it is dead, and the process
/// server ends its process.
fn broken(cpu: &'static PerCpu, who: &'static Dispatcher, number: u64) -> ! {
    let frame = who.frame.get();
    log::warn!(
        "process {:#x} is broken: vector {number:#x} nip {:#x} dar {:#x} lr {:#x} r1 {:#x}",
        who.comm_id().process().0,
        frame.nip,
        frame.dar,
        frame.lr,
        frame.gpr[1]
    );
    if VITAL.contains(&who.comm_id().process()) {
        panic::server(cpu, who, "a server is broken", frame.dar);
    }
    who.life.set(Life::Broken);
    sched::leave(cpu);
    sched::withdraw(cpu, who);
    ipc::abandon(cpu, who);
    let process = u64::from(who.comm_id().process().0);
    let to = CommId::any(ProcessId::PROCESS);
    // If the ring is full the server polls all processes, which tells it too.
    let _ = ipc::send_from(
        cpu,
        CommId(0),
        to,
        [kernel_event::BROKEN, process, 0, 0, 0, 0],
    );
    sched::dispatch(cpu)
}

/// Gives the floating-point and vector registers to the current dispatcher, which wanted to use them.
fn give_float(cpu: &'static PerCpu, who: &'static Dispatcher) -> ! {
    let owner = cpu.float_owner.replace(Some(who));
    if let Some(owner) = owner.filter(|owner| !core::ptr::eq(*owner, who)) {
        arch::save_float(owner.float.cell());
        owner.user_msr.set(msr::user(0, false));
    }
    arch::load_float(who.float.cell());
    who.user_msr.set(msr::user(0, true));
    sched::resume(who)
}

/// Posts CONSOLE to `who`.
pub fn console_ready(cpu: &PerCpu, who: &'static Dispatcher) {
    sched::post(cpu, who, soft_interrupt::CONSOLE);
}
