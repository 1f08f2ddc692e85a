//! Run-time services (RTAS), as far as they are needed before drivers exist.
//!
//! PAPR has the operating system call into firmware code for these. QEMU and KVM also take
//! them as a hypervisor call (H_RTAS), with the same argument block, and only that is used:
//! no foreign code runs in the kernel, and byte order and mode do not matter. A machine
//! without it (PowerVM) answers [`RtasError::Unsupported`].

use super::hcall::{self, HcallError};
use crate::physical;

/// Tokens of the services, from the properties of `/rtas` with the same names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rtas {
    /// `power-off`
    pub power_off: Option<u32>,
    /// `system-reboot`
    pub system_reboot: Option<u32>,
    /// `start-cpu`
    pub start_cpu: Option<u32>,
    /// `stop-self`
    pub stop_self: Option<u32>,
    /// `query-cpu-stopped-state`
    pub query_cpu_stopped_state: Option<u32>,
    /// `get-time-of-day`
    pub get_time_of_day: Option<u32>,
    /// `ibm,set-xive`
    pub set_xive: Option<u32>,
    /// `ibm,get-xive`
    pub get_xive: Option<u32>,
    /// `ibm,int-on`
    pub int_on: Option<u32>,
    /// `ibm,int-off`
    pub int_off: Option<u32>,
    /// `ibm,read-pci-config`
    pub read_pci_config: Option<u32>,
    /// `ibm,write-pci-config`
    pub write_pci_config: Option<u32>,
}

/// Why a service failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtasError {
    /// The machine does not have this service, or not by hypervisor call.
    Unsupported,
    /// The service's own status word, negative by PAPR.
    Status(i32),
    /// The hypervisor refused the call as such.
    Hcall(HcallError),
}

/// The argument block: token, numbers of arguments and results, then both. Big-endian.
#[repr(C, align(64))]
struct Block([u32; 16]);

/// Calls service `token` with `args`; the first result is the status, `results` receives
/// those behind it.
///
/// # Errors
/// See [`RtasError`].
///
/// # Safety
/// As for [`hcall::hcall`]: addresses among the arguments must be the caller's to give.
pub unsafe fn call(token: Option<u32>, args: &[u32], results: &mut [u32]) -> Result<(), RtasError> {
    let token = token.ok_or(RtasError::Unsupported)?;
    let first_result = 3 + args.len();
    let mut block = Block([0; 16]);
    if first_result + 1 + results.len() > block.0.len() {
        return Err(RtasError::Unsupported);
    }
    let head = [token, args.len() as u32, 1 + results.len() as u32];
    for (place, word) in block.0.iter_mut().zip(head.iter().chain(args)) {
        *place = word.to_be();
    }
    let address = physical((&raw mut block).cast_const());
    // SAFETY: the hypervisor writes to nothing but the block, which is ours (it is exposed
    // by the cast in `physical`, and memory is named as changed by the call), and to what
    // the caller vouches for.
    let outcome = unsafe { hcall::hcall(hcall::token::H_RTAS, [address, 0, 0, 0, 0, 0]) };
    outcome.map_err(|error| match error {
        HcallError::Function => RtasError::Unsupported,
        other => RtasError::Hcall(other),
    })?;
    let answer = &block.0[first_result..];
    match i32::from_be(answer[0] as i32) {
        status if status < 0 => Err(RtasError::Status(status)),
        _ => {
            for (place, word) in results.iter_mut().zip(&answer[1..]) {
                *place = u32::from_be(*word);
            }
            Ok(())
        }
    }
}

impl Rtas {
    /// Switches the machine off. Returns only when that failed.
    pub fn power_off(&self) -> RtasError {
        // SAFETY: two masks for the events that may switch it on again (none: all ones).
        match unsafe { call(self.power_off, &[u32::MAX, u32::MAX], &mut []) } {
            Ok(()) => RtasError::Unsupported,
            Err(error) => error,
        }
    }

    /// Starts the machine anew. Returns only when that failed.
    pub fn reboot(&self) -> RtasError {
        // SAFETY: no arguments.
        match unsafe { call(self.system_reboot, &[], &mut []) } {
            Ok(()) => RtasError::Unsupported,
            Err(error) => error,
        }
    }

    /// The wall clock in seconds since 1970, UTC.
    ///
    /// # Errors
    /// [`RtasError::Unsupported`] without a clock.
    pub fn time_of_day(&self) -> Result<u64, RtasError> {
        let mut fields = [0; 7];
        // SAFETY: no arguments.
        unsafe { call(self.get_time_of_day, &[], &mut fields) }?;
        let [year, month, day, hour, minute, second, _nanosecond] = fields;
        Ok(unix_seconds([year, month, day, hour, minute, second]))
    }

    /// Routes interrupt `source` to CPU `server` at `priority` (0xff masks it).
    ///
    /// # Errors
    /// [`RtasError::Status`] when there is no such source or CPU.
    pub fn set_xive(&self, source: u32, server: u32, priority: u8) -> Result<(), RtasError> {
        // SAFETY: the arguments are numbers.
        unsafe {
            call(
                self.set_xive,
                &[source, server, u32::from(priority)],
                &mut [],
            )
        }
    }

    /// Starts a stopped CPU at physical address `entry` with `r3` (both below 4 GiB).
    ///
    /// # Errors
    /// [`RtasError::Status`] when there is no such CPU or it runs already.
    ///
    /// # Safety
    /// At `entry` must be code for a CPU in firmware's state, and `r3` what it expects.
    pub unsafe fn start_cpu(&self, hw_cpu: u32, entry: u32, r3: u32) -> Result<(), RtasError> {
        // SAFETY: by the caller's promise.
        unsafe { call(self.start_cpu, &[hw_cpu, entry, r3], &mut []) }
    }
}

/// Seconds since 1970 of a date in the proleptic Gregorian calendar.
fn unix_seconds([year, month, day, hour, minute, second]: [u32; 6]) -> u64 {
    // Years are counted from March, so that the odd day is the last of a year.
    let year = u64::from(year) - u64::from(month <= 2);
    let month = (u64::from(month) + 9) % 12;
    let days = 365 * year + year / 4 - year / 100
        + year / 400
        + (153 * month + 2) / 5
        + u64::from(day).saturating_sub(1);
    const DAYS_TO_1970: u64 = 719_468;
    let days = days.saturating_sub(DAYS_TO_1970);
    ((days * 24 + u64::from(hour)) * 60 + u64::from(minute)) * 60 + u64::from(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(unix_seconds([1970, 1, 1, 0, 0, 0]), 0);
        assert_eq!(unix_seconds([2000, 2, 29, 12, 0, 0]), 951_825_600);
        assert_eq!(unix_seconds([2026, 11, 23, 17, 40, 42]), 1_795_455_642);
    }

    #[test]
    fn no_token_no_service() {
        assert_eq!(Rtas::default().time_of_day(), Err(RtasError::Unsupported));
    }
}
