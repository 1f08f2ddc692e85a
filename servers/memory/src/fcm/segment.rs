//! What a segment of System V's shared memory knows beside its pages: who has it.
//!
//! As in Linux each region counts: a fork adds the child's, a munmap in the middle of one makes two of it. Regions are
//! counted where they are made and dropped, so whatever ends one (detaching, munmap, exec, the end of the process, a
//! mapping over it) is counted, whether the process behaves or not, and nothing else keeps a list of attachments.

use crate::lock::Lock;
use k42_abi::{Error, Result};
use k42_api::memory::SegmentState;

/// See the module's description.
#[derive(Default)]
pub struct Segment(Lock<Inner>);

#[derive(Default)]
struct Inner {
    regions: u64,
    opened: u64,
    closed: u64,
    last_pid: u32,
    discarded: bool,
}

impl Inner {
    fn is_over(&self) -> bool {
        self.discarded && self.regions == 0
    }
}

impl Segment {
    /// One region more. EIDRM if the segment is over.
    pub fn open(&self) -> Result<()> {
        let mut inner = self.0.lock();
        if inner.is_over() {
            return Err(Error::EIDRM);
        }
        inner.regions += 1;
        Ok(())
    }

    /// Whose doing the new region is, and when.
    pub fn note_open(&self, pid: u32, now: u64) {
        let mut inner = self.0.lock();
        inner.opened = now;
        inner.last_pid = pid;
    }

    /// One region less. By nobody (`pid` zero: a process that never ran, a region that never was) leaves no trace. Whether
    /// the segment is over by it.
    pub fn close(&self, pid: u32, now: u64) -> bool {
        let mut inner = self.0.lock();
        inner.regions = inner.regions.saturating_sub(1);
        if pid != 0 {
            inner.closed = now;
            inner.last_pid = pid;
        }
        inner.is_over()
    }

    /// The segment is over when it has no region; whether it is now.
    pub fn discard(&self) -> bool {
        let mut inner = self.0.lock();
        inner.discarded = true;
        inner.is_over()
    }

    /// For who asks; `frames` is left to be filled in. EIDRM if the segment is over.
    pub fn state(&self) -> Result<SegmentState> {
        let inner = self.0.lock();
        if inner.is_over() {
            return Err(Error::EIDRM);
        }
        Ok(SegmentState {
            attached: inner.regions,
            attach_ticks: inner.opened,
            detach_ticks: inner.closed,
            last_pid: inner.last_pid,
            frames: 0,
        })
    }
}
