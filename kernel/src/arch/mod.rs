//! The machine as the rest of the kernel sees it: registers, entry and exit, barriers, TLB.
//!
//! Everything that is written in assembly is behind this module. Facts are from the Power ISA 3.0B unless
//! said otherwise.

pub mod msr;
pub mod radix;
pub mod tlb;

use core::arch::{asm, global_asm};
use core::cell::Cell;
use core::mem::offset_of;

use k42_abi::dispatcher::{Entry, RegisterFrame, offset as page};
use k42_abi::layout::{EMU_IMAGE, PAGE_SIZE, USER_TOP};
use k42_abi::message::{MAX_SLOTS, SLOT_SIZE, fault_access, kernel_method};
use k42_abi::{ProcessId, calls};

use crate::dispatcher::{self, Dispatcher};
use crate::heap;
use crate::percpu::{self, PerCpu};
use crate::process::MAX_PROCESSES;
use crate::trap::cause;

/// The assembly, with the names that it needs of what Rust decides. No number is written twice.
macro_rules! assembly {
    ($($name:ident = $value:expr;)*) => {
        global_asm!(
            $(concat!(".set ", stringify!($name), ", {", stringify!($name), "}"),)*
            include_str!("vectors.S"),
            include_str!("fast.S"),
            include_str!("frames.S"),
            $($name = const $value,)*
        );
    };
}

assembly! {
    CALL_SELECTOR = calls::SELECTOR >> 16;
    CALL_RETURN = calls::RETURN;
    EMU_IMAGE_HIGH = EMU_IMAGE >> 32;
    K42_CALLS = calls::NAMES.len();
    PAGE_SIZE = PAGE_SIZE;
    SLOT_SIZE = SLOT_SIZE;
    SLOT_SHIFT = SLOT_SIZE.trailing_zeros();
    MAX_SLOTS = MAX_SLOTS;
    MAX_PROCESSES = MAX_PROCESSES;
    ABSENT = heap::ABSENT.cast_signed();
    FAULT_SLOT = dispatcher::FAULT_SLOT;
    MEMORY_INDEX = ProcessId::MEMORY.index();
    USER_TOP_SHIFT = USER_TOP.trailing_zeros();
    METHOD_PAGE_FAULT = kernel_method::PAGE_FAULT;
    ACCESS_EXECUTE = fault_access::EXECUTE;
    ACCESS_PROTECTION = fault_access::PROTECTION;
    DSISR_STORE_SHIFT = cause::STORE.trailing_zeros();
    FAULT_MISSING = cause::MISSING >> 16;
    MSR_CHOSEN = msr::CHOSEN;
    HAS_FRAME_ONLY = dispatcher::HAS_FRAME_ONLY;

    PAGE_DISABLED = page::DISABLED;
    PAGE_SOFT_INTERRUPTS = page::SOFT_INTERRUPTS;
    PAGE_HAS_WORK = page::HAS_WORK;
    PAGE_ENTRY_CALL_IN = page::ENTRY + 8 * Entry::CallIn as usize;
    PAGE_ENTRY_RETURN_IN = page::ENTRY + 8 * Entry::ReturnIn as usize;
    PAGE_ENTRY_SYSTEM_CALL = page::ENTRY + 8 * Entry::SystemCall as usize;

    F_NIP = page::FRAME_NIP;
    F_MSR = page::FRAME_MSR;
    F_CR = page::FRAME_CR;
    F_LR = page::FRAME_LR;
    F_CTR = page::FRAME_CTR;
    F_XER = page::FRAME_XER;
    F_VECTOR = page::FRAME_VECTOR;
    F_DAR = page::FRAME_DAR;
    F_DSISR = page::FRAME_DSISR;

    PC_STACK = percpu::offset::STACK;
    PC_TRAP_ENTRY = percpu::offset::TRAP_ENTRY;
    PC_TRAP = percpu::offset::TRAP;
    PC_RESUME = percpu::offset::RESUME;
    PC_S10 = percpu::offset::SCRATCH;
    PC_S12 = percpu::offset::SCRATCH + 8;
    PC_SCTR = percpu::offset::SCRATCH + 16;
    PC_SCR = percpu::offset::SCRATCH + 24;
    PC_CURRENT = offset_of!(PerCpu, current);
    PC_PAGE = offset_of!(PerCpu, page);
    PC_UR1 = percpu::offset::USER;
    PC_UR2 = percpu::offset::USER + 8;
    PC_UNIP = percpu::offset::USER + 16;
    PC_UMSR = percpu::offset::USER + 24;
    PC_ULR = percpu::offset::USER + 32;
    PC_UCR = percpu::offset::USER + 40;
    PC_TOC = percpu::offset::TOC;
    PC_CALLS = percpu::offset::CALLS;
    PC_OUT = offset_of!(PerCpu, out);
    PC_PANIC_FRAME = percpu::offset::PANIC_FRAME;
    PC_PANIC_STACK = percpu::offset::PANIC_STACK;
    PC_CAREFUL = offset_of!(PerCpu, careful);
    PC_CALLEES = percpu::offset::CALLEES;
    PC_CALLS_MADE = offset_of!(PerCpu, calls_made);

    D_CAN_BE_CALLED = offset_of!(Dispatcher, life);
    D_CAN_GO_ON = offset_of!(Dispatcher, life);
    D_IN_CHAIN = offset_of!(Dispatcher, in_chain);
    D_HAS_FRAME = offset_of!(Dispatcher, has_frame);
    D_FAULTING = offset_of!(Dispatcher, faulting);
    D_IN_TRAP = offset_of!(Dispatcher, in_trap);
    D_FREE_INCOMING = offset_of!(Dispatcher, free_incoming);
    D_PAGE = dispatcher::PAGE_OFFSET;
    D_PAGE_ADDRESS = offset_of!(Dispatcher, page_address);
    D_COMM_ID = dispatcher::COMM_ID_OFFSET;
    D_ANY_ID = dispatcher::ANY_ID_OFFSET;
    D_TRANSLATION = offset_of!(Dispatcher, translation);
    D_USER_MSR = offset_of!(Dispatcher, user_msr);
    D_LENDER = offset_of!(Dispatcher, lender);
    D_QUEUE_POSITION = dispatcher::QUEUE_POSITION_OFFSET;
    D_WAITERS = offset_of!(Dispatcher, waiters);
    D_ANSWERS = offset_of!(Dispatcher, answers);
    D_OUTGOING = offset_of!(Dispatcher, outgoing);
    D_INCOMING = offset_of!(Dispatcher, incoming);
}

unsafe extern "C" {
    static k42_vectors: u8;
    static k42_vectors_end: u8;
    fn k42_trap_entry();
    fn k42_resume(frame: *const RegisterFrame, msr: u64) -> !;
    fn k42_reset_stack(stack: u64, function: extern "C" fn(u64) -> !, argument: u64) -> !;
    fn k42_save_vsx(area: *mut FloatArea);
    fn k42_load_vsx(area: *const FloatArea);
}

/// Floating-point and vector state of a dispatcher, in the order of k42_save_vsx.
#[repr(C, align(128))]
#[derive(Clone, Copy)]
pub struct FloatArea {
    vsx: [u128; 64],
    fpscr: u64,
    vrsave: u64,
    vscr: u128,
}

impl FloatArea {
    /// What a new program starts with.
    pub const ZERO: Self = Self {
        vsx: [0; 64],
        fpscr: 0,
        vrsave: 0,
        vscr: 0,
    };
}

macro_rules! special_register {
    ($(#[$doc:meta])* $name:ident = $number:literal) => {
        $(#[$doc])*
        pub mod $name {
            /// Writes the register.
            ///
            /// # Safety
            /// The kernel must be prepared for what the register controls.
            #[inline(always)]
            pub unsafe fn write(value: u64) {
                // SAFETY: the caller's promise.
                unsafe { core::arch::asm!(concat!("mtspr ", $number, ", {}"), in(reg) value, options(nostack)) };
            }
        }
    };
}

special_register!(
    /// This CPU's [`PerCpu`](crate::percpu::PerCpu) block.
    sprg1 = 273
);
special_register!(
    /// User address of the current dispatcher's page, readable by programs as SPR 259.
    sprg3 = 275
);
special_register!(
    /// Decrementer: counts down at timebase speed, interrupts when it goes below zero.
    decrementer = 22
);
special_register!(
    /// Process identification: which tree translates addresses of programs.
    pidr = 48
);
special_register!(
    /// Facility status and control: what user mode may use.
    fscr = 153
);

/// The process whose tree translates addresses of programs.
#[inline(always)]
pub fn translating() -> u64 {
    let value: u64;
    // SAFETY: reading PIDR has no effect.
    unsafe { asm!("mfspr {}, 48", out(reg) value, options(nomem, nostack)) };
    value
}

/// The timebase.
#[inline(always)]
pub fn timebase() -> u64 {
    let value: u64;
    // SAFETY: reading the timebase has no effect.
    unsafe { asm!("mftb {}", out(reg) value, options(nomem, nostack)) };
    value
}

/// 64 bits from the CPU's random number generator; `None` if it has failed as often as the architecture asks for it to be
/// tried. (Power ISA 3.0B, I, 3.3.9: `darn` with L = 1 gives conditioned bits, or all ones for an error.)
pub fn random() -> Option<u64> {
    const TRIES: usize = 10;
    (0..TRIES).find_map(|_| {
        let value: u64;
        // SAFETY: reads the generator into r3, and changes nothing else. All CPUs with radix translation, without which
        // the kernel does not come up, have it. Spelled as a word: the assembler is told of an older CPU.
        unsafe {
            asm!(".long 0x7c6105e6", out("r3") value, options(nomem, nostack, preserves_flags));
        }
        (value != u64::MAX).then_some(value)
    })
}

/// This CPU's block.
#[inline(always)]
pub fn per_cpu() -> &'static PerCpu {
    let block: u64;
    // SAFETY: SPRG1 holds the block's address from before the first Rust code that calls this, for
    // as long as the machine runs; the block is never freed.
    unsafe {
        // Not `pure`: it must not be moved up across the write to SPRG1 when a CPU starts.
        asm!("mfspr {}, 273", out(reg) block, options(nomem, nostack, preserves_flags));
        &*core::ptr::with_exposed_provenance(block as usize)
    }
}

/// The kernel's TOC pointer.
pub fn toc() -> u64 {
    let value: u64;
    // SAFETY: copies a register.
    unsafe { asm!("mr {}, 2", out(reg) value, options(nomem, nostack)) };
    value
}

const _: () = assert!(USER_TOP.is_power_of_two());
const _: () = assert!(
    fault_access::READ == 0 && fault_access::WRITE == 1,
    "one bit of DSISR"
);
const _: () = assert!(cause::MISSING & 0xffff == 0 && msr::CHOSEN <= 0xffff);

/// Address of the exit to a frame.
pub fn resume_exit() -> u64 {
    k42_resume as *const () as u64
}

/// Address of the common exception entry.
pub fn trap_entry() -> u64 {
    k42_trap_entry as *const () as u64
}

/// Puts the vectors at both places where the CPU looks for them.
///
/// # Safety
/// Real memory below 0x8000 must belong to the kernel and hold nothing else.
pub unsafe fn install_vectors() {
    let start = &raw const k42_vectors;
    let length = &raw const k42_vectors_end as usize - start as usize;
    for base in [0u64, 0x4000] {
        // Offset 0x80 of the real-mode copy and below belong to nobody; vectors begin at 0x100.
        let to = k42_boot::linear::<u8>(base);
        // SAFETY: the caller gives the destination; the source is part of the image.
        unsafe { core::ptr::copy_nonoverlapping(start, to, length) };
        sync_instructions(to, length);
    }
}

/// Makes instructions just written visible to instruction fetch.
pub fn sync_instructions(start: *const u8, length: usize) {
    let mut line = start as usize & !31;
    while line < start as usize + length {
        // SAFETY: cache maintenance of memory that exists.
        unsafe { asm!("dcbst 0, {0}", "sync", "icbi 0, {0}", in(reg) line, options(nostack)) };
        line += 32;
    }
    // SAFETY: barriers.
    unsafe { asm!("sync", "isync", options(nostack)) };
}

/// Resumes an interrupted computation.
///
/// # Safety
/// This CPU's current dispatcher, PIDR and SPRG3 are those of the frame's owner, and `msr` is one that
/// [`msr::user`] made.
#[inline(always)]
pub unsafe fn resume(frame: *const RegisterFrame, msr: u64) -> ! {
    // SAFETY: the caller's promise.
    unsafe { k42_resume(frame, msr) }
}

/// Enters a program at `nip` with `words` in r3-r10. What the kernel, or another program before it, left in r14-r31 is
/// cleared: nothing there is this program's.
///
/// # Safety
/// As for [`resume`].
#[inline(always)]
pub unsafe fn upcall(nip: u64, msr: u64, words: &[u64; 8]) -> ! {
    // SAFETY: the caller's promise. A reservation that is left harms nobody: what begins at an entry point loads before
    // it stores conditionally. Only `resume` can come between the two.
    unsafe {
        asm!(
            "mtsrr0 12",
            "mtsrr1 11",
            ".irp register, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
            "li \\register, 0",
            ".endr",
            "rfid",
            in("r3") words[0], in("r4") words[1], in("r5") words[2], in("r6") words[3],
            in("r7") words[4], in("r8") words[5], in("r9") words[6], in("r10") words[7],
            in("r11") msr, in("r12") nip,
            options(noreturn),
        )
    }
}

/// Runs `function` on an empty stack.
///
/// # Safety
/// Nothing on the present stack is needed any more.
pub unsafe fn reset_stack(stack: u64, function: extern "C" fn(u64) -> !, argument: u64) -> ! {
    // SAFETY: the caller's promise.
    unsafe { k42_reset_stack(stack, function, argument) }
}

/// Saves the floating-point and vector registers.
pub fn save_float(area: &Cell<FloatArea>) {
    // SAFETY: the kernel itself uses no such register (soft float), so turning them on and reading
    // them disturbs nothing; the area is the cell's.
    unsafe {
        enable_float();
        k42_save_vsx(area.as_ptr());
    }
}

/// Loads the floating-point and vector registers.
pub fn load_float(area: &Cell<FloatArea>) {
    // SAFETY: as above; the registers belong to the program that is entered next.
    unsafe {
        enable_float();
        k42_load_vsx(area.as_ptr());
    }
}

/// Turns FP, VEC and VSX on in the kernel's own MSR. They stay on: soft-float code cannot notice.
unsafe fn enable_float() {
    let bits = msr::FLOAT;
    // SAFETY: changes only facility bits.
    unsafe {
        asm!("mfmsr {0}", "or {0}, {0}, {1}", "mtmsrd {0}", "isync", out(reg) _, in(reg) bits, options(nostack));
    }
}

/// Zeroes memory by cache blocks.
///
/// # Safety
/// `start` and `bytes` are multiples of 4096 in the linear map, and the memory is the caller's.
pub unsafe fn zero_pages(start: u64, bytes: u64) {
    let block = per_cpu().dcache_block.get();
    let mut at = start;
    while at < start + bytes {
        // SAFETY: the caller's memory; dcbz clears one block.
        unsafe { asm!("dcbz 0, {}", in(reg) at, options(nostack)) };
        at += block;
    }
}
