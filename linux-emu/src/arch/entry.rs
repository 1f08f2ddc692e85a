//! In and out of the library.
//!
//! The kernel reflects a program's `sc` to `k42_emu_entry` with the program's registers as they were, but for r10 (the
//! dispatcher page), r11 (the address after the `sc`) and r12. The program may keep anything in r1, r2, r13, LR, CR and
//! r14-r31, so the entry saves the first five, and Rust code keeps the rest as its calling convention says. The library
//! is soft-float: the program's floating-point and vector registers stay where they are.
//!
//! Two ways lead out. The fast one restores what the entry saved, and goes back by CTR, which Linux gives up in a system
//! call too. Its last eight instructions, from the look at `attention` to the branch, stand in a restartable block:
//! a thread that is interrupted there begins the block anew, so no signal can slip in between. The slow one collects all
//! registers in the thread's frame, lets signals change them, and resumes the frame by the kernel.

use crate::dispatch::{self, Answer, way};
use crate::error::{self, RESUMED};
use crate::port;
use crate::signal::deliver::{Outcome, settle_and_deliver};
use crate::signal::{Info, code, set::number as sig};
use crate::table::Full;
use crate::thread::{Thread, offset};
use crate::vfork;
use core::sync::atomic::Ordering;
use k42_abi::dispatcher::{RegisterFrame, offset as page};
use k42_abi::{Error, layout};
use k42_sched::{ThreadRef, Trap, TrapAction, program, word};

core::arch::global_asm!(
    ".section .text.k42_atomic, \"ax\", @progbits",
    // Reads SPR 259 anew: the thread may be on another dispatcher than the one whose page the kernel put in r10.
    ".balign 32",
    ".globl k42_emu_entry",
    ".type k42_emu_entry, @function",
    "k42_emu_entry:",
    "mfspr 10, 259",
    "ld 9, {current}(10)",
    "b .Lentered",
    ".balign 32",
    // The last steps out: r10 = thread, r11 = CR, CTR = where to. r3 is the result.
    ".Lleave:",
    "ld 9, {attention}(10)",
    "cmpdi 9, 0",
    "bne .Lslow",
    "mtcr 11",
    "ld 2, {r2}(10)",
    "ld 13, {r13}(10)",
    "ld 1, {r1}(10)",
    "bctr",
    ".balign 32",

    ".section .text.k42_emu, \"ax\", @progbits",
    ".Lentered:",
    "ld 10, {extension}(9)",
    "std 1, {r1}(10)",
    "std 2, {r2}(10)",
    "std 13, {r13}(10)",
    "mr 13, 9",
    "mflr 9",
    "std 9, {lr}(10)",
    "mfcr 12",
    "std 12, {cr}(10)",
    "std 11, {nip}(10)",
    "std 0, {number}(10)",
    "std 3, {arguments}(10)",
    "std 4, {arguments}+8(10)",
    "std 5, {arguments}+16(10)",
    "std 6, {arguments}+24(10)",
    "std 7, {arguments}+32(10)",
    "std 8, {arguments}+40(10)",
    "ld 1, {stack}(10)",
    "ld 2, {toc}(10)",
    "std 10, 40(1)",
    "mr 3, 10",
    "bl k42_emu_call",
    "nop",
    "ld 10, 40(1)",
    "cmpldi 4, 1",
    "bgt .Lslow",
    // The way is 0 or 1: it becomes CR0's summary overflow.
    "ld 11, {cr}(10)",
    "ld 9, {lr}(10)",
    "ld 12, {nip}(10)",
    "rlwimi 11, 4, 28, 0, 3",
    "mtlr 9",
    "mtctr 12",
    "b .Lleave",

    // All registers into the frame: r14-r31 here, the others are in the entry area. r10 = thread, r3 = value, r4 = way.
    ".Lslow:",
    "ld 13, {scheduler}(10)",
    "ld 2, {toc}(10)",
    "ld 1, {stack}(10)",
    "std 14, {frame}+14*8(10)",
    "std 15, {frame}+15*8(10)",
    "std 16, {frame}+16*8(10)",
    "std 17, {frame}+17*8(10)",
    "std 18, {frame}+18*8(10)",
    "std 19, {frame}+19*8(10)",
    "std 20, {frame}+20*8(10)",
    "std 21, {frame}+21*8(10)",
    "std 22, {frame}+22*8(10)",
    "std 23, {frame}+23*8(10)",
    "std 24, {frame}+24*8(10)",
    "std 25, {frame}+25*8(10)",
    "std 26, {frame}+26*8(10)",
    "std 27, {frame}+27*8(10)",
    "std 28, {frame}+28*8(10)",
    "std 29, {frame}+29*8(10)",
    "std 30, {frame}+30*8(10)",
    "std 31, {frame}+31*8(10)",
    "mr 5, 4",
    "mr 4, 3",
    "mr 3, 10",
    "bl k42_emu_slow",
    "trap",

    // A program that was interrupted goes on here, in the library: r3 = thread, r1, r2, r13 are set.
    ".globl k42_emu_diverted",
    ".type k42_emu_diverted, @function",
    "k42_emu_diverted:",
    "bl k42_emu_interrupted",
    "trap",
    ".size k42_emu_diverted, . - k42_emu_diverted",
    ".text",

    current = const page::LIBRARY + word::CURRENT * 8,
    extension = const program::EXTENSION,
    r1 = const offset::R1,
    r2 = const offset::R2,
    r13 = const offset::R13,
    lr = const offset::LR,
    cr = const offset::CR,
    nip = const offset::NIP,
    number = const offset::NUMBER,
    arguments = const offset::ARGUMENTS,
    stack = const offset::STACK,
    toc = const offset::TOC,
    scheduler = const offset::SCHEDULER,
    attention = const offset::ATTENTION,
    frame = const offset::FRAME,
);

unsafe extern "C" {
    fn k42_emu_entry();
    fn k42_emu_diverted();
}

/// Address of the system-call entry.
pub fn system_call_entry() -> usize {
    k42_emu_entry as *const () as usize
}

#[unsafe(no_mangle)]
extern "C" fn k42_emu_call(thread: &Thread) -> Answer {
    dispatch::system_call(thread)
}

/// Bytes at the top of the library's stack that the entry code uses: the ABI's header and a word.
const STACK_HEADER: u64 = 96;

/// Notes where the library's stack begins for this thread, and what else the entry needs. `sp` is the stack pointer of
/// a caller that never returns.
pub fn prepare(thread: &Thread, sp: u64) {
    let toc: u64;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mr {}, 2", out(reg) toc, options(nomem, nostack, preserves_flags)) };
    let stack = (sp & !15) - STACK_HEADER;
    // SAFETY: below the caller's frame, which is the lowest in use. A zero back chain ends walks.
    unsafe { (stack as *mut u64).write(0) };
    let scheduled = k42_sched::current();
    thread.entry.stack.store(stack, Ordering::Relaxed);
    thread.entry.toc.store(toc, Ordering::Relaxed);
    thread
        .entry
        .scheduler
        .store(scheduled.to_word(), Ordering::Relaxed);
    thread.scheduled.set(Some(scheduled));
    scheduled
        .get()
        .set_extension(core::ptr::from_ref(thread).cast_mut().cast());
}

/// Our record of a scheduler's thread; `None` for the library's own threads.
fn record(thread: ThreadRef) -> Option<&'static Thread> {
    // SAFETY: only `prepare` sets extensions, to records, which are never freed.
    unsafe { thread.get().extension().cast::<Thread>().as_ref() }
}

/// The record of the running thread.
pub fn running() -> Option<&'static Thread> {
    record(k42_sched::current())
}

/// Puts the registers that the entry saved into the frame.
fn collect(thread: &Thread, frame: &mut RegisterFrame) {
    let entry = &thread.entry;
    let word = |place: &core::sync::atomic::AtomicU64| place.load(Ordering::Relaxed);
    frame.gpr[1] = word(&entry.r1);
    frame.gpr[2] = word(&entry.r2);
    frame.gpr[13] = word(&entry.r13);
    frame.gpr[0] = word(&entry.number);
    for (register, argument) in frame.gpr[3..9].iter_mut().zip(&entry.arguments) {
        *register = word(argument);
    }
    frame.gpr[9..13].fill(0);
    frame.nip = word(&entry.nip);
    frame.lr = word(&entry.lr);
    frame.cr = word(&entry.cr);
    frame.ctr = 0;
    frame.xer = 0;
    frame.vector = 0xc00;
    frame.dar = 0;
    frame.dsisr = 0;
}

#[unsafe(no_mangle)]
extern "C" fn k42_emu_slow(thread: &'static Thread, value: u64, way: u64) -> ! {
    // SAFETY: the thread's own frame; the program does not run, and the hooks touch it only if it does.
    let frame = unsafe { &mut *thread.frame.get() };
    collect(thread, frame);
    let outcome = match way {
        way::VALUE => Outcome::Value(value),
        way::ERROR => Outcome::Failed(Error::from_code(value as u16)),
        way::FULL => full_call(thread),
        _ if value == u64::from(RESUMED.code()) => vfork::resumed(thread, frame),
        _ => Outcome::Failed(if value < 1024 {
            Error::from_code(value as u16)
        } else {
            error::RESTART
        }),
    };
    leave(thread, outcome)
}

/// Goes back to the program by way of the signals.
pub fn leave(thread: &'static Thread, outcome: Outcome) -> ! {
    let mut outcome = outcome;
    loop {
        {
            // SAFETY: as in `k42_emu_slow`. The reference ends before the thread can go back to the program.
            let frame = unsafe { &mut *thread.frame.get() };
            settle_and_deliver(thread, frame, outcome);
        }
        outcome = Outcome::Frame;
        // SAFETY: nothing on this stack is needed any more. It comes back if a signal has come meanwhile.
        unsafe { program::go_on_with(&*thread.frame.get(), &thread.entry.attention) };
    }
}

/// Whether an address is the program's text, or where only a program can have jumped to: anything but our image.
fn is_program(nip: u64) -> bool {
    !(layout::EMU_IMAGE..layout::EMU_HEAP).contains(&nip)
}

/// From a thread: as [`divert`] does it from an event hook.
pub fn disturb(thread: &'static Thread) {
    // The running thread is in the library, and what the scheduler has of its registers is old.
    if thread.scheduled.get() != Some(k42_sched::current()) {
        program::in_upcall_state(|| divert(thread));
    }
}

/// In an event hook: if `thread` was interrupted in its program, it goes to the library next. Otherwise it will look at its
/// attention word by itself.
pub fn divert(thread: &'static Thread) {
    let Some(scheduled) = thread.scheduled.get() else {
        return;
    };
    // SAFETY: called from the event hook. The frame in our record is free: the thread is in its program.
    unsafe {
        let Some(frame) = program::interrupted_frame(scheduled) else {
            return;
        };
        if !is_program(frame.nip) {
            return;
        }
        *thread.frame.get() = *frame;
        frame.gpr[1] = thread.entry.stack.load(Ordering::Relaxed);
        frame.gpr[2] = thread.entry.toc.load(Ordering::Relaxed);
        frame.gpr[3] = core::ptr::from_ref(thread) as u64;
        frame.gpr[13] = scheduled.to_word();
        frame.nip = k42_emu_diverted as *const () as u64;
    }
}

#[unsafe(no_mangle)]
extern "C" fn k42_emu_interrupted(thread: &'static Thread) -> ! {
    leave(thread, Outcome::Frame)
}

/// The trap hook: traps of the program become signals.
pub fn trap(trap: &mut Trap<'_>) -> TrapAction {
    let Some(thread) = trap.thread.and_then(record) else {
        return TrapAction::Die;
    };
    if trap.was_disabled || !is_program(trap.frame.nip) {
        return TrapAction::Die;
    }
    // SAFETY: the thread was in its program, so its frame is free.
    unsafe { *thread.frame.get() = *trap.frame };
    // The place of an argument serves for the way to the library; there is no call.
    thread.entry.arguments[0].store(trap.status as u64, Ordering::Relaxed);
    TrapAction::Run {
        stack: thread.entry.stack.load(Ordering::Relaxed),
        entry: k42_emu_trapped,
        argument: core::ptr::from_ref(thread) as u64,
    }
}

extern "C" fn k42_emu_trapped(thread: u64) -> ! {
    // SAFETY: the hook passes a record.
    let thread: &'static Thread = unsafe { &*(thread as *const Thread) };
    // SAFETY: the thread's own frame.
    let frame = unsafe { &*thread.frame.get() };
    let status = thread.entry.arguments[0].load(Ordering::Relaxed) as i64;
    thread.fault.set(Some(fault_of(frame, status)));
    thread.call_attention();
    leave(thread, Outcome::Frame)
}

/// Makes a call that has all registers in the thread's frame.
fn full_call(thread: &Thread) -> Outcome {
    match dispatch::full_call(thread) {
        Ok(Full::Value(value)) => Outcome::Value(value),
        Ok(Full::Frame) => Outcome::Frame,
        // SAFETY: the thread's own frame; the call is over.
        Err(RESUMED) => vfork::resumed(thread, unsafe { &mut *thread.frame.get() }),
        Err(error) => Outcome::Failed(error),
    }
}

/// Bits of DSISR and SRR1.
const DSISR_PROTECTION: u64 = 0x0800_0000;
const SRR1_FP: u64 = 0x10_0000;
const SRR1_PRIVILEGED: u64 = 0x4_0000;
const SRR1_TRAP: u64 = 0x2_0000;

/// Whether the memory server has no page for an address that is mapped.
fn no_page(refused: Option<Error>) -> bool {
    matches!(refused, Some(Error::ENXIO | Error::ENOMEM))
}

/// Which signal a trap is. The vectors are those of the Power ISA.
fn fault_of(frame: &RegisterFrame, status: i64) -> Info {
    let why = frame.msr | frame.dsisr;
    let refused = Error::check(status).err();
    let (signal, code, address) = match frame.vector & !0xff | frame.vector & 0x80 {
        // Beyond the end of the object, or no memory for the page.
        0x300 if no_page(refused) => (sig::SIGBUS, code::BUS_ADRERR, frame.dar),
        0x400 if no_page(refused) => (sig::SIGBUS, code::BUS_ADRERR, frame.nip),
        0x300 if refused == Some(Error::EACCES) => (sig::SIGSEGV, code::SEGV_ACCERR, frame.dar),
        0x400 if refused == Some(Error::EACCES) => (sig::SIGSEGV, code::SEGV_ACCERR, frame.nip),
        0x300
            if refused.is_none()
                && frame.dsisr & DSISR_PROTECTION != 0
                && frame.dar < layout::LIBRARY_BASE =>
        {
            (sig::SIGSEGV, code::SEGV_ACCERR, frame.dar)
        }
        0x300 | 0x380 => (sig::SIGSEGV, code::SEGV_MAPERR, frame.dar),
        0x400 | 0x480 => (sig::SIGSEGV, code::SEGV_MAPERR, frame.nip),
        0x600 => (sig::SIGBUS, code::BUS_ADRALN, frame.dar),
        0x700 if why & SRR1_FP != 0 => (sig::SIGFPE, fp_code(), frame.nip),
        0x700 if why & SRR1_TRAP != 0 => (sig::SIGTRAP, code::TRAP_BRKPT, frame.nip),
        0x700 if why & SRR1_PRIVILEGED != 0 => (sig::SIGILL, code::ILL_PRVOPC, frame.nip),
        0xd00 => (sig::SIGTRAP, code::TRAP_TRACE, frame.nip),
        0x200 => (sig::SIGBUS, code::BUS_ADRERR, frame.dar),
        _ => (sig::SIGILL, code::ILL_ILLOPC, frame.nip),
    };
    Info {
        signal,
        code,
        address,
        forced: true,
        ..Info::default()
    }
}

/// si_code of a floating-point exception, from the exception bits that are set and enabled.
fn fp_code() -> i32 {
    let fpscr = port::with_vectors(|state| state.fpscr as u32);
    // Enable bits VE, OE, UE, ZE, XE against VX, OX, UX, ZX, XX.
    for (enable, flag, code) in [
        (0x80, 0x2000_0000, code::FPE_FLTINV),
        (0x40, 0x1000_0000, code::FPE_FLTOVF),
        (0x20, 0x0800_0000, code::FPE_FLTUND),
        (0x10, 0x0400_0000, code::FPE_FLTDIV),
        (0x08, 0x0200_0000, code::FPE_FLTRES),
    ] {
        if fpscr & enable != 0 && fpscr & flag != 0 {
            return code;
        }
    }
    code::FPE_FLTUNK
}
