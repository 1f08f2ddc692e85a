//! Groups, sessions, credentials, limits and priorities: the calls by which processes arrange themselves.

use crate::linux::resource::{CPU, INFINITY};
use crate::linux::{priority, signal};
use crate::record::{ProcessRef, Record};
use crate::server::{Server, object_error};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use k42_api::process::{Identity, Ids, id_call};
use k42_ipc::{Error, ProcessId, Result};
use k42_object::{Guard, Rep};

type Borrowed<'g> = Rep<'g, dyn Record>;

impl Server {
    pub(crate) fn record<'g>(&self, guard: &'g Guard, process: ProcessId) -> Result<Borrowed<'g>> {
        self.spaces.get(process)?.get(guard).map_err(object_error)
    }

    /// The process with a pid; zero is the caller.
    fn target<'g>(
        &self,
        guard: &'g Guard,
        caller: ProcessId,
        pid: i32,
    ) -> Result<(ProcessRef, Borrowed<'g>)> {
        let process = if pid == 0 {
            self.spaces.get(caller)?
        } else {
            self.pids.process(pid)?
        };
        Ok((process, process.get(guard).map_err(object_error)?))
    }

    /// `Process::identity`.
    pub fn identity_call(&self, process: ProcessId) -> Result<Identity> {
        let guard = self.objects.enter();
        let me = self.record(&guard, process)?;
        let (pid, group) = (me.pid(), me.group());
        let without = me.not_taken();
        let flags = u32::from(group.session.sid == pid)
            | u32::from(self.is_orphaned(&guard, &group)) << 1
            | u32::from(without & signal::bit(signal::TTIN) != 0) << 2
            | u32::from(without & signal::bit(signal::TTOU) != 0) << 3;
        Ok(Identity {
            pid,
            ppid: me.parent(),
            pgid: group.pgid,
            sid: group.session.sid,
            flags,
        })
    }

    /// setpgid(2).
    pub fn set_group_call(&self, caller: ProcessId, pid: i32, pgid: i32) -> Result<()> {
        if pgid < 0 {
            return Err(Error::EINVAL);
        }
        let guard = self.objects.enter();
        let me = self.record(&guard, caller)?;
        let (process, target) = self.target(&guard, caller, pid)?;
        let pid = target.pid();
        let moving = self.moving(pid);
        let old = target.group();
        let pgid = if pgid == 0 { pid } else { pgid };
        if pid != me.pid() {
            if !me.has_child(pid) {
                return Err(Error::ESRCH);
            }
            if !Arc::ptr_eq(&old.session, &me.group().session) {
                return Err(Error::EPERM);
            }
            if target.has_executed() {
                return Err(Error::EACCES);
            }
        }
        if old.session.sid == pid {
            return Err(Error::EPERM);
        }
        if old.pgid == pgid {
            return Ok(());
        }
        let group = if pgid == pid {
            self.pids.group_or_new(pgid, &old.session)?
        } else {
            let group = self.pids.group(pgid).filter(|group| !group.is_empty());
            group
                .filter(|group| Arc::ptr_eq(&group.session, &old.session))
                .ok_or(Error::EPERM)?
        };
        let since = group.signals();
        let missed = group.join(pid, process, since);
        self.leave_group(pid, target.move_to(group));
        drop(moving);
        if let Some(info) = missed {
            let _ = self.deliver(&guard, process, info);
        }
        Ok(())
    }

    /// getpgid(2).
    pub fn group_of_call(&self, caller: ProcessId, pid: i32) -> Result<i32> {
        let guard = self.objects.enter();
        Ok(self.target(&guard, caller, pid)?.1.group().pgid)
    }

    /// getsid(2).
    pub fn session_of_call(&self, caller: ProcessId, pid: i32) -> Result<i32> {
        let guard = self.objects.enter();
        Ok(self.target(&guard, caller, pid)?.1.group().session.sid)
    }

    /// setsid(2).
    pub fn new_session_call(&self, caller: ProcessId) -> Result<i32> {
        let guard = self.objects.enter();
        let process = self.spaces.get(caller)?;
        let me = process.get(&guard).map_err(object_error)?;
        let _moving = self.moving(me.pid());
        let group = self.pids.new_session(me.pid())?;
        group.join(me.pid(), process, 0);
        self.leave_group(me.pid(), me.move_to(group));
        Ok(me.pid())
    }

    /// setuid(2) and its relatives.
    pub fn set_ids_call(
        &self,
        caller: ProcessId,
        which: u32,
        a: u32,
        b: u32,
        c: u32,
    ) -> Result<Ids> {
        let guard = self.objects.enter();
        let me = self.record(&guard, caller)?;
        let old = me.identity();
        let new = old.with_ids(which, a, b, c)?;
        let mut answer = new.ids;
        match which {
            id_call::SETFSUID => answer.fsuid = old.ids.fsuid,
            id_call::SETFSGID => answer.fsgid = old.ids.fsgid,
            _ => {}
        }
        self.change_identity(&me, &old, new)?;
        Ok(answer)
    }

    /// setgroups(2).
    pub fn set_groups_call(&self, caller: ProcessId, groups: &[u8]) -> Result<()> {
        let guard = self.objects.enter();
        let me = self.record(&guard, caller)?;
        let old = me.identity();
        self.change_identity(&me, &old, old.with_groups(groups)?)
    }

    /// The file servers hear of it first: the process must not act with rights that it has given up.
    pub(crate) fn change_identity(
        &self,
        me: &Borrowed<'_>,
        old: &crate::credentials::Identity,
        new: crate::credentials::Identity,
    ) -> Result<()> {
        if new == *old {
            return Ok(());
        }
        self.tell_servers(|server| {
            self.env
                .credentials_changed(server, me.space(), new.for_files(), &new.groups)
        })?;
        let user = (new.ids.ruid != old.ids.ruid).then(|| self.users.get(new.ids.ruid));
        if let Some(user) = &user {
            user.processes.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(left) = me.set_identity(Arc::new(new), user) {
            left.processes.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// prlimit64(2).
    pub fn limit_call(
        &self,
        caller: ProcessId,
        pid: i32,
        resource: u32,
        set: bool,
        soft: u64,
        hard: u64,
    ) -> Result<[u64; 2]> {
        let guard = self.objects.enter();
        let me = self.record(&guard, caller)?.identity();
        let (_, target) = self.target(&guard, caller, pid)?;
        if target.space() != caller && !me.may_limit(&target.identity()) {
            return Err(Error::EPERM);
        }
        if set {
            let old = target.set_limit(resource, soft, hard, me.privileged())?;
            if resource == CPU as u32 && soft != INFINITY {
                self.env.watch_processor_limits();
            }
            Ok(old)
        } else {
            target.limits().get(resource)
        }
    }

    /// getpriority(2) and setpriority(2).
    pub fn priority_call(
        &self,
        caller: ProcessId,
        which: u32,
        who: i32,
        set: bool,
        nice: i32,
    ) -> Result<i32> {
        let guard = self.objects.enter();
        let me = self.record(&guard, caller)?;
        let targets: Vec<ProcessRef> = match which {
            priority::PROCESS => [self
                .target(&guard, caller, who)
                .map(|(process, _)| process)?]
            .into(),
            priority::GROUP => {
                let group = if who == 0 {
                    Some(me.group())
                } else {
                    self.pids.group(who)
                };
                group
                    .ok_or(Error::ESRCH)?
                    .members(None)?
                    .into_iter()
                    .map(|(_, process)| process)
                    .collect()
            }
            priority::USER => {
                let uid = if who == 0 {
                    me.identity().ids.ruid
                } else {
                    who as u32
                };
                let of_user = |process: &ProcessRef| {
                    process
                        .get(&guard)
                        .is_ok_and(|record| record.identity().ids.ruid == uid)
                };
                self.pids
                    .all()
                    .into_iter()
                    .map(|(_, process)| process)
                    .filter(of_user)
                    .collect()
            }
            _ => return Err(Error::EINVAL),
        };
        let mut result = Err(Error::ESRCH);
        for process in targets {
            let Ok(target) = process.get(&guard) else {
                continue;
            };
            let one = if set {
                self.renice(&me, &target, nice.clamp(-20, 19)).map(|()| 0)
            } else {
                Ok(20 - target.view().heritage.nice)
            };
            result = match (result, one) {
                (Ok(best), Ok(one)) => Ok(one.max(best)),
                // One refusal is the result, even if others were willing.
                (Err(error), _) if error != Error::ESRCH => Err(error),
                (_, one) => one,
            };
        }
        result
    }

    fn renice(&self, me: &Borrowed<'_>, target: &Borrowed<'_>, nice: i32) -> Result<()> {
        let (mine, theirs) = (me.identity(), target.identity());
        let same_user = mine.ids.euid == theirs.ids.ruid || mine.ids.euid == theirs.ids.euid;
        if !mine.privileged() && !same_user {
            return Err(Error::EPERM);
        }
        let view = target.view().heritage;
        let allowed = (20 - nice) as u64 <= view.limits.soft(crate::linux::resource::NICE);
        if nice < view.nice && !allowed && !mine.privileged() {
            return Err(Error::EACCES);
        }
        target.set_nice(nice);
        // A dead process has no weight.
        let _ = self
            .env
            .set_weight(target.space(), crate::limits::weight(nice));
        Ok(())
    }

    /// `Process::set_terminal`, from the console server.
    pub fn set_terminal_call(&self, sid: i32, device: u64) -> Result<()> {
        self.pids
            .session(sid)
            .ok_or(Error::ESRCH)?
            .terminal
            .store(device, Ordering::Relaxed);
        Ok(())
    }
}
