//! On which CPUs a process may run (sched_setaffinity(2)).
//!
//! The server keeps the mask and chooses the CPU; the process's library has its dispatcher move there. A child is started
//! on one of its parent's CPUs.

use crate::record::Record;
use crate::server::{Server, object_error};
use core::sync::atomic::Ordering;
use k42_api::event;
use k42_ipc::{Error, ProcessId, Result};

impl Server {
    /// All CPUs that there are, one bit each.
    pub(crate) fn all_cpus(&self) -> u64 {
        u64::MAX >> (64 - self.env.cpus().clamp(1, 64))
    }

    /// The CPU in `mask` with fewest processes.
    pub(crate) fn least_loaded(&self, mask: u64) -> Option<u32> {
        (0..self.env.cpus().min(64))
            .filter(|&cpu| mask >> cpu & 1 != 0)
            .min_by_key(|&cpu| self.load_of(cpu).load(Ordering::Relaxed))
    }

    /// `Process::affinity`.
    pub fn affinity_call(
        &self,
        caller: ProcessId,
        pid: i32,
        set: bool,
        mask: u64,
    ) -> Result<[u64; 2]> {
        let guard = self.objects.enter();
        let me = self.spaces.get(caller)?.get(&guard).map_err(object_error)?;
        let own = pid == 0 || pid == me.pid();
        let target = if own {
            me
        } else if pid < 0 {
            return Err(Error::ESRCH);
        } else {
            let process = self.pids.process(pid)?;
            process.get(&guard).map_err(object_error)?
        };
        if !set {
            return Ok([target.view().heritage.affinity, u64::from(target.cpu())]);
        }
        if !own {
            let (caller, of) = (self.record(&guard, caller)?.identity(), target.identity());
            if !caller.privileged()
                && caller.ids.euid != of.ids.euid
                && caller.ids.euid != of.ids.ruid
            {
                return Err(Error::EPERM);
            }
        }
        let mask = mask & self.all_cpus();
        let old = target.cpu();
        let cpu = if mask >> old & 1 != 0 {
            old
        } else {
            self.least_loaded(mask).ok_or(Error::EINVAL)?
        };
        let before = target.place(mask, cpu)?;
        if before != cpu {
            self.load_of(before).fetch_sub(1, Ordering::Relaxed);
            self.load_of(cpu).fetch_add(1, Ordering::Relaxed);
        }
        if !own {
            self.env.send(target.space(), 0, event::PLACE);
        }
        Ok([mask, u64::from(cpu)])
    }
}
