//! The machine as the rest of the kernel sees it: registers, entry and exit, barriers, TLB.
//!
//! Everything that is written in assembly is behind this module. Facts are from the Power ISA 3.0B unless
//! said otherwise.

pub mod msr;
pub mod radix;
pub mod tlb;

use core::arch::{asm, global_asm};
use core::cell::Cell;
use k42_abi::dispatcher::RegisterFrame;

use crate::percpu::PerCpu;

const _: () = assert!(k42_abi::calls::NAMES.len() == 29, "K42_CALLS below");
global_asm!(".set K42_CALLS, 29", include_str!("vectors.S"),);

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
            /// The register.
            #[inline(always)]
            pub fn read() -> u64 {
                let value: u64;
                // SAFETY: reading it changes nothing.
                unsafe { core::arch::asm!(concat!("mfspr {}, ", $number), out(reg) value, options(nostack)) };
                value
            }
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

/// The timebase.
#[inline(always)]
pub fn timebase() -> u64 {
    let value: u64;
    // SAFETY: reading the timebase has no effect.
    unsafe { asm!("mftb {}", out(reg) value, options(nomem, nostack)) };
    value
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

/// Enters a program at `nip` with `words` in r3-r10.
///
/// # Safety
/// As for [`resume`].
#[inline(always)]
pub unsafe fn upcall(nip: u64, msr: u64, words: &[u64; 8]) -> ! {
    // SAFETY: the caller's promise. The conditional store ends any reservation that is left, so that no `stdcx.` of
    // the program succeeds because of another's load; if it stores, then below the stack, which is not used any more.
    unsafe {
        asm!(
            "mtsrr0 12",
            "mtsrr1 11",
            "addi 11, 1, -16",
            "stdcx. 11, 0, 11",
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
