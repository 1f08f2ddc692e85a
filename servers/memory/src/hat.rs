//! The kernel, as the memory server sees it: hardware address translation (HAT) and dispatchers.
//!
//! On K42 each method is one system call. Under test a model of the kernel's page tables stands behind it.

use k42_abi::map::MapOperation;
use k42_abi::rights::KernelRights;
use k42_abi::{Error, ProcessId, Result};

/// Why translations were not entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The kernel wants so many frames for tables first (at least one).
    Frames(u64),
    /// It cannot be done.
    Error(Error),
}

/// A dispatcher to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewDispatcher {
    /// Its process.
    pub process: ProcessId,
    /// Its number there.
    pub vp: u32,
    /// CPU on which it runs.
    pub cpu: u32,
    /// Real address of page and slots.
    pub area: u64,
    /// Their address in the process.
    pub address: u64,
    /// Slots for calls that it makes.
    pub client_slots: u32,
    /// Slots for calls that arrive.
    pub server_slots: u32,
    /// Priority class.
    pub class: u64,
}

/// Calls of the kernel.
pub trait Hat: Send + Sync {
    /// SPACE_CREATE.
    fn space_create(&self, root: u64, rights: KernelRights, wanted: u32) -> Result<ProcessId>;
    /// SPACE_DESTROY.
    fn space_destroy(&self, process: ProcessId) -> Result<u64>;
    /// MAP and MAP_BATCH: how many of the operations were done and, if not all, why.
    fn map(&self, process: ProcessId, operations: &[MapOperation]) -> (usize, Option<Refused>);
    /// UNMAP.
    fn unmap(&self, process: ProcessId, address: u64, bytes: u64) -> Result<()>;
    /// PROTECT.
    fn protect(&self, process: ProcessId, address: u64, bytes: u64, flags: u64) -> Result<()>;
    /// DONATE: at most [`DONATION`] frames.
    fn donate(&self, process: ProcessId, frames: &[u64]) -> Result<()>;
    /// RECLAIM: spare table frames of `process`, or of all that ended.
    fn reclaim(&self, process: ProcessId, frames: &mut [u64]) -> Result<usize>;
    /// DISPATCHER_CREATE.
    fn dispatcher_create(&self, new: &NewDispatcher) -> Result<()>;
    /// DISPATCHER_START.
    fn dispatcher_start(&self, process: ProcessId, vp: u32) -> Result<()>;
    /// The timebase.
    fn ticks(&self) -> u64;
    /// SEND of two words. EAGAIN: there was no room, and the dispatcher has been told so.
    fn send(&self, process: ProcessId, vp: u32, words: [u64; 2]) -> Result<()>;
}

/// Frames that one DONATE can carry.
pub const DONATION: usize = 7;
