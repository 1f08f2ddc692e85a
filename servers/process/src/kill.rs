//! Signals: who may send which to whom, and what they lead to.
//!
//! The record of the target says what a signal leads to ([`Delivery`]); here that is done, and other
//! processes are told. What a library need not know of happens without it: SIGKILL ends a process and SIGSTOP holds it
//! even if its library does not answer any more. All others wait in the record until the library fetches them.

use crate::family::News;
use crate::group::Group;
use crate::linux::{code, signal};
use crate::record::{Delivery, ProcessRef, Record};
use crate::server::{Server, object_error};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use k42_api::event;
use k42_api::process::SignalInfo;
use k42_ipc::{Caller, Error, ProcessId, Result};
use k42_object::Guard;
use k42_sched::trace::{User, events};

/// A kill(2) after the first look at its arguments.
struct Sending<'g> {
    guard: &'g Guard,
    sender: k42_object::Rep<'g, dyn Record>,
    info: SignalInfo,
    /// Signal zero: only the checks.
    probe: bool,
}

impl Server {
    /// Posts a signal and does what follows from it.
    pub(crate) fn deliver(
        &self,
        guard: &Guard,
        process: ProcessRef,
        info: SignalInfo,
    ) -> Result<()> {
        let record = process.get(guard).map_err(object_error)?;
        let Delivery {
            kill,
            stopped,
            continued,
            wake,
        } = record.post(info, &*self.env)?;
        events::process::signal::<User>(
            record.pid() as u64,
            info.pid as u64,
            u64::from(info.signal),
        );
        if kill {
            self.end(guard, process, info.signal);
            return Ok(());
        }
        if wake {
            self.env.send(record.space(), 0, event::SIGNAL);
        }
        if stopped {
            self.tell_parent(
                guard,
                process,
                &record,
                record.parent(),
                News::Stopped(info.signal),
            );
        } else if continued {
            self.tell_parent(guard, process, &record, record.parent(), News::Continued);
        }
        Ok(())
    }

    /// To all members of a group, without asking for anybody's permission.
    pub(crate) fn deliver_to_group(&self, guard: &Guard, group: &Arc<Group>, info: SignalInfo) {
        for (_, process) in group.members(Some(info)).unwrap_or_default() {
            let _ = self.deliver(guard, process, info);
        }
    }

    /// kill(2), tgkill(2), sigqueue(3).
    pub fn kill_call(
        &self,
        caller: &Caller,
        pid: i32,
        thread: i32,
        signal: u32,
        code: i32,
        value: u64,
    ) -> Result<()> {
        if signal > signal::MAX || thread < 0 || thread > 0 && pid <= 0 {
            return Err(Error::EINVAL);
        }
        let guard = self.objects.enter();
        let sender = self
            .spaces
            .get(caller.process)?
            .get(&guard)
            .map_err(object_error)?;
        // Only the kernel speaks of faults, timers and children. To itself a process may say what it likes.
        let own = pid == sender.pid();
        if !own && (code > 0 || code == code::SI_TKILL && thread == 0) {
            return Err(Error::EPERM);
        }
        let info = SignalInfo {
            signal,
            code,
            errno: 0,
            pid: sender.pid(),
            uid: sender.identity().ids.ruid,
            value,
            thread,
        };
        let sending = Sending {
            guard: &guard,
            sender,
            info,
            probe: signal == 0,
        };
        match pid {
            1.. => self.send_one(&sending, self.pids.process(pid)?),
            0 => self.send_group(&sending, &sender.group()),
            -1 => self.send_all(&sending),
            i32::MIN => Err(Error::ESRCH),
            _ => self.send_group(&sending, &self.pids.group(-pid).ok_or(Error::ESRCH)?),
        }
    }

    fn send_one(&self, sending: &Sending<'_>, target: ProcessRef) -> Result<()> {
        let Sending {
            guard,
            sender,
            info,
            probe,
        } = sending;
        let record = target.get(guard).map_err(object_error)?;
        if record.pid() != sender.pid() && !sender.identity().may_signal(&record.identity()) {
            let same_session = || Arc::ptr_eq(&record.group().session, &sender.group().session);
            if info.signal != signal::CONT || !same_session() {
                return Err(Error::EPERM);
            }
        }
        if *probe {
            Ok(())
        } else {
            self.deliver(guard, target, *info)
        }
    }

    /// Succeeds if one member could be sent it.
    fn send_group(&self, sending: &Sending<'_>, group: &Arc<Group>) -> Result<()> {
        let members = group.members((!sending.probe).then_some(sending.info))?;
        let mut result = Err(Error::ESRCH);
        // The sender comes last: it may end by it, and the others are to get it nevertheless.
        let own = sending.sender.pid();
        let (own, others): (Vec<_>, _) = members.into_iter().partition(|(pid, _)| *pid == own);
        for (_, process) in others.into_iter().chain(own) {
            let one = self.send_one(sending, process);
            if one.is_ok() || result.is_err() {
                result = one;
            }
        }
        result
    }

    /// To everybody but the first process and the sender. EPERM of single ones does not matter, unless all refuse.
    fn send_all(&self, sending: &Sending<'_>) -> Result<()> {
        let mut result = Err(Error::ESRCH);
        for (pid, process) in self.pids.all() {
            if pid > 1 && pid != sending.sender.pid() {
                let one = self.send_one(sending, process);
                if one != Err(Error::EPERM) || result == Err(Error::ESRCH) {
                    result = one;
                }
            }
        }
        result
    }

    /// `Process::stop_self`.
    pub fn stop_call(&self, caller: &Caller, signal: u32) -> Result<()> {
        if signal > signal::MAX || signal == 0 || signal::bit(signal) & signal::STOPS == 0 {
            return Err(Error::EINVAL);
        }
        let guard = self.objects.enter();
        let process = self.spaces.get(caller.process)?;
        let me = process.get(&guard).map_err(object_error)?;
        // Where nobody does job control, stops by the terminal have no effect.
        if signal != signal::STOP && self.is_orphaned(&guard, &me.group()) {
            return Ok(());
        }
        if me.stop(signal, &*self.env) {
            self.tell_parent(&guard, process, &me, me.parent(), News::Stopped(signal));
        }
        Ok(())
    }

    /// `Process::signal_group`, from a server.
    pub fn signal_group_call(&self, pgid: i32, signal: u32) -> Result<()> {
        let group = self
            .pids
            .group(pgid)
            .filter(|group| !group.is_empty())
            .ok_or(Error::ESRCH)?;
        if signal > signal::MAX {
            return Err(Error::EINVAL);
        }
        if signal != 0 {
            let info = SignalInfo {
                signal,
                code: code::SI_KERNEL,
                ..crate::pending::NONE
            };
            self.deliver_to_group(&self.objects.enter(), &group, info);
        }
        Ok(())
    }

    /// `Process::signal_process`, from a server.
    pub fn signal_process_call(&self, process: ProcessId, signal: u32) -> Result<()> {
        if signal == 0 || signal > signal::MAX {
            return Err(Error::EINVAL);
        }
        let info = SignalInfo {
            signal,
            code: code::SI_KERNEL,
            ..crate::pending::NONE
        };
        let guard = self.objects.enter();
        self.deliver(&guard, self.spaces.get(process)?, info)
    }

    /// Whether any member of a group is stopped; for tests and /proc.
    pub fn stopped_in(&self, pgid: i32) -> usize {
        self.pids
            .group(pgid)
            .map_or(0, |group| group.stopped.load(Ordering::Relaxed))
    }
}
