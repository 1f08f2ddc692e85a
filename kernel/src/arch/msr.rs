//! The machine state register.

/// 64-bit mode.
pub const SF: u64 = 1 << 63;
/// Vector registers.
pub const VEC: u64 = 1 << 25;
/// VSX registers.
pub const VSX: u64 = 1 << 23;
/// External interrupts.
pub const EE: u64 = 1 << 15;
/// Problem (user) state.
pub const PR: u64 = 1 << 14;
/// Floating point.
pub const FP: u64 = 1 << 13;
/// Machine check.
pub const ME: u64 = 1 << 12;
/// Floating-point exception modes.
pub const FE: u64 = 1 << 11 | 1 << 8;
/// Single step.
pub const SE: u64 = 1 << 10;
/// Instruction translation.
pub const IR: u64 = 1 << 5;
/// Data translation.
pub const DR: u64 = 1 << 4;
/// Recoverable.
pub const RI: u64 = 1 << 1;
/// Little-endian.
pub const LE: u64 = 1;

/// All of the floating-point and vector facility.
pub const FLOAT: u64 = FP | VEC | VSX;

/// The kernel's own byte order.
pub const OWN_ORDER: u64 = if cfg!(target_endian = "little") {
    LE
} else {
    0
};

/// The kernel's own state with translation on.
pub const KERNEL: u64 = SF | ME | IR | DR | RI | OWN_ORDER;

/// Bits of a saved MSR that a program may choose for itself.
pub const CHOSEN: u64 = FE | SE;

/// The state in which a program runs. `wish` is a saved MSR that user level could write: only what it may
/// choose is taken from it. `float` says whether the registers are its own at present.
pub const fn user(wish: u64, float: bool) -> u64 {
    SF | EE | PR | ME | IR | DR | RI | OWN_ORDER | wish & CHOSEN | if float { FLOAT } else { 0 }
}

/// `state`, which [`user`] made of no wish, with a wish.
pub const fn with_wish(state: u64, wish: u64) -> u64 {
    state | wish & CHOSEN
}
