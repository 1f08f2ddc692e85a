//! The signal frame on the program's stack, as Linux lays it out on 64-bit Power (ELFv2).
//!
//! ```text
//! old r1 ->   +--------------------------+
//!             | 512 bytes left alone     |  the ABI lets leaf code keep data below r1
//!             | siginfo (128)            |
//!             | puc, pinfo, trampoline   |  the trampoline words are unused: a vDSO page has them
//!             | ucontext (1696)          |  its mcontext: registers, FP, pointer to the vectors
//! frame  ->   +--------------------------+  16-byte aligned
//!             | 128 bytes of stack frame |  with the back chain to old r1
//! new r1 ->   +--------------------------+
//! ```
//!
//! Everything is composed in a buffer of the library and copied out at once, so a stack that is not
//! there gives one EFAULT and no half-made frame. Reading back trusts nothing: only registers that a
//! program may set are taken.

use super::Info;
use super::set::SignalSet;
use super::set::number::{SIGBUS, SIGCHLD, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
use crate::port::FpState;
use k42_abi::dispatcher::RegisterFrame;

/// `stack_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AltStack {
    /// Lowest address.
    pub base: u64,
    /// SS_* bits.
    pub flags: i32,
    /// Bytes.
    pub size: u64,
}

impl AltStack {
    /// There is none.
    pub const NONE: Self = Self {
        base: 0,
        flags: SS_DISABLE,
        size: 0,
    };
    /// Whether `sp` is on it.
    pub fn holds(&self, sp: u64) -> bool {
        self.flags & SS_DISABLE == 0 && sp > self.base && sp - self.base <= self.size
    }
}

/// The thread runs on the alternate stack now.
pub const SS_ONSTACK: i32 = 1;
/// There is no alternate stack.
pub const SS_DISABLE: i32 = 2;
/// Forget the alternate stack while a handler runs on it.
pub const SS_AUTODISARM: i32 = i32::MIN;

/// Offsets in the frame.
pub mod at {
    #![allow(missing_docs, reason = "named after Linux's structure members")]
    pub const UC_STACK: usize = 16;
    pub const UC_SIGMASK: usize = 40;
    pub const MCONTEXT: usize = 168;
    pub const SIGNAL: usize = MCONTEXT + 32;
    pub const HANDLER: usize = MCONTEXT + 40;
    pub const REGS: usize = MCONTEXT + 56;
    pub const GP_REGS: usize = MCONTEXT + 64;
    pub const FP_REGS: usize = GP_REGS + 48 * 8;
    pub const V_REGS: usize = FP_REGS + 33 * 8;
    pub const VMX_RESERVE: usize = V_REGS + 8;
    pub const UCONTEXT_END: usize = VMX_RESERVE + 101 * 8;
    pub const PINFO: usize = 1744;
    pub const PUC: usize = 1752;
    pub const INFO: usize = 1760;
    pub const END: usize = INFO + 128;
}
const _: () = assert!(at::UCONTEXT_END == 1696);

/// Bytes of `siginfo_t`.
pub const INFO_BYTES: usize = 128;
/// Bytes below the program's r1 that stay untouched.
const RED_ZONE: u64 = 512;
/// The frame with the red zone, as Linux counts it.
const FRAME_BYTES: u64 = (at::END as u64 + RED_ZONE).next_multiple_of(16);
/// Stack frame for the handler's caller.
pub const CALLER_FRAME: u64 = 128;

/// Index of what in `gp_regs`.
mod pt {
    pub const NIP: usize = 32;
    pub const MSR: usize = 33;
    pub const ORIG_R3: usize = 34;
    pub const CTR: usize = 35;
    pub const LINK: usize = 36;
    pub const XER: usize = 37;
    pub const CCR: usize = 38;
    pub const SOFTE: usize = 39;
    pub const TRAP: usize = 40;
    pub const DAR: usize = 41;
    pub const DSISR: usize = 42;
}

/// MSR bits that say which registers the frame holds.
const MSR_VEC_VSX_FP: u64 = 1 << 25 | 1 << 23 | 1 << 13;

/// Composed but not yet copied out.
pub type FrameBytes = [u8; at::END];

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
}
/// Puts a run of words.
fn put_all(bytes: &mut [u8], at: usize, words: impl Iterator<Item = u64>) {
    let (places, _) = bytes[at..].as_chunks_mut();
    for (place, word) in places.iter_mut().zip(words) {
        *place = word.to_ne_bytes();
    }
}

/// A run of words.
fn get_all(bytes: &[u8], at: usize) -> impl Iterator<Item = u64> {
    let (words, _) = bytes[at..].as_chunks();
    words.iter().map(|word| u64::from_ne_bytes(*word))
}

/// The doublewords of a VMX register in a frame from their order in [`FpState`], or the other way round: `stvx`, which
/// frames follow, has them in the order of memory.
fn turned([a, b]: [u64; 2]) -> [u64; 2] {
    if cfg!(target_endian = "little") {
        [b, a]
    } else {
        [a, b]
    }
}

fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
}
fn get(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].try_into().map_or(0, u64::from_ne_bytes)
}

/// Writes `siginfo_t`.
pub fn put_info(bytes: &mut [u8], info: &Info) {
    bytes[..INFO_BYTES].fill(0);
    put32(bytes, 0, info.signal);
    put32(bytes, 4, info.errno as u32);
    put32(bytes, 8, info.code as u32);
    match info.signal {
        SIGSEGV | SIGBUS | SIGILL | SIGFPE | SIGTRAP if info.code > 0 && info.code < 0x80 => {
            put(bytes, 16, info.address)
        }
        signal => {
            put32(bytes, 16, info.pid as u32);
            put32(bytes, 20, info.uid);
            if signal == SIGCHLD && info.code > 0 {
                put32(bytes, 24, info.value as u32);
            } else {
                put(bytes, 24, info.value);
            }
        }
    }
}

/// Address of the frame for a handler that starts with stack pointer `sp`.
pub fn place(sp: u64) -> u64 {
    sp.wrapping_sub(FRAME_BYTES) & !15
}

/// Everything that goes into a frame.
pub struct Contents<'a> {
    /// Registers to go on with after the handler.
    pub registers: &'a RegisterFrame,
    /// Vector registers likewise.
    pub vectors: &'a FpState,
    /// Original r3 of the interrupted system call.
    pub original_r3: u64,
    /// Mask to restore.
    pub mask: SignalSet,
    /// The alternate stack, as sigaltstack(2) would give it now.
    pub stack: AltStack,
    /// The signal.
    pub info: &'a Info,
    /// Handler's address.
    pub handler: u64,
}

/// Composes the frame that will lie at `base`.
pub fn compose(bytes: &mut FrameBytes, base: u64, contents: &Contents<'_>) {
    let Contents {
        registers,
        vectors,
        original_r3,
        mask,
        stack,
        info,
        handler,
    } = contents;
    let v = vector_area(base);
    for hole in [0..at::GP_REGS, v + VRSAVE..v + HALVES, at::VMX_RESERVE..v] {
        bytes[hole].fill(0);
    }
    bytes[v + HALVES + 32 * 8..at::INFO].fill(0);
    put(bytes, at::UC_STACK, stack.base);
    put32(bytes, at::UC_STACK + 8, stack.flags as u32);
    put(bytes, at::UC_STACK + 16, stack.size);
    put(bytes, at::UC_SIGMASK, mask.0);
    put32(bytes, at::SIGNAL, info.signal);
    put(bytes, at::HANDLER, *handler);
    put(bytes, at::REGS, base + at::GP_REGS as u64);
    let mut special = [0; 16];
    for (index, value) in [
        (pt::NIP, registers.nip),
        (pt::MSR, registers.msr | MSR_VEC_VSX_FP),
        (pt::ORIG_R3, *original_r3),
        (pt::CTR, registers.ctr),
        (pt::LINK, registers.lr),
        (pt::XER, registers.xer),
        (pt::CCR, registers.cr),
        (pt::SOFTE, 1),
        (pt::TRAP, registers.vector),
        (pt::DAR, registers.dar),
        (pt::DSISR, registers.dsisr),
    ] {
        special[index - pt::NIP] = value;
    }
    put_all(bytes, at::GP_REGS, registers.gpr.iter().copied());
    put_all(bytes, at::GP_REGS + pt::NIP * 8, special.into_iter());
    let (vsx, vmx) = vectors.vsr.split_at(32);
    put_all(bytes, at::FP_REGS, vsx.iter().map(|register| register[0]));
    put(bytes, at::FP_REGS + 32 * 8, vectors.fpscr);
    put(bytes, at::V_REGS, base + v as u64);
    let (places, _) = bytes[v..].as_chunks_mut::<16>();
    for (place, register) in places.iter_mut().zip(vmx) {
        let [first, second] = turned(*register);
        place[..8].copy_from_slice(&first.to_ne_bytes());
        place[8..].copy_from_slice(&second.to_ne_bytes());
    }
    put_all(bytes, v + 32 * 16, vectors.vscr.into_iter());
    put32(bytes, v + VRSAVE, vectors.vrsave as u32);
    put_all(bytes, v + HALVES, vsx.iter().map(|register| register[1]));
    put(bytes, at::PINFO, base + at::INFO as u64);
    put(bytes, at::PUC, base);
    put_info(&mut bytes[at::INFO..], info);
}

/// Where VRSAVE is in the vector area.
const VRSAVE: usize = 33 * 16;
/// Where the second halves of VSX registers 0 to 31 are there.
const HALVES: usize = 34 * 16;

/// Offset of the vector area: the first 16-byte boundary of its room.
fn vector_area(base: u64) -> usize {
    let address = base + at::VMX_RESERVE as u64;
    (address.next_multiple_of(16) - base) as usize
}

/// What a program hands back by rt_sigreturn(2).
pub struct Restored {
    /// Signal mask.
    pub mask: SignalSet,
    /// Alternate stack.
    pub stack: AltStack,
}

/// Reads a ucontext that lies at `base`: registers and vectors. Of the machine state nothing is taken.
pub fn restore(
    bytes: &[u8; at::UCONTEXT_END],
    base: u64,
    registers: &mut RegisterFrame,
    vectors: &mut FpState,
) -> Restored {
    let gp = |index: usize| get(bytes, at::GP_REGS + index * 8);
    for (register, value) in registers.gpr.iter_mut().zip(get_all(bytes, at::GP_REGS)) {
        *register = value;
    }
    registers.nip = gp(pt::NIP) & !3;
    registers.ctr = gp(pt::CTR);
    registers.lr = gp(pt::LINK);
    registers.xer = gp(pt::XER);
    registers.cr = gp(pt::CCR) & 0xffff_ffff;
    let (vsx, vmx) = vectors.vsr.split_at_mut(32);
    for (register, value) in vsx.iter_mut().zip(get_all(bytes, at::FP_REGS)) {
        register[0] = value;
    }
    vectors.fpscr = get(bytes, at::FP_REGS + 32 * 8);
    let v = vector_area(base);
    // The pointer is the program's; only the place where we put the vectors is believed.
    if get(bytes, at::V_REGS) == base + v as u64 {
        let (places, _) = bytes[v..].as_chunks::<16>();
        for (register, place) in vmx.iter_mut().zip(places) {
            *register = turned([get(place, 0), get(place, 8)]);
        }
        vectors.vscr = [get(bytes, v + 32 * 16), get(bytes, v + 32 * 16 + 8)];
        let vrsave = bytes[v + VRSAVE..v + VRSAVE + 4]
            .try_into()
            .map_or(0, u32::from_ne_bytes);
        vectors.vrsave = u64::from(vrsave);
        for (register, value) in vsx.iter_mut().zip(get_all(bytes, v + HALVES)) {
            register[1] = value;
        }
    }
    let flags = bytes[at::UC_STACK + 8..at::UC_STACK + 12]
        .try_into()
        .map_or(0, i32::from_ne_bytes);
    Restored {
        mask: SignalSet(get(bytes, at::UC_SIGMASK)).without(SignalSet::UNBLOCKABLE),
        stack: AltStack {
            base: get(bytes, at::UC_STACK),
            flags,
            size: get(bytes, at::UC_STACK + 16),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let mut registers = RegisterFrame::ZERO;
        for (i, r) in registers.gpr.iter_mut().enumerate() {
            *r = 0x1000 + i as u64;
        }
        registers.nip = 0x1_0000;
        registers.lr = 7;
        registers.ctr = 8;
        registers.xer = 9;
        registers.cr = 0x2400_0000;
        let mut vectors = FpState::ZERO;
        for i in 0..64 {
            vectors.vsr[i] = [i as u64, 100 + i as u64];
        }
        vectors.vscr = [1, 2];
        vectors.fpscr = 0xf8;
        vectors.vrsave = 0xffff_ffff;
        let base = place(0x7fff_ffff_fff0);
        assert_eq!(base % 16, 0);
        assert!(base + at::END as u64 + RED_ZONE <= 0x7fff_ffff_fff0);
        let stack = AltStack {
            base: 0x5000,
            flags: 0,
            size: 0x4000,
        };
        let info = Info {
            signal: SIGSEGV,
            code: 1,
            address: 0xdead,
            ..Info::default()
        };
        let mut bytes = [0xee; at::END];
        compose(
            &mut bytes,
            base,
            &Contents {
                registers: &registers,
                vectors: &vectors,
                original_r3: 3,
                mask: SignalSet(0xf0f),
                stack,
                info: &info,
                handler: 0x4444,
            },
        );
        let mut back = RegisterFrame::ZERO;
        let mut back_vectors = FpState::ZERO;
        let uc: &[u8; at::UCONTEXT_END] = bytes[..at::UCONTEXT_END].try_into().unwrap();
        let restored = restore(uc, base, &mut back, &mut back_vectors);
        assert_eq!(back.gpr, registers.gpr);
        assert_eq!(
            (back.nip, back.lr, back.ctr, back.xer, back.cr),
            (0x1_0000, 7, 8, 9, 0x2400_0000)
        );
        assert_eq!(back_vectors.vsr, vectors.vsr);
        assert_eq!(back_vectors.vscr, vectors.vscr);
        assert_eq!(
            (back_vectors.fpscr, back_vectors.vrsave),
            (0xf8, 0xffff_ffff)
        );
        assert_eq!(restored.stack, stack);
        assert!(!restored.mask.has(9));
        assert_eq!(get(&bytes, at::INFO + 16), 0xdead);
        assert_eq!(get(&bytes, at::REGS), base + 232);
    }

    #[test]
    fn a_vector_pointer_of_the_programs_own_is_not_followed() {
        let mut bytes = [0xff; at::UCONTEXT_END];
        bytes[at::V_REGS..at::V_REGS + 8].fill(0x41);
        let mut registers = RegisterFrame::ZERO;
        let mut vectors = FpState::ZERO;
        restore(&bytes, 0x1000, &mut registers, &mut vectors);
        assert_eq!(vectors.vsr[32..], FpState::ZERO.vsr[32..]);
        assert_eq!(registers.nip % 4, 0);
        assert_eq!(registers.msr, 0);
    }

    #[test]
    fn stack_bounds() {
        let stack = AltStack {
            base: 0x1000,
            flags: 0,
            size: 0x1000,
        };
        assert!(stack.holds(0x2000) && stack.holds(0x1001));
        assert!(!stack.holds(0x1000) && !stack.holds(0x2001));
        assert!(!AltStack::NONE.holds(1));
    }
}
