//! Access to a program's memory by the library that lives in the same address space.
//!
//! A pointer that a program passes may be anything. The range check keeps it away from the library's own
//! area; whether it is mapped shows when it is touched: a fault that the memory server refuses becomes a trap, and the
//! trap entry, finding `nip` in one of the loops here, makes the loop end with a count of what is missing. Never used
//! while disabled or under a spinning lock, since a fault may take time.

use k42_abi::dispatcher::RegisterFrame;
use k42_abi::{Error, Result, layout};

/// Moves VSR 0 to 7 by an instruction with the given extended opcode, to or from 128 bytes at a register; the offsets are in
/// r6 to r11 and r0. The first has no offset: register 0 as a base means none.
macro_rules! k42_vectors {
    ($opcode:literal, $base:literal) => {
        concat!(
            ".set k42_op, (31 << 26) | (",
            $opcode,
            " << 1)\n",
            ".set k42_at, ",
            $base,
            "\n",
            ".long k42_op | (0 << 21) | (0 << 16) | (k42_at << 11)\n",
            ".long k42_op | (1 << 21) | (k42_at << 16) | (6 << 11)\n",
            ".long k42_op | (2 << 21) | (k42_at << 16) | (7 << 11)\n",
            ".long k42_op | (3 << 21) | (k42_at << 16) | (8 << 11)\n",
            ".long k42_op | (4 << 21) | (k42_at << 16) | (9 << 11)\n",
            ".long k42_op | (5 << 21) | (k42_at << 16) | (10 << 11)\n",
            ".long k42_op | (6 << 21) | (k42_at << 16) | (11 << 11)\n",
            ".long k42_op | (7 << 21) | (k42_at << 16) | (0 << 11)",
        )
    };
}

core::arch::global_asm!(
    ".section .text.k42_usercopy, \"ax\", @progbits",
    // r3 = to, r4 = from, r5 = bytes; result: bytes not copied. Blocks of 64 first, then words, then bytes: where one
    // loop faults the next finer one goes on from the start of the piece, so the count is exact.
    ".globl k42_user_copy",
    ".type k42_user_copy, @function",
    "k42_user_copy:",
    "srdi. 6, 5, 6",
    "beq k42_user_rest",
    "mtctr 6",
    "clrldi 5, 5, 58",
    ".globl k42_user_blocks",
    "k42_user_blocks:",
    "ld 6, 0(4)",
    "ld 7, 8(4)",
    "ld 8, 16(4)",
    "ld 9, 24(4)",
    "std 6, 0(3)",
    "std 7, 8(3)",
    "std 8, 16(3)",
    "std 9, 24(3)",
    "ld 6, 32(4)",
    "ld 7, 40(4)",
    "ld 8, 48(4)",
    "ld 9, 56(4)",
    "std 6, 32(3)",
    "std 7, 40(3)",
    "std 8, 48(3)",
    "std 9, 56(3)",
    "addi 4, 4, 64",
    "addi 3, 3, 64",
    "bdnz k42_user_blocks",
    ".globl k42_user_rest",
    "k42_user_rest:",
    "srdi. 6, 5, 3",
    "clrldi 5, 5, 61",
    "beq k42_user_tail",
    "mtctr 6",
    ".globl k42_user_words",
    "k42_user_words:",
    "ld 7, 0(4)",
    "std 7, 0(3)",
    "addi 4, 4, 8",
    "addi 3, 3, 8",
    "bdnz k42_user_words",
    ".globl k42_user_tail",
    "k42_user_tail:",
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
    // As k42_user_copy, at least 128 bytes, by blocks of that size through VSR 0 to 7, which are the program's and are
    // kept below r1 meanwhile. The opcodes are written as numbers: the assembler is told that this processor has no such
    // registers.
    ".globl k42_user_copy_wide",
    ".type k42_user_copy_wide, @function",
    "k42_user_copy_wide:",
    "li 6, 16",
    "li 7, 32",
    "li 8, 48",
    "li 9, 64",
    "li 10, 80",
    "li 11, 96",
    "li 0, 112",
    "addi 12, 1, -128",
    k42_vectors!(972, 12), // stxvd2x
    "srdi 12, 5, 7",
    "mtctr 12",
    "clrldi 5, 5, 57",
    ".globl k42_user_wide",
    "k42_user_wide:",
    k42_vectors!(844, 4), // lxvd2x
    k42_vectors!(972, 3),
    "addi 4, 4, 128",
    "addi 3, 3, 128",
    "bdnz k42_user_wide",
    ".globl k42_user_wide_end",
    "k42_user_wide_end:",
    "addi 12, 1, -128",
    k42_vectors!(844, 12),
    "b k42_user_copy",
    // As far as a zero byte: r3 = to, r4 = from, r5 = most bytes. Result: bytes left over, the zero counted as copied; or
    // -1 if there was none in the room; or -2 for a fault. Words as long as none has a zero byte; a word that reaches
    // beyond the string, to where nothing is mapped, faults and is looked at byte by byte.
    ".globl k42_user_string",
    ".type k42_user_string, @function",
    "k42_user_string:",
    "srdi. 6, 5, 3",
    "lis 8, 0x101",
    "ori 8, 8, 0x101",
    "rldimi 8, 8, 32, 0",
    "sldi 9, 8, 7",
    "beq k42_user_string_tail",
    "mtctr 6",
    "clrldi 5, 5, 61",
    ".globl k42_user_string_words",
    "k42_user_string_words:",
    "ld 7, 0(4)",
    "subf 10, 8, 7",
    "andc 10, 10, 7",
    "and. 10, 10, 9",
    "bne 3f",
    "std 7, 0(3)",
    "addi 4, 4, 8",
    "addi 3, 3, 8",
    "bdnz k42_user_string_words",
    ".globl k42_user_string_tail",
    "k42_user_string_tail:",
    "cmpdi 5, 0",
    "beq 5f",
    "mtctr 5",
    ".globl k42_user_string_loop",
    "k42_user_string_loop:",
    "lbz 7, 0(4)",
    "cmpdi 7, 0",
    "stb 7, 0(3)",
    "addi 4, 4, 1",
    "addi 3, 3, 1",
    "beq k42_user_string_end",
    "bdnz k42_user_string_loop",
    "5:",
    "li 3, -1",
    "blr",
    ".globl k42_user_string_end",
    "k42_user_string_end:",
    "mfctr 3",
    "addi 3, 3, -1",
    "blr",
    "3:",
    "mfctr 6",
    "sldi 6, 6, 3",
    "add 5, 5, 6",
    "b k42_user_string_tail",
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
    // One word, stored as it is: r3 = address. Result: 0, or -1 for a fault.
    ".globl k42_user_touch",
    ".type k42_user_touch, @function",
    "k42_user_touch:",
    "lwarx 6, 0, 3",
    "stwcx. 6, 0, 3",
    "bne k42_user_touch",
    ".globl k42_user_touch_end",
    "k42_user_touch_end:",
    "li 3, 0",
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
    fn k42_user_copy_wide(to: *mut u8, from: *const u8, bytes: usize) -> usize;
    fn k42_user_string(to: *mut u8, from: *const u8, most: usize) -> i64;
    fn k42_user_exchange(at: *mut u32, expected: u32, new: u32) -> i64;
    fn k42_user_touch(at: *mut u32) -> i64;
    fn k42_user_load(at: *const u32) -> i64;
    static k42_user_wide: u8;
    static k42_user_wide_end: u8;
    static k42_user_blocks: u8;
    static k42_user_rest: u8;
    static k42_user_words: u8;
    static k42_user_tail: u8;
    static k42_user_bytes: u8;
    static k42_user_done: u8;
    static k42_user_string_words: u8;
    static k42_user_string_tail: u8;
    static k42_user_string_loop: u8;
    static k42_user_string_end: u8;
    static k42_user_exchange_loop: u8;
    static k42_user_exchange_end: u8;
    static k42_user_touch_end: u8;
}

/// Where a loop that has faulted goes on.
enum Next {
    /// At a finer loop, with so many bytes.
    Finer(*const u8, u64),
    /// At the caller, with this result.
    Return(u64),
}

/// If a trap came from one of the loops, makes the loop go on or end; whether it did.
pub(crate) fn fix_up(frame: &mut RegisterFrame) -> bool {
    let nip = frame.nip;
    let within = |from: *const u8, to: *const u8| (from as u64..to as u64).contains(&nip);
    let left = |unit: u64| frame.ctr.wrapping_mul(unit).wrapping_add(frame.gpr[5]);
    let next = if within(&raw const k42_user_wide, &raw const k42_user_wide_end) {
        Next::Finer(&raw const k42_user_wide_end, left(128))
    } else if within(&raw const k42_user_blocks, &raw const k42_user_rest) {
        Next::Finer(&raw const k42_user_rest, left(64))
    } else if within(&raw const k42_user_words, &raw const k42_user_tail) {
        Next::Finer(&raw const k42_user_tail, left(8))
    } else if within(&raw const k42_user_bytes, &raw const k42_user_done) {
        Next::Return(frame.ctr)
    } else if within(
        &raw const k42_user_string_words,
        &raw const k42_user_string_tail,
    ) {
        Next::Finer(&raw const k42_user_string_tail, left(8))
    } else if within(
        &raw const k42_user_string_loop,
        &raw const k42_user_string_end,
    ) {
        Next::Return(-2i64 as u64)
    } else if within(
        &raw const k42_user_exchange_loop,
        &raw const k42_user_exchange_end,
    ) || within(k42_user_touch as *const u8, &raw const k42_user_touch_end)
        || nip == k42_user_load as *const () as u64
    {
        Next::Return(-1i64 as u64)
    } else {
        return false;
    };
    // A trap that is no fault (a breakpoint, say) is nobody's pointer.
    if !matches!(frame.vector, 0x300 | 0x380 | 0x600) {
        return false;
    }
    match next {
        Next::Finer(place, bytes) => {
            frame.gpr[5] = bytes;
            frame.nip = place as u64;
        }
        Next::Return(result) => {
            frame.gpr[3] = result;
            // Each loop keeps the return address in LR.
            frame.nip = frame.lr;
        }
    }
    true
}

/// Whether a program may name this range: below the library.
pub fn check(address: u64, bytes: usize) -> Result<()> {
    match address.checked_add(bytes as u64) {
        Some(end) if end <= layout::LIBRARY_BASE => Ok(()),
        _ => Err(Error::EFAULT),
    }
}

/// From this size on the detour by the program's vector registers pays.
const WIDE: usize = 1024;

/// Copies; how many bytes were left when an access failed.
///
/// # Safety
/// As for `core::ptr::copy_nonoverlapping`, but that either side may be memory that is not there.
unsafe fn copy(to: *mut u8, from: *const u8, bytes: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        if bytes >= WIDE && crate::fp::has_vsx() {
            k42_user_copy_wide(to, from, bytes)
        } else {
            k42_user_copy(to, from, bytes)
        }
    }
}

/// Copies from the program; how many bytes could not be had.
pub fn copy_in_partly(to: &mut [u8], from: u64) -> usize {
    if check(from, to.len()).is_err() {
        return to.len();
    }
    // SAFETY: the destination is ours; a bad source ends the loop.
    unsafe { copy(to.as_mut_ptr(), from as *const u8, to.len()) }
}

/// Copies to the program; how many bytes could not be put.
pub fn copy_out_partly(to: u64, from: &[u8]) -> usize {
    if check(to, from.len()).is_err() {
        return from.len();
    }
    // SAFETY: the source is ours; the destination is the program's, below our area, and a bad one ends the loop.
    unsafe { copy(to as *mut u8, from.as_ptr(), from.len()) }
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

/// Copies between two ranges, both of which may fault; how many bytes were not copied.
///
/// # Safety
/// What is at `to` is not used by Rust code: memory of the program, or a mapping that is only used by such copies.
pub unsafe fn copy_across(to: u64, from: u64, bytes: usize) -> usize {
    // SAFETY: the caller's promise; a bad address ends the loop.
    unsafe { copy(to as *mut u8, from as *const u8, bytes) }
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

/// Makes sure that an aligned word of the program can be stored to, and leaves it as it is.
pub fn touch_u32(at: u64) -> Result<()> {
    check(at, 4)?;
    if !at.is_multiple_of(4) {
        return Err(Error::EINVAL);
    }
    // SAFETY: an aligned word of the program, which keeps its value; a bad address ends the loop.
    match unsafe { k42_user_touch(at as *mut u32) } {
        0 => Ok(()),
        _ => Err(Error::EFAULT),
    }
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
