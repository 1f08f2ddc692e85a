//! The implementation of [`Record`] with one representative for all CPUs: a process is mostly used from one.

use super::{
    Delivery, Heritage, Life, Masks, Offer, Program, Record, Remains, Reparented, Used, View,
};
use crate::credentials::Identity;
use crate::env::Kernel;
use crate::family::{Child, Family, Heard, News, Which};
use crate::group::{Group, User};
use crate::limits::Limits;
use crate::linux::{resource, signal};
use crate::pending::{Pending, Posted};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use k42_api::process::SignalInfo;
use k42_ipc::{Error, ProcessId, Result};
use k42_sched::Mutex;

/// See the module's description.
pub struct Central {
    pid: i32,
    /// A `ProcessId`: changes when the process executes a set-id program.
    space: AtomicU32,
    /// Changed under the lock of `own`, while the process runs.
    cpu: AtomicU32,
    started: u64,
    own: Mutex<Own>,
    family: Mutex<Children>,
}

/// What belongs to the process alone.
pub(super) struct Own {
    life: Life,
    parent: i32,
    pub(super) heritage: Heritage,
    executed: bool,
    pub(super) subreaper: bool,
    pub(super) death_signal: u32,
    pending: Pending,
    stopped: Option<u32>,
    /// A stop signal was fetched and its stop has not come yet.
    stop_fetched: bool,
    /// A SIGCONT came in between: the stop is void.
    stop_void: bool,
    max_resident: u64,
    offer: Option<Offer>,
    remains: Remains,
}

#[derive(Default)]
struct Children {
    family: Family,
    used: Used,
}

impl Central {
    /// A process that runs.
    pub fn new(
        pid: i32,
        space: ProcessId,
        parent: i32,
        cpu: u32,
        started: u64,
        heritage: Heritage,
    ) -> Self {
        let mut children = Children::default();
        (children.family.no_wait, children.family.no_stop) = heritage.child_options;
        let own = Own {
            life: Life::Running,
            parent,
            heritage,
            executed: false,
            subreaper: false,
            death_signal: 0,
            pending: Pending::default(),
            stopped: None,
            stop_fetched: false,
            stop_void: false,
            max_resident: 0,
            offer: None,
            remains: Remains::default(),
        };
        Self {
            pid,
            space: AtomicU32::new(space.0),
            cpu: AtomicU32::new(cpu),
            started,
            own: Mutex::new(own),
            family: Mutex::new(children),
        }
    }
}

impl Own {
    fn running(&self) -> bool {
        self.life == Life::Running
    }

    /// Marks the process stopped and holds it.
    fn halt(&mut self, signal: u32, space: ProcessId, kernel: &dyn Kernel) -> bool {
        if self.stopped.is_some() || kernel.freeze(space).is_err() {
            return false;
        }
        self.stopped = Some(signal);
        self.heritage.group.stopped.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Takes the mark away; whether there was one.
    fn clear_stop(&mut self) -> bool {
        let was = self.stopped.take().is_some();
        if was {
            self.heritage.group.stopped.fetch_sub(1, Ordering::Relaxed);
        }
        was
    }
}

impl Record for Central {
    fn pid(&self) -> i32 {
        self.pid
    }
    fn space(&self) -> ProcessId {
        ProcessId(self.space.load(Ordering::Acquire))
    }
    fn cpu(&self) -> u32 {
        self.cpu.load(Ordering::Relaxed)
    }
    fn started(&self) -> u64 {
        self.started
    }
    fn life(&self) -> Life {
        self.own.lock().life
    }
    fn parent(&self) -> i32 {
        self.own.lock().parent
    }
    fn group(&self) -> Arc<Group> {
        self.own.lock().heritage.group.clone()
    }
    fn identity(&self) -> Arc<Identity> {
        self.own.lock().heritage.identity.clone()
    }

    fn heritage(&self) -> Result<Heritage> {
        let own = self.own.lock();
        if !own.running() {
            return Err(Error::ESRCH);
        }
        let mut heritage = own.heritage.clone();
        heritage.group_signals = heritage.group.signals();
        Ok(heritage)
    }

    fn view(&self) -> View {
        let children = self.family.lock().used;
        let own = self.own.lock();
        View {
            heritage: own.heritage.clone(),
            life: own.life,
            stopped: own.stopped,
            parent: own.parent,
            pending: own.pending.set(),
            queued: own.pending.len(),
            children,
            remains: own.remains,
        }
    }

    fn move_to(&self, group: Arc<Group>) -> Arc<Group> {
        let mut own = self.own.lock();
        if own.stopped.is_some() {
            own.heritage.group.stopped.fetch_sub(1, Ordering::Relaxed);
            group.stopped.fetch_add(1, Ordering::Relaxed);
        }
        core::mem::replace(&mut own.heritage.group, group)
    }

    fn set_identity(&self, identity: Arc<Identity>, user: Option<Arc<User>>) -> Option<Arc<User>> {
        let mut own = self.own.lock();
        let (old, new) = (own.heritage.identity.ids, identity.ids);
        if (old.euid, old.egid, old.fsuid, old.fsgid) != (new.euid, new.egid, new.fsuid, new.fsgid)
        {
            // Who has become somebody else is no longer its parent's to signal, nor others' to look into.
            own.death_signal = 0;
            own.heritage.dumpable = false;
        }
        own.heritage.identity = identity;
        user.map(|user| core::mem::replace(&mut own.heritage.user, user))
    }

    fn limits(&self) -> Arc<Limits> {
        self.own.lock().heritage.limits.clone()
    }

    fn set_limit(&self, resource: u32, soft: u64, hard: u64, privileged: bool) -> Result<[u64; 2]> {
        let mut own = self.own.lock();
        let old = own.heritage.limits.get(resource)?;
        own.heritage.limits = Arc::new(own.heritage.limits.with(resource, soft, hard, privileged)?);
        Ok(old)
    }

    fn set_offer(&self, offer: Option<Offer>) -> Option<Offer> {
        core::mem::replace(&mut self.own.lock().offer, offer)
    }

    fn move_to_space(&self, space: ProcessId, kernel: &dyn Kernel) -> Result<()> {
        let own = self.own.lock();
        if !own.running() {
            return Err(Error::ESRCH);
        }
        if own.stopped.is_some() {
            // It has been stopped meanwhile, and stays so.
            kernel.freeze(space)?;
        }
        self.space.store(space.0, Ordering::Release);
        Ok(())
    }

    fn set_program(&self, program: Arc<Program>, executed: bool) {
        let mut own = self.own.lock();
        own.heritage.program = program;
        if executed {
            own.executed = true;
            // Whoever runs a set-id program is not to look into it.
            let ids = own.heritage.identity.ids;
            own.heritage.dumpable = ids.euid == ids.ruid && ids.egid == ids.rgid;
        }
    }

    fn has_executed(&self) -> bool {
        self.own.lock().executed
    }

    fn set_nice(&self, nice: i32) {
        self.own.lock().heritage.nice = nice;
    }

    fn place(&self, affinity: u64, cpu: u32) -> Result<u32> {
        let mut own = self.own.lock();
        if !own.running() {
            return Err(Error::ESRCH);
        }
        own.heritage.affinity = affinity;
        Ok(self.cpu.swap(cpu, Ordering::Relaxed))
    }

    fn option(&self, option: u32, value: u64) -> Result<u64> {
        self.own.lock().option(option, value)
    }

    fn post(&self, info: SignalInfo, kernel: &dyn Kernel) -> Result<Delivery> {
        let mut own = self.own.lock();
        let mut delivery = Delivery::default();
        let (bit, masks) = (signal::bit(info.signal), own.heritage.masks);
        if !own.running() {
            return Ok(delivery);
        }
        if info.signal == signal::KILL {
            delivery.kill = true;
            return Ok(delivery);
        }
        if bit & signal::STOPS != 0 {
            own.pending.discard(signal::bit(signal::CONT));
        }
        if info.signal == signal::STOP {
            delivery.stopped = own.halt(info.signal, self.space(), kernel);
            return Ok(delivery);
        }
        if info.signal == signal::CONT {
            own.pending.discard(signal::STOPS);
            own.stop_void = own.stop_fetched;
            if own.clear_stop() {
                delivery.continued = true;
                // It can fail only if the space is gone, and then there is nothing to thaw.
                let _ = kernel.thaw(self.space());
            }
        }
        if masks.ignored & bit != 0 && masks.blocked & bit == 0 {
            return Ok(delivery);
        }
        let limit = own.heritage.limits.soft(resource::SIGPENDING);
        delivery.wake = own.pending.post(info, limit)? == Posted::Queued;
        Ok(delivery)
    }

    fn fetch(&self, wanted: u64) -> SignalInfo {
        let mut own = self.own.lock();
        let info = own.pending.take(wanted);
        if info.signal != 0 && signal::bit(info.signal) & signal::STOPS != 0 {
            own.stop_fetched = true;
            own.stop_void = false;
        }
        info
    }

    fn pending(&self) -> u64 {
        self.own.lock().pending.set()
    }

    fn set_masks(&self, mut masks: Masks, no_wait: bool, no_stop: bool) {
        for mask in [&mut masks.ignored, &mut masks.blocked, &mut masks.caught] {
            *mask &= !signal::UNSTOPPABLE;
        }
        let mut own = self.own.lock();
        // What has just become ignored is no longer pending, even if it is blocked.
        let newly_ignored = masks.ignored & !own.heritage.masks.ignored;
        own.pending.discard(newly_ignored);
        own.heritage.masks = masks;
        if own.heritage.child_options != (no_wait, no_stop) {
            own.heritage.child_options = (no_wait, no_stop);
            drop(own);
            let mut children = self.family.lock();
            (children.family.no_wait, children.family.no_stop) = (no_wait, no_stop);
        }
    }

    fn not_taken(&self) -> u64 {
        let masks = self.own.lock().heritage.masks;
        masks.ignored | masks.blocked
    }

    fn stop(&self, signal: u32, kernel: &dyn Kernel) -> bool {
        let mut own = self.own.lock();
        own.stop_fetched = false;
        if !own.running() || core::mem::take(&mut own.stop_void) {
            return false;
        }
        own.halt(signal, self.space(), kernel)
    }

    fn add_child(&self, child: Child) -> Result<()> {
        self.family.lock().family.add(child)
    }
    fn has_child(&self, pid: i32) -> bool {
        self.family.lock().family.has(pid)
    }
    fn child_pids(&self) -> Vec<i32> {
        self.family.lock().family.pids()
    }
    fn hear(&self, pid: i32, news: News) -> Option<Heard> {
        self.family.lock().family.hear(pid, news)
    }
    fn wait(
        &self,
        which: Which,
        options: u32,
        waiter: Option<u32>,
        group_of: &dyn Fn(&Child) -> i32,
    ) -> Result<Option<Child>> {
        self.family
            .lock()
            .family
            .wait(which, options, waiter, group_of)
    }
    fn add_used(&self, used: Used) {
        self.family.lock().used.add(used);
    }
    fn used(&self) -> (Used, u64) {
        let used = self.family.lock().used;
        (used, self.own.lock().max_resident)
    }
    fn saw_resident(&self, bytes: u64) -> u64 {
        let mut own = self.own.lock();
        own.max_resident = own.max_resident.max(bytes);
        own.max_resident
    }

    fn begin_exit(&self) -> bool {
        let mut own = self.own.lock();
        if !own.running() {
            return false;
        }
        own.life = Life::Exiting;
        own.clear_stop();
        true
    }

    fn close_family(&self) -> BTreeMap<i32, Child> {
        self.family.lock().family.close()
    }

    fn set_parent(&self, parent: i32) -> Reparented {
        let mut own = self.own.lock();
        own.parent = parent;
        Reparented {
            dead: own.life == Life::Zombie,
            death_signal: core::mem::take(&mut own.death_signal),
        }
    }

    fn end(&self, status: u32, own_used: Used) -> i32 {
        let children = self.family.lock().used;
        let mut own = self.own.lock();
        own.life = Life::Zombie;
        own.remains = Remains {
            status,
            uid: own.heritage.identity.ids.ruid,
            own: own_used,
            children,
        };
        // The name stays for /proc; the rest of the program and what was pending goes.
        let comm = core::mem::take(&mut own.heritage.program).comm.clone();
        own.heritage.program = Arc::new(Program {
            comm,
            ..Program::default()
        });
        own.pending = Pending::default();
        own.parent
    }

    fn remains(&self) -> Remains {
        self.own.lock().remains
    }
    fn is_subreaper(&self) -> bool {
        let own = self.own.lock();
        own.subreaper && own.running()
    }
}
