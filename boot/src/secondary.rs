//! Brings the other CPUs into the kernel.
//!
//! A stopped CPU is started by a run-time service with an address and one word. The word
//! names a [`SecondaryRecord`]; `_secondary_start` (start.S) takes its stack from there and
//! calls the kernel's `kernel_secondary`. OPAL passes no word: there, the CPU finds its
//! record in a table. Nothing waits, and CPUs that start at the same time do not meet.

use crate::info::{BootInfo, Cpu, MAX_CPUS};
use crate::opal::{Opal, OpalError};
use crate::papr::rtas::RtasError;
use crate::physical;
use core::sync::atomic::{AtomicU64, Ordering};

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
    /// OPAL refused.
    Opal(OpalError),
    /// There is no room for its record.
    TooMany,
    /// This machine starts its CPUs in a way that is not known here.
    Unsupported,
}

unsafe extern "C" {
    fn _secondary_start();
    fn _secondary_start_opal();
}

/// Hardware number plus one, and physical address of the record. Read by start.S.
#[repr(C)]
struct OpalRecord {
    hw_id_plus_one: AtomicU64,
    record: AtomicU64,
}

/// One more than there are CPUs, so that an empty entry is always last.
#[unsafe(no_mangle)]
static k42_opal_records: [OpalRecord; MAX_CPUS + 1] = [const {
    OpalRecord {
        hw_id_plus_one: AtomicU64::new(0),
        record: AtomicU64::new(0),
    }
}; MAX_CPUS + 1];

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
    let record = physical(record);
    match (&info.rtas, &info.opal) {
        (Some(rtas), _) => {
            let low = |address: u64| u32::try_from(address).map_err(|_| StartError::OutOfReach);
            let entry = low(physical(_secondary_start as *const ()))?;
            // SAFETY: the code at `entry` is written for firmware's state, and expects the
            // record.
            unsafe { rtas.start_cpu(cpu.hw_id, entry, low(record)?) }.map_err(StartError::Rtas)
        }
        (None, Some(opal)) => start_by_opal(opal, cpu, record),
        (None, None) => Err(StartError::Unsupported),
    }
}

fn start_by_opal(opal: &Opal, cpu: Cpu, record: u64) -> Result<(), StartError> {
    let name = u64::from(cpu.hw_id) + 1;
    let (_end, entries) = k42_opal_records.split_last().ok_or(StartError::TooMany)?;
    // Taken for good by whoever comes first; taken again for a CPU that failed to start.
    let entry = entries.iter().find(|entry| {
        let taken =
            entry
                .hw_id_plus_one
                .compare_exchange(0, name, Ordering::AcqRel, Ordering::Acquire);
        taken.is_ok() || taken == Err(name)
    });
    entry
        .ok_or(StartError::TooMany)?
        .record
        .store(record, Ordering::SeqCst);
    let code = physical(_secondary_start_opal as *const ());
    // SAFETY: the code is written for OPAL's state, and finds the record in the table.
    unsafe { opal.start_cpu(cpu.hw_id, code) }.map_err(StartError::Opal)
}
