//! The ports of file servers on K42: events by the kernel, time by the timebase, pids by the process server.

use crate::ports::{Clock, Notifier, Processes};
use k42_abi::info::KernelInfo;
use k42_abi::{CommId, Error, Handle, ProcessId, Result};
use k42_api::{event, process::ProcessClient};
use k42_sched::sys;

/// Sends READY events.
#[derive(Clone, Copy, Debug)]
pub struct Events;

impl Notifier for Events {
    fn ready(&self, process: ProcessId, vp: u32, handle: Handle) {
        // It may have ended, or have more messages than it can hold; in that case it has been told to ask everywhere.
        let _ = sys::send(
            CommId::new(process, vp),
            &[event::READY, handle.0, 0, 0, 0, 0],
        );
    }
}

/// Wall-clock time since the kernel's start. All CPUs read it, so nothing that changes may lie beside it.
#[derive(Clone, Copy, Debug)]
#[repr(align(128))]
pub struct WallClock(pub &'static KernelInfo);

impl Clock for WallClock {
    fn now(&self) -> i64 {
        const SECOND: u64 = 1_000_000_000;
        let hz = self.0.timebase_hz.max(1);
        let ticks = k42_sched::now().wrapping_sub(self.0.boot_timebase);
        let seconds = self.0.boot_seconds + ticks / hz;
        (seconds * SECOND + ticks % hz * SECOND / hz) as i64
    }
}

/// Asks the process server.
#[derive(Clone, Copy, Debug)]
pub struct ProcessServer;

impl Processes for ProcessServer {
    fn pid(&self, process: ProcessId) -> i32 {
        ProcessClient::root(ProcessId::PROCESS)
            .identity_of(process)
            .map_or(0, |identity| identity.pid)
    }
    fn offer_program(
        &self,
        process: ProcessId,
        handle: Handle,
        uid: u32,
        gid: u32,
    ) -> Result<bool> {
        ProcessClient::root(ProcessId::PROCESS).offer_program(process, handle, uid, gid)
    }
}

/// Makes a call to a server that may not have been started yet, again and again until it is there.
pub fn when_started<T>(info: &KernelInfo, mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Error::NO_DISPATCHER | Error::BUSY | Error::ESRCH | Error::DEAD) => {
                k42_sched::sleep_until(k42_sched::now() + info.timebase_hz / 10_000);
            }
            done => return done,
        }
    }
}
