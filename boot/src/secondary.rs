//! Brings the other CPUs into the kernel.
//!
//! A stopped CPU is started by a run-time service with an address and one word. The word
//! names a [`SecondaryRecord`]; `_secondary_start` (start.S) takes its stack from there and
//! calls the kernel's `kernel_secondary`. Nothing waits, and nothing is shared between
//! CPUs that start at the same time.

use crate::info::{BootInfo, Cpu};
use crate::papr::rtas::RtasError;
use crate::physical;

/// What a CPU needs before it can run Rust code. Read by start.S: the layout counts.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub struct SecondaryRecord {
    /// One behind the highest byte of its stack, in the linear map, 16-byte aligned.
    pub stack_top: u64,
    /// What `kernel_secondary` gets.
    pub cpu_index: u64,
}

/// Why a CPU could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The image or the record lies above 4 GiB, where the service cannot name it.
    OutOfReach,
    /// The service failed.
    Rtas(RtasError),
    /// This machine starts its CPUs in a way that is not known here.
    Unsupported,
}

unsafe extern "C" {
    fn _secondary_start();
}

/// Starts `cpu`, which enters the kernel by `kernel_secondary(record.cpu_index)`, in real
/// mode, with interrupts off.
///
/// # Errors
/// See [`StartError`].
///
/// # Safety
/// `record` names a stack that nobody else uses, and the kernel is ready to be entered.
pub unsafe fn start_secondary(
    info: &BootInfo,
    cpu: Cpu,
    record: &'static SecondaryRecord,
) -> Result<(), StartError> {
    let rtas = info.rtas.ok_or(StartError::Unsupported)?;
    let low = |address: u64| u32::try_from(address).map_err(|_| StartError::OutOfReach);
    let entry = low(physical(_secondary_start as *const ()))?;
    let record = low(physical(record))?;
    // SAFETY: the code at `entry` is written for firmware's state, and expects the record.
    unsafe { rtas.start_cpu(cpu.hw_id, entry, record) }.map_err(StartError::Rtas)
}
