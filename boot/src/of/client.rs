//! The client interface: one entry point that takes the address of an array of 32-bit
//! big-endian cells: name of the service, numbers of arguments and results, then both.
//!
//! Everything the firmware is to read or write lies below 4 GiB, since it runs in 32-bit
//! mode; the kernel image does, and so does its stack.

use super::flatten::{NAME, TreeSource};
use crate::physical;
use core::ffi::CStr;

/// Names a node of the tree; 0 is none.
pub type Phandle = u32;

/// Why a service failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfError {
    /// The firmware does not know the service, or could not do it.
    Failed(&'static CStr),
    /// More arguments or results than the call block has room for.
    TooMany,
    /// A buffer lies where 32-bit firmware cannot reach it.
    OutOfReach,
}

/// The firmware's answers to "how long" and "which node" when there is none.
const NONE: u32 = u32::MAX;

/// Access to the firmware. Not `Copy`: [`Client::quiesce`] consumes it.
pub struct Client {
    entry: u32,
}

#[repr(C, align(64))]
struct Block([u32; 16]);

impl Client {
    /// The client interface at address `entry`.
    ///
    /// # Safety
    /// 1. `entry` is what the firmware passed in r5, and the firmware is still alive.
    /// 2. Only the boot CPU runs, in real mode, with interrupts off.
    pub unsafe fn new(entry: u32) -> Self {
        Self { entry }
    }

    /// Calls `service`; `results` receives what it returns.
    ///
    /// # Errors
    /// See [`OfError`].
    pub fn call(
        &self,
        service: &'static CStr,
        args: &[u32],
        results: &mut [u32],
    ) -> Result<(), OfError> {
        let mut block = Block([0; 16]);
        let first_result = 3 + args.len();
        if first_result + results.len() > block.0.len() {
            return Err(OfError::TooMany);
        }
        let head = [
            reach(service.as_ptr())?,
            args.len() as u32,
            results.len() as u32,
        ];
        for (place, word) in block.0.iter_mut().zip(head.iter().chain(args)) {
            *place = word.to_be();
        }
        let status = enter(reach((&raw mut block).cast_const())?, self.entry);
        if status != 0 {
            return Err(OfError::Failed(service));
        }
        for (place, word) in results.iter_mut().zip(&block.0[first_result..]) {
            *place = u32::from_be(*word);
        }
        Ok(())
    }

    fn call1(&self, service: &'static CStr, args: &[u32]) -> Result<u32, OfError> {
        let mut result = [0];
        self.call(service, args, &mut result)?;
        Ok(result[0])
    }

    /// Opens a device and returns its instance.
    ///
    /// # Errors
    /// [`OfError::Failed`] when there is no such device.
    pub fn open(&self, path: &CStr) -> Result<u32, OfError> {
        match self.call1(c"open", &[reach(path.as_ptr())?])? {
            0 | NONE => Err(OfError::Failed(c"open")),
            instance => Ok(instance),
        }
    }

    /// The number (`reg`) of the CPU that runs, where the firmware tells.
    pub fn running_cpu(&self) -> Option<u32> {
        let chosen = some(self.call1(c"finddevice", &[reach(c"/chosen".as_ptr()).ok()?]))?;
        let mut cell = [0; 4];
        self.property(chosen, c"cpu", &mut cell)
            .filter(|length| *length == 4)?;
        let cpu = some(self.call1(c"instance-to-package", &[u32::from_be_bytes(cell)]))?;
        self.property(cpu, c"reg", &mut cell)
            .filter(|length| *length == 4)?;
        Some(u32::from_be_bytes(cell))
    }

    /// Claims `size` bytes of memory anywhere, aligned to `align` (a power of two), and
    /// returns their physical address.
    ///
    /// # Errors
    /// [`OfError::Failed`] when there is no such room.
    pub fn claim(&self, size: u32, align: u32) -> Result<u64, OfError> {
        match self.call1(c"claim", &[0, size, align])? {
            0 | NONE => Err(OfError::Failed(c"claim")),
            address => Ok(u64::from(address)),
        }
    }

    /// Calls `method` of `instance` with one argument; returns the method's result.
    ///
    /// # Errors
    /// [`OfError::Failed`] when there is no such method, or it threw.
    pub fn call_method(&self, method: &CStr, instance: u32, argument: u32) -> Result<u32, OfError> {
        let mut results = [0; 2];
        let args = [reach(method.as_ptr())?, instance, argument];
        self.call(c"call-method", &args, &mut results)?;
        match results {
            [0, result] => Ok(result),
            _ => Err(OfError::Failed(c"call-method")),
        }
    }

    /// Tells the firmware to leave the devices alone for good, and ends its use.
    ///
    /// # Errors
    /// [`OfError::Failed`] when it does not know how; its use is over all the same.
    pub fn quiesce(self) -> Result<(), OfError> {
        self.call(c"quiesce", &[], &mut [])
    }
}

impl TreeSource for Client {
    type Node = Phandle;

    fn root(&self) -> Option<Phandle> {
        some(self.call1(c"peer", &[0]))
    }

    fn child(&self, node: Phandle) -> Option<Phandle> {
        some(self.call1(c"child", &[node]))
    }

    fn peer(&self, node: Phandle) -> Option<Phandle> {
        some(self.call1(c"peer", &[node]))
    }

    fn handle(&self, node: Phandle) -> u32 {
        node
    }

    fn path(&self, node: Phandle, buffer: &mut [u8]) -> Option<usize> {
        let place = reach(buffer.as_mut_ptr().cast_const()).ok()?;
        let length = self.call1(c"package-to-path", &[node, place, buffer.len() as u32]);
        length
            .ok()
            .filter(|length| *length as usize <= buffer.len())
            .map(|length| length as usize)
    }

    fn next_property(&self, node: Phandle, last: &CStr, buffer: &mut [u8; NAME]) -> bool {
        let (Ok(last), Ok(place)) = (
            reach(last.as_ptr()),
            reach(buffer.as_mut_ptr().cast_const()),
        ) else {
            return false;
        };
        *buffer = [0; NAME];
        self.call1(c"nextprop", &[node, last, place]) == Ok(1)
    }

    fn property(&self, node: Phandle, name: &CStr, buffer: &mut [u8]) -> Option<usize> {
        let (name, place) = (
            reach(name.as_ptr()).ok()?,
            reach(buffer.as_mut_ptr().cast_const()).ok()?,
        );
        // Firmware returns the full length even when the buffer was shorter.
        match self.call1(c"getprop", &[node, name, place, buffer.len() as u32]) {
            Ok(NONE) | Err(_) => None,
            Ok(length) => Some(length as usize),
        }
    }
}

fn some(handle: Result<u32, OfError>) -> Option<Phandle> {
    handle.ok().filter(|handle| *handle != 0 && *handle != NONE)
}

/// The address of something as firmware can use it.
fn reach<T: ?Sized>(place: *const T) -> Result<u32, OfError> {
    u32::try_from(physical(place)).map_err(|_| OfError::OutOfReach)
}

#[cfg(target_os = "none")]
fn enter(block: u32, entry: u32) -> u32 {
    unsafe extern "C" {
        /// start.S
        fn k42_firmware_call(block: u64, entry: u64) -> u64;
    }
    // SAFETY:
    // * `Client::new` vouches for the entry and for the state of the machine;
    // * the block and all buffers named in it are exclusively borrowed by the caller, and
    //   were exposed by `physical`.
    (unsafe { k42_firmware_call(u64::from(block), u64::from(entry)) }) as u32
}

/// There is no firmware below the host: every service fails.
#[cfg(not(target_os = "none"))]
fn enter(_block: u32, _entry: u32) -> u32 {
    NONE
}
