//! Access to a program's memory by the library that lives in the same address space.
//!
//! A pointer that a program passes may be anything. The range check keeps it away from the library's own
//! area; whether it is mapped shows when it is touched: a fault that the memory server refuses becomes a trap, and the
//! trap entry, finding `nip` in one of the loops here, makes the loop end with a count of what is missing. Never used
//! while disabled or under a spinning lock, since a fault may take time.

use k42_abi::dispatcher::RegisterFrame;
use k42_abi::{Error, Result, layout};

core::arch::global_asm!(
    ".section .text.k42_usercopy, \"ax\", @progbits",
    // r3 = to, r4 = from, r5 = bytes; result: bytes not copied. Words first, then bytes.
    ".globl k42_user_copy",
    ".type k42_user_copy, @function",
    "k42_user_copy:",
    "srdi. 6, 5, 3",
    "clrldi 5, 5, 61",
    "beq 2f",
    "mtctr 6",
    ".globl k42_user_words",
    "k42_user_words:",
    "ld 7, 0(4)",
    "std 7, 0(3)",
    "addi 4, 4, 8",
    "addi 3, 3, 8",
    "bdnz k42_user_words",
    "2:",
    "cmpdi 5, 0",
    "beq k42_user_done",
    "mtctr 5",
    ".globl k42_user_bytes",
    "k42_user_bytes:",
    "lbz 7, 0(4)",
    "stb 7, 0(3)",
    "addi 4, 4, 1",
    "addi 3, 3, 1",
    "bdnz k42_user_bytes",
    ".globl k42_user_done",
    "k42_user_done:",
    "li 3, 0",
    "blr",
    // As far as a zero byte: r3 = to, r4 = from, r5 = most bytes (not zero). Result: bytes left over, the zero
    // counted as copied; or -1 if there was none in the room; or -2 for a fault.
    ".globl k42_user_string",
    ".type k42_user_string, @function",
    "k42_user_string:",
    "mtctr 5",
    ".globl k42_user_string_loop",
    "k42_user_string_loop:",
    "lbz 7, 0(4)",
    "cmpdi 7, 0",
    "stb 7, 0(3)",
    "addi 4, 4, 1",
    "addi 3, 3, 1",
    "beq 3f",
    "bdnz k42_user_string_loop",
    "li 3, -1",
    "blr",
    ".globl k42_user_string_end",
    "k42_user_string_end:",
    "3:",
    "mfctr 3",
    "addi 3, 3, -1",
    "blr",
    // Atomic word: r3 = address, r4 = expected, r5 = new. Result: the old value, or -1 for a fault.
    ".globl k42_user_exchange",
    ".type k42_user_exchange, @function",
    "k42_user_exchange:",
    "sync",
    ".globl k42_user_exchange_loop",
    "k42_user_exchange_loop:",
    "lwarx 6, 0, 3",
    "cmplw 6, 4",
    "bne 4f",
    "stwcx. 5, 0, 3",
    "bne k42_user_exchange_loop",
    ".globl k42_user_exchange_end",
    "k42_user_exchange_end:",
    "4:",
    "isync",
    "mr 3, 6",
    "blr",
    // One word: r3 = address. Result: the value, or -1 for a fault.
    ".globl k42_user_load",
    ".type k42_user_load, @function",
    "k42_user_load:",
    "lwz 3, 0(3)",
    "blr",
    ".text",
);

unsafe extern "C" {
    fn k42_user_copy(to: *mut u8, from: *const u8, bytes: usize) -> usize;
    fn k42_user_string(to: *mut u8, from: *const u8, most: usize) -> i64;
    fn k42_user_exchange(at: *mut u32, expected: u32, new: u32) -> i64;
    fn k42_user_load(at: *const u32) -> i64;
    static k42_user_words: u8;
    static k42_user_bytes: u8;
    static k42_user_done: u8;
    static k42_user_string_loop: u8;
    static k42_user_string_end: u8;
    static k42_user_exchange_loop: u8;
    static k42_user_exchange_end: u8;
}

/// If a trap came from one of the loops, makes the loop end; whether it did.
pub(crate) fn fix_up(frame: &mut RegisterFrame) -> bool {
    let address = |symbol: *const u8| symbol as u64;
    let nip = frame.nip;
    let result = if (address(&raw const k42_user_words)..address(&raw const k42_user_bytes))
        .contains(&nip)
    {
        frame.ctr.wrapping_mul(8).wrapping_add(frame.gpr[5])
    } else if (address(&raw const k42_user_bytes)..address(&raw const k42_user_done)).contains(&nip)
    {
        frame.ctr
    } else if (address(&raw const k42_user_string_loop)..address(&raw const k42_user_string_end))
        .contains(&nip)
    {
        -2i64 as u64
    } else if (address(&raw const k42_user_exchange_loop)
        ..address(&raw const k42_user_exchange_end))
        .contains(&nip)
        || nip == k42_user_load as *const () as u64
    {
        -1i64 as u64
    } else {
        return false;
    };
    // A trap that is no fault (a breakpoint, say) is nobody's pointer.
    if !matches!(frame.vector, 0x300 | 0x380 | 0x600) {
        return false;
    }
    frame.gpr[3] = result;
    // Each loop keeps the return address in LR.
    frame.nip = frame.lr;
    true
}

/// Whether a program may name this range: below the library.
pub fn check(address: u64, bytes: usize) -> Result<()> {
    match address.checked_add(bytes as u64) {
        Some(end) if end <= layout::LIBRARY_BASE => Ok(()),
        _ => Err(Error::EFAULT),
    }
}

/// Copies from the program; how many bytes could not be had.
pub fn copy_in_partly(to: &mut [u8], from: u64) -> usize {
    if check(from, to.len()).is_err() {
        return to.len();
    }
    // SAFETY: the destination is ours; a bad source ends the loop.
    unsafe { k42_user_copy(to.as_mut_ptr(), from as *const u8, to.len()) }
}

/// Copies to the program; how many bytes could not be put.
pub fn copy_out_partly(to: u64, from: &[u8]) -> usize {
    if check(to, from.len()).is_err() {
        return from.len();
    }
    // SAFETY: the source is ours; the destination is the program's, below our area, and a bad one ends the loop.
    unsafe { k42_user_copy(to as *mut u8, from.as_ptr(), from.len()) }
}

/// Copies all from the program, or EFAULT.
pub fn copy_in(to: &mut [u8], from: u64) -> Result<()> {
    if copy_in_partly(to, from) == 0 {
        Ok(())
    } else {
        Err(Error::EFAULT)
    }
}

/// Copies all to the program, or EFAULT.
pub fn copy_out(to: u64, from: &[u8]) -> Result<()> {
    if copy_out_partly(to, from) == 0 {
        Ok(())
    } else {
        Err(Error::EFAULT)
    }
}

/// Copies a string without its zero; its length. ENAMETOOLONG if the zero does not come within `to`.
pub fn copy_in_string(to: &mut [u8], from: u64) -> Result<usize> {
    let room = layout::LIBRARY_BASE
        .checked_sub(from)
        .ok_or(Error::EFAULT)?;
    let most = to.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    if most == 0 {
        return Err(if to.is_empty() {
            Error::ENAMETOOLONG
        } else {
            Error::EFAULT
        });
    }
    // SAFETY: at most `most` bytes are written to `to`; a bad source ends the loop.
    match unsafe { k42_user_string(to.as_mut_ptr(), from as *const u8, most) } {
        -1 => Err(Error::ENAMETOOLONG),
        left if left < 0 => Err(Error::EFAULT),
        left => Ok(most - left as usize - 1),
    }
}

/// Compares and exchanges an aligned word of the program; the old value.
pub fn exchange_u32(at: u64, expected: u32, new: u32) -> Result<u32> {
    check(at, 4)?;
    if !at.is_multiple_of(4) {
        return Err(Error::EINVAL);
    }
    // SAFETY: an aligned word of the program; a bad address ends the loop.
    u32::try_from(unsafe { k42_user_exchange(at as *mut u32, expected, new) })
        .map_err(|_| Error::EFAULT)
}

/// Reads an aligned word of the program.
pub fn load_u32(at: u64) -> Result<u32> {
    check(at, 4)?;
    if !at.is_multiple_of(4) {
        return Err(Error::EINVAL);
    }
    // SAFETY: an aligned word of the program; a bad address ends it.
    u32::try_from(unsafe { k42_user_load(at as *const u32) }).map_err(|_| Error::EFAULT)
}
