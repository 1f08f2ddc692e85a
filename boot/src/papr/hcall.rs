//! Hypervisor calls: `sc 1` with a token in r3, arguments from r4, a status back in r3 and
//! results from r4 (PAPR chapter "Hypervisor Call Functions").
//!
//! [`hcall`] is the one unsafe door; the typed functions below it state what each call
//! promises. Only r0, r3-r12, CTR, XER and some CR fields change in a call, so it may be
//! made from the lowest levels of the kernel. Data in memory is big-endian and is named by
//! physical address; data in registers has no byte order.

/// Tokens of the calls that are used here or by the kernel.
#[allow(
    missing_docs,
    reason = "PAPR's names; the functions below explain those in use"
)]
pub mod token {
    pub const H_REMOVE: u64 = 0x04;
    pub const H_ENTER: u64 = 0x08;
    pub const H_READ: u64 = 0x0c;
    pub const H_PROTECT: u64 = 0x18;
    pub const H_GET_TERM_CHAR: u64 = 0x54;
    pub const H_PUT_TERM_CHAR: u64 = 0x58;
    pub const H_EOI: u64 = 0x64;
    pub const H_CPPR: u64 = 0x68;
    pub const H_IPI: u64 = 0x6c;
    pub const H_IPOLL: u64 = 0x70;
    pub const H_XIRR: u64 = 0x74;
    pub const H_VIO_SIGNAL: u64 = 0x104;
    pub const H_CEDE: u64 = 0xe0;
    pub const H_CONFER: u64 = 0xe4;
    pub const H_PROD: u64 = 0xe8;
    pub const H_RANDOM: u64 = 0x300;
    pub const H_SET_MODE: u64 = 0x31c;
    pub const H_CLEAN_SLB: u64 = 0x374;
    pub const H_REGISTER_PROC_TBL: u64 = 0x37c;
    /// Not PAPR: QEMU's and KVM's door to run-time services.
    pub const H_RTAS: u64 = 0xf000;
}

/// Why the hypervisor refused, by PAPR's return codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HcallError {
    /// H_BUSY or one of the long-busy codes: ask again later.
    Busy,
    /// H_HARDWARE: the platform failed.
    Hardware,
    /// H_FUNCTION: there is no such call here.
    Function,
    /// H_PRIVILEGE: the caller may not do this.
    Privilege,
    /// H_PARAMETER and the numbered H_P2 to H_P9: argument `n`, counted from 1, is wrong.
    Parameter(u8),
    /// H_RESOURCE, H_NO_MEM: no more of it.
    Resource,
    /// Any other code, as it came.
    Other(i64),
}

impl HcallError {
    #[cfg_attr(
        not(target_os = "none"),
        allow(dead_code, reason = "no hypervisor to fail")
    )]
    fn from_code(code: i64) -> Self {
        match code {
            1 | 9900..=9905 => Self::Busy,
            -1 => Self::Hardware,
            -2 => Self::Function,
            -3 => Self::Privilege,
            -4 => Self::Parameter(1),
            -62..=-55 => Self::Parameter((-53 - code) as u8),
            -44 | -16 | -9 => Self::Resource,
            other => Self::Other(other),
        }
    }
}

/// Results of a call that succeeded: r4 to r7.
pub type Results = [u64; 4];

/// Makes a hypervisor call with up to six arguments.
///
/// # Errors
/// What the hypervisor answers. On a machine without one (the host, under test) every
/// call is [`HcallError::Function`].
///
/// # Safety
/// 1. The call must not make the hypervisor write to memory that Rust code owns otherwise.
/// 2. It must not change how this CPU runs (translation, byte order of interrupts, its
///    tables) in a way that the code around it is not written for.
pub unsafe fn hcall(token: u64, args: [u64; 6]) -> Result<Results, HcallError> {
    #[cfg(all(target_arch = "powerpc64", target_os = "none"))]
    {
        let status: i64;
        let (r4, r5, r6, r7): (u64, u64, u64, u64);
        // SAFETY: by the caller's promise the call harms no memory of ours; registers that
        // PAPR calls volatile are named as changed.
        unsafe {
            core::arch::asm!(
                "sc 1",
                inlateout("r3") token => status,
                inlateout("r4") args[0] => r4,
                inlateout("r5") args[1] => r5,
                inlateout("r6") args[2] => r6,
                inlateout("r7") args[3] => r7,
                inlateout("r8") args[4] => _,
                inlateout("r9") args[5] => _,
                lateout("r0") _, lateout("r10") _, lateout("r11") _, lateout("r12") _,
                lateout("ctr") _, lateout("xer") _, lateout("cr0") _, lateout("cr1") _,
                lateout("cr5") _, lateout("cr6") _, lateout("cr7") _,
                options(nostack),
            );
        }
        // H_PARTIAL, H_CLOSED and the like are positive, yet no success.
        match status {
            0 => Ok([r4, r5, r6, r7]),
            code => Err(HcallError::from_code(code)),
        }
    }
    #[cfg(not(all(target_arch = "powerpc64", target_os = "none")))]
    {
        let _ = (token, args);
        Err(HcallError::Function)
    }
}

fn plain(token: u64, args: [u64; 6]) -> Result<Results, HcallError> {
    // SAFETY: private to this module; used only for calls that touch no memory of the
    // caller's and do not change how this CPU runs.
    unsafe { hcall(token, args) }
}

/// H_PUT_TERM_CHAR: hands up to 16 bytes to virtual terminal `unit`; returns how many of
/// `text` that was.
///
/// # Errors
/// [`HcallError::Busy`] when the terminal's buffer is full.
pub fn put_term_char(unit: u32, text: &[u8]) -> Result<usize, HcallError> {
    let length = text.len().min(16);
    let mut bytes = [0u8; 16];
    bytes[..length].copy_from_slice(&text[..length]);
    let words = u128::from_be_bytes(bytes);
    let args = [
        u64::from(unit),
        length as u64,
        (words >> 64) as u64,
        words as u64,
        0,
        0,
    ];
    plain(token::H_PUT_TERM_CHAR, args).map(|_| length)
}

/// H_GET_TERM_CHAR: what was typed at virtual terminal `unit`, up to 16 bytes; the number
/// says how many count.
///
/// # Errors
/// [`HcallError::Parameter`] when there is no such terminal.
pub fn get_term_char(unit: u32) -> Result<([u8; 16], usize), HcallError> {
    let [length, high, low, _] = plain(token::H_GET_TERM_CHAR, [u64::from(unit), 0, 0, 0, 0, 0])?;
    let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    Ok((bytes, (length as usize).min(16)))
}

/// H_CEDE: gives up the CPU until an interrupt or a prod. **It sets MSR.EE**: a pending
/// interrupt is taken at the instruction behind the call.
///
/// # Errors
/// None is known; the status is passed on.
///
/// # Safety
/// The caller must be ready for interrupts at the place of the call.
pub unsafe fn cede() -> Result<(), HcallError> {
    // SAFETY: the caller is ready for the interrupt, which is the call's only effect.
    unsafe { hcall(token::H_CEDE, [0; 6]) }.map(|_| ())
}

/// H_PROD: wakes another CPU from [`cede`].
///
/// # Errors
/// [`HcallError::Parameter`] when there is no such CPU.
pub fn prod(hw_cpu: u32) -> Result<(), HcallError> {
    plain(token::H_PROD, [u64::from(hw_cpu), 0, 0, 0, 0, 0]).map(|_| ())
}

/// H_RANDOM: 64 bits from the platform's random number generator.
///
/// # Errors
/// [`HcallError::Function`] where the machine was started without one.
pub fn random() -> Result<u64, HcallError> {
    plain(token::H_RANDOM, [0; 6]).map(|results| results[0])
}

/// H_CPPR: sets this CPU's interrupt priority; only more favoured (lower) ones come in.
///
/// # Errors
/// None is known; the status is passed on.
pub fn set_cppr(priority: u8) -> Result<(), HcallError> {
    plain(token::H_CPPR, [u64::from(priority), 0, 0, 0, 0, 0]).map(|_| ())
}

/// H_IPI: sets the inter-processor request of `hw_cpu` to `priority` (0xff withdraws it).
///
/// # Errors
/// [`HcallError::Parameter`] when there is no such CPU.
pub fn ipi(hw_cpu: u32, priority: u8) -> Result<(), HcallError> {
    plain(
        token::H_IPI,
        [u64::from(hw_cpu), u64::from(priority), 0, 0, 0, 0],
    )
    .map(|_| ())
}

/// H_XIRR: accepts the pending interrupt: the old priority in bits 31-24, the source in
/// the rest (0: none, 2: inter-processor).
///
/// # Errors
/// None is known; the status is passed on.
pub fn xirr() -> Result<u32, HcallError> {
    plain(token::H_XIRR, [0; 6]).map(|results| results[0] as u32)
}

/// H_EOI: ends the interrupt that [`xirr`] returned, and restores its priority.
///
/// # Errors
/// [`HcallError::Parameter`] for a source that does not exist.
pub fn eoi(xirr: u32) -> Result<(), HcallError> {
    plain(token::H_EOI, [u64::from(xirr), 0, 0, 0, 0, 0]).map(|_| ())
}

/// H_VIO_SIGNAL: whether a virtual device raises interrupts.
///
/// # Errors
/// [`HcallError::Parameter`] when there is no such device.
pub fn vio_signal(unit: u32, enable: bool) -> Result<(), HcallError> {
    plain(
        token::H_VIO_SIGNAL,
        [u64::from(unit), u64::from(enable), 0, 0, 0, 0],
    )
    .map(|_| ())
}

/// H_SET_MODE, resource 4: the byte order in which **all** CPUs take interrupts.
///
/// # Errors
/// [`HcallError::Function`] before POWER7-level partitions.
///
/// # Safety
/// The interrupt vectors must be in that byte order before the next interrupt.
pub unsafe fn set_interrupt_order(little: bool) -> Result<(), HcallError> {
    // SAFETY: the caller's vectors fit.
    unsafe { hcall(token::H_SET_MODE, [u64::from(little), 4, 0, 0, 0, 0]) }.map(|_| ())
}

/// H_SET_MODE, resource 3: whether interrupts, on **all** CPUs, are taken with translation
/// on and at 0xc000000000004000 plus the vector (AIL = 3), or in real mode (AIL = 0).
///
/// # Errors
/// [`HcallError::Function`] before ISA 2.07.
///
/// # Safety
/// The vectors must be at that place, in the kernel's map, before the next interrupt that
/// comes with translation on.
pub unsafe fn set_interrupt_relocation(relocated: bool) -> Result<(), HcallError> {
    let ail = if relocated { 3 } else { 0 };
    // SAFETY: the caller's vectors fit.
    unsafe { hcall(token::H_SET_MODE, [ail, 3, 0, 0, 0, 0]) }.map(|_| ())
}

/// H_REGISTER_PROC_TBL: takes a radix process table of 2^`size_log2` bytes into use and
/// turns radix translation on for the partition, with the guest's own `tlbie` allowed.
///
/// # Errors
/// [`HcallError::Parameter`] when the table is not aligned to its size;
/// [`HcallError::Function`] without radix.
///
/// # Safety
/// The table must be in physical memory of the kernel, and stay there while in use.
pub unsafe fn register_radix_process_table(
    physical: u64,
    size_log2: u32,
) -> Result<(), HcallError> {
    /// MODIFY | REGISTER | RADIX | GTSE
    const FLAGS: u64 = 0x10 | 0x08 | 0x04 | 0x01;
    let size = u64::from(size_log2.saturating_sub(12));
    // SAFETY: by the caller's promise about the table.
    unsafe { hcall(token::H_REGISTER_PROC_TBL, [FLAGS, physical, 0, size, 0, 0]) }.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::HcallError;

    #[test]
    fn codes_have_names() {
        assert_eq!(HcallError::from_code(-4), HcallError::Parameter(1));
        assert_eq!(HcallError::from_code(-56), HcallError::Parameter(3));
        assert_eq!(HcallError::from_code(9901), HcallError::Busy);
        assert_eq!(HcallError::from_code(-256), HcallError::Other(-256));
    }
}
