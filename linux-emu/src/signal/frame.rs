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
use k42_abi::dispatcher::RegisterFrame;

/// Floating-point and vector registers of a thread.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct VectorState {
    /// VSX registers 0-31: the floating-point register and the other half.
    pub vsx: [[u64; 2]; 32],
    /// VMX registers 0-31, then VSCR, as `stvx` stores them.
    pub vmx: [[u64; 2]; 33],
    /// FPSCR.
    pub fpscr: u64,
    /// VRSAVE.
    pub vrsave: u64,
}

impl VectorState {
    /// What a new program starts with.
    pub const ZERO: Self = Self {
        vsx: [[0; 2]; 32],
        vmx: [[0; 2]; 33],
        fpscr: 0,
        vrsave: 0,
    };
}

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
    pub vectors: &'a VectorState,
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
    bytes.fill(0);
    put(bytes, at::UC_STACK, stack.base);
    put32(bytes, at::UC_STACK + 8, stack.flags as u32);
    put(bytes, at::UC_STACK + 16, stack.size);
    put(bytes, at::UC_SIGMASK, mask.0);
    put32(bytes, at::SIGNAL, info.signal);
    put(bytes, at::HANDLER, *handler);
    put(bytes, at::REGS, base + at::GP_REGS as u64);
    let gp = |index: usize| at::GP_REGS + index * 8;
    for (index, value) in registers.gpr.iter().enumerate() {
        put(bytes, gp(index), *value);
    }
    put(bytes, gp(pt::NIP), registers.nip);
    put(bytes, gp(pt::MSR), registers.msr | MSR_VEC_VSX_FP);
    put(bytes, gp(pt::ORIG_R3), *original_r3);
    put(bytes, gp(pt::CTR), registers.ctr);
    put(bytes, gp(pt::LINK), registers.lr);
    put(bytes, gp(pt::XER), registers.xer);
    put(bytes, gp(pt::CCR), registers.cr);
    put(bytes, gp(pt::SOFTE), 1);
    put(bytes, gp(pt::TRAP), registers.vector);
    put(bytes, gp(pt::DAR), registers.dar);
    put(bytes, gp(pt::DSISR), registers.dsisr);
    for (index, register) in vectors.vsx.iter().enumerate() {
        put(bytes, at::FP_REGS + index * 8, register[0]);
    }
    put(bytes, at::FP_REGS + 32 * 8, vectors.fpscr);
    let v = vector_area(base);
    put(bytes, at::V_REGS, base + v as u64);
    for (index, register) in vectors.vmx.iter().enumerate() {
        put(bytes, v + index * 16, register[0]);
        put(bytes, v + index * 16 + 8, register[1]);
    }
    put32(bytes, v + 33 * 16, vectors.vrsave as u32);
    for (index, register) in vectors.vsx.iter().enumerate() {
        put(bytes, v + 34 * 16 + index * 8, register[1]);
    }
    put(bytes, at::PINFO, base + at::INFO as u64);
    put(bytes, at::PUC, base);
    put_info(&mut bytes[at::INFO..], info);
}

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
    vectors: &mut VectorState,
) -> Restored {
    let gp = |index: usize| get(bytes, at::GP_REGS + index * 8);
    for (index, register) in registers.gpr.iter_mut().enumerate() {
        *register = gp(index);
    }
    registers.nip = gp(pt::NIP) & !3;
    registers.ctr = gp(pt::CTR);
    registers.lr = gp(pt::LINK);
    registers.xer = gp(pt::XER);
    registers.cr = gp(pt::CCR) & 0xffff_ffff;
    for (index, register) in vectors.vsx.iter_mut().enumerate() {
        register[0] = get(bytes, at::FP_REGS + index * 8);
    }
    vectors.fpscr = get(bytes, at::FP_REGS + 32 * 8);
    let v = vector_area(base);
    // The pointer is the program's; only the place where we put the vectors is believed.
    if get(bytes, at::V_REGS) == base + v as u64 {
        for (index, register) in vectors.vmx.iter_mut().enumerate() {
            *register = [get(bytes, v + index * 16), get(bytes, v + index * 16 + 8)];
        }
        let vrsave = bytes[v + 33 * 16..v + 33 * 16 + 4]
            .try_into()
            .map_or(0, u32::from_ne_bytes);
        vectors.vrsave = u64::from(vrsave);
        for (index, register) in vectors.vsx.iter_mut().enumerate() {
            register[1] = get(bytes, v + 34 * 16 + index * 8);
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
        let mut vectors = VectorState::ZERO;
        for i in 0..32 {
            vectors.vsx[i] = [i as u64, 100 + i as u64];
            vectors.vmx[i] = [200 + i as u64, 300 + i as u64];
        }
        vectors.vmx[32] = [1, 2];
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
        let mut bytes = [0; at::END];
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
        let mut back_vectors = VectorState::ZERO;
        let uc: &[u8; at::UCONTEXT_END] = bytes[..at::UCONTEXT_END].try_into().unwrap();
        let restored = restore(uc, base, &mut back, &mut back_vectors);
        assert_eq!(back.gpr, registers.gpr);
        assert_eq!(
            (back.nip, back.lr, back.ctr, back.xer, back.cr),
            (0x1_0000, 7, 8, 9, 0x2400_0000)
        );
        assert_eq!(back_vectors.vsx, vectors.vsx);
        assert_eq!(back_vectors.vmx, vectors.vmx);
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
        let mut vectors = VectorState::ZERO;
        restore(&bytes, 0x1000, &mut registers, &mut vectors);
        assert_eq!(vectors.vmx, VectorState::ZERO.vmx);
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
