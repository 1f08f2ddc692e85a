//! Floating-point and vector registers of application threads.
//!
//! Our own code is soft-float and never touches them, so a blocked or interrupted thread leaves them where they
//! are: in the registers. Only a thread of a program has an area for them, and only when another such thread is
//! to go on are they written out and the other's read in. (The kernel does the same among dispatchers.)

use crate::dispatcher::{Dispatcher, Page, own};
use crate::thread::Thread;
use crate::threads::{current_mut, enable};
use crate::{groups, word};
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;
use k42_abi::info::KernelInfo;
use k42_abi::layout;

/// The registers in memory.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct FpState {
    /// VSR 0 to 63, first doubleword first, each doubleword in the machine's order: FPR n is `vsr[n][0]`, VR n is
    /// `vsr[32 + n]`. (Linux's frames have the doublewords of a VR the other way round on little-endian.)
    pub vsr: [[u64; 2]; 64],
    /// FPSCR.
    pub fpscr: u64,
    /// VRSAVE.
    pub vrsave: u64,
    /// VSCR as it lies in a vector register.
    pub vscr: [u64; 2],
}

impl FpState {
    /// What a new program begins with.
    pub const ZERO: Self = Self {
        vsr: [[0; 2]; 64],
        fpscr: 0,
        vrsave: 0,
        vscr: [0; 2],
    };
}
const _: () = assert!(size_of::<FpState>() == 1056);

core::arch::global_asm!(
    ".section .text.k42_fp, \"ax\", @progbits",
    // The opcodes are written as numbers: the assembler is told that this processor has no such registers.
    // k42_fp_save(r3 = area, r4 = whether there is VSX).
    ".globl k42_fp_save",
    ".type k42_fp_save, @function",
    "k42_fp_save:",
    "cmpdi 4, 0",
    "beq 1f",
    ".set k42_i, 0",
    ".rept 64",
    "li 5, 16 * k42_i",
    ".long (31 << 26) | ((k42_i & 31) << 21) | (5 << 16) | (3 << 11) | (972 << 1) | (k42_i >> 5)", // stxvd2x
    ".set k42_i, k42_i + 1",
    ".endr",
    "b 2f",
    "1:",
    ".set k42_i, 0",
    ".rept 32",
    ".long (54 << 26) | (k42_i << 21) | (3 << 16) | (16 * k42_i)", // stfd
    "li 5, 512 + 16 * k42_i",
    ".long (31 << 26) | (k42_i << 21) | (5 << 16) | (3 << 11) | (231 << 1)", // stvx
    ".set k42_i, k42_i + 1",
    ".endr",
    "2:",
    ".long (63 << 26) | (583 << 1)",       // mffs 0
    ".long (54 << 26) | (3 << 16) | 1024", // stfd 0
    "mfspr 5, 256",
    "std 5, 1032(3)",
    ".long (4 << 26) | 1540", // mfvscr 0
    "li 5, 1040",
    ".long (31 << 26) | (5 << 16) | (3 << 11) | (231 << 1)", // stvx 0
    "blr",
    // k42_fp_load(r3 = area, r4 = whether there is VSX).
    ".globl k42_fp_load",
    ".type k42_fp_load, @function",
    "k42_fp_load:",
    "li 5, 1040",
    ".long (31 << 26) | (5 << 16) | (3 << 11) | (103 << 1)", // lvx 0
    ".long (4 << 26) | 1604",                                // mtvscr 0
    "ld 5, 1032(3)",
    "mtspr 256, 5",
    ".long (50 << 26) | (3 << 16) | 1024",          // lfd 0
    ".long (63 << 26) | (0xff << 17) | (711 << 1)", // mtfsf 0xff, 0
    "cmpdi 4, 0",
    "beq 1f",
    ".set k42_i, 0",
    ".rept 64",
    "li 5, 16 * k42_i",
    ".long (31 << 26) | ((k42_i & 31) << 21) | (5 << 16) | (3 << 11) | (844 << 1) | (k42_i >> 5)", // lxvd2x
    ".set k42_i, k42_i + 1",
    ".endr",
    "blr",
    "1:",
    ".set k42_i, 0",
    ".rept 32",
    ".long (50 << 26) | (k42_i << 21) | (3 << 16) | (16 * k42_i)", // lfd
    "li 5, 512 + 16 * k42_i",
    ".long (31 << 26) | (k42_i << 21) | (5 << 16) | (3 << 11) | (103 << 1)", // lvx
    ".set k42_i, k42_i + 1",
    ".endr",
    "blr",
    // k42_fp_clear_status: eight fields of FPSCR, without a register's help.
    ".globl k42_fp_clear_status",
    ".type k42_fp_clear_status, @function",
    "k42_fp_clear_status:",
    ".set k42_i, 0",
    ".rept 8",
    ".long (63 << 26) | (k42_i << 23) | (134 << 1)", // mtfsfi k42_i, 0
    ".set k42_i, k42_i + 1",
    ".endr",
    "blr",
    ".text",
);

unsafe extern "C" {
    fn k42_fp_save(area: *mut u8, vsx: u64);
    fn k42_fp_load(area: *const u8, vsx: u64);
    fn k42_fp_clear_status();
}

/// AT_HWCAP's bit for VSX.
const HAS_VSX: u64 = 0x80;

fn vsx() -> u64 {
    // SAFETY: the page is mapped read-only in every process.
    let info = unsafe { &*(layout::KERNEL_INFO as *const KernelInfo) };
    info.hwcap[0] & HAS_VSX
}

/// Whether the running thread has VSX registers that are kept for it when another thread runs.
pub(crate) fn has_vsx() -> bool {
    // SAFETY: the running thread's record; whose area it is does not change while the thread runs.
    let area = unsafe { (*current_mut()).fp };
    !area.is_null() && vsx() != 0
}

/// Gives the running thread floating-point registers of its own; they begin as the area says.
/// `area` is 16-byte aligned, lives as long as the thread, and is the scheduler's from now on.
///
/// # Safety
/// As said.
pub unsafe fn attach(area: *mut FpState) {
    let page = crate::asm::k42_disable();
    // SAFETY: disabled.
    unsafe {
        let own = own(&*page);
        let thread = current_mut();
        flush(own, own.fp_owner);
        (*thread).fp = area.cast();
        switch_to(&*page, own, thread);
        enable(&*page);
    }
}

/// Gives a thread that has not started yet a floating-point area.
///
/// # Safety
/// As for [`attach`]; the thread has not been started.
pub unsafe fn attach_to(thread: crate::ThreadRef, area: *mut FpState) {
    // SAFETY: the caller's promise.
    unsafe { (*thread.0.as_ptr()).fp = area.cast() };
}

/// Calls `then` with the running thread's registers (for a signal frame). They are lent because they are many.
#[inline]
pub fn with_saved<R>(then: impl FnOnce(&mut FpState) -> R) -> R {
    let mut state = MaybeUninit::<FpState>::uninit();
    // SAFETY: room for all, and without VSX what is not written is zero. They are the running thread's, since whoever
    // runs in between puts them back.
    let state = unsafe {
        if vsx() == 0 {
            state.write(FpState::ZERO);
        }
        k42_fp_save(state.as_mut_ptr().cast(), vsx());
        state.assume_init_mut()
    };
    then(state)
}

/// Sets the running thread's registers.
pub fn load(from: &FpState) {
    // SAFETY: changes no register that our code uses.
    unsafe { k42_fp_load((&raw const *from).cast(), vsx()) };
}

/// Clears the running thread's FPSCR: a signal handler begins with nothing enabled and nothing noted.
pub fn clear_status() {
    // SAFETY: changes no register that our code uses.
    unsafe { k42_fp_clear_status() };
}

/// Makes the registers those of `thread`, if it has any. It may go on at once from now on when it has the reply to a
/// call, if nothing is barred.
///
/// # Safety
/// Disabled; `page` and `own` are this dispatcher's, `thread` belongs to it.
#[inline]
pub(crate) unsafe fn switch_to(page: &Page, own: &mut Dispatcher, thread: *mut Thread) {
    // SAFETY: the areas live as long as their threads.
    unsafe {
        let area = (*thread).fp;
        if area.is_null() {
            return;
        }
        let direct = if groups::any() { 0 } else { thread as u64 };
        page.library[word::DIRECT].store(direct, Ordering::Relaxed);
        if own.fp_owner == thread {
            return;
        }
        if !own.fp_owner.is_null() {
            k42_fp_save((*own.fp_owner).fp, vsx());
        }
        own.fp_owner = thread;
        k42_fp_load(area, vsx());
    }
}

/// Writes the registers out, if they are those of `thread`.
///
/// # Safety
/// As for `switch_to`.
pub(crate) unsafe fn flush(own: &mut Dispatcher, thread: *mut Thread) {
    if !thread.is_null() && own.fp_owner == thread {
        // SAFETY: an owner has an area.
        unsafe { k42_fp_save((*thread).fp, vsx()) };
    }
}

/// `thread` ends.
pub(crate) fn forget(page: &Page, own: &mut Dispatcher, thread: *mut Thread) {
    if own.fp_owner == thread {
        own.fp_owner = null_mut();
        page.library[word::DIRECT].store(0, Ordering::Relaxed);
    }
}
