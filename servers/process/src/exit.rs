//! The end of a process: what it held goes back, its children get another parent, its own parent hears of it.
//!
//! The order is visible to programs. First the file servers close what was open, so that who reads the other end of a
//! pipe sees its end no later than the parent sees the death; then the address space goes; only then is the process
//! dead and the parent told. A process that is ended twice (it exits while it is being killed) ends once.

use crate::family::{Heard, News};
use crate::group::Group;
use crate::linux::{code, signal, wait};
use crate::record::{Life, ProcessRef, Record, Remains, Used};
use crate::server::{Server, object_error};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use k42_api::event;
use k42_api::process::{SignalInfo, WaitResult};
use k42_ipc::{Caller, Error, ProcessId, Result};
use k42_object::{Guard, Rep};
use k42_sched::trace::{User, events};

type Borrowed<'g> = Rep<'g, dyn Record>;

impl Server {
    /// `Process::exit`, and the end of whoever is killed. Does nothing if the process is ending already.
    pub(crate) fn end(&self, guard: &Guard, process: ProcessRef, status: u32) {
        let Ok(me) = process.get(guard) else { return };
        if !me.begin_exit() {
            return;
        }
        events::process::exit::<User>(me.pid() as u64, u64::from(status));
        let space = me.space();
        // From here on none of its other dispatchers makes calls whose traces would stay behind.
        let _ = self.env.freeze(space);
        // What the memory server tells at the end is less than what it tells when asked (pages of files do not count as
        // resident), but costs nothing.
        let ticks = self.env.statistics(space).unwrap_or_default().ticks;
        let [faults, private] = self.forget_space(space);
        let used = Used {
            time: self.env.nanoseconds(ticks),
            max_resident: me.saw_resident(private),
            faults,
        };
        self.spaces.clear(space);
        self.load_of(me.cpu()).fetch_sub(1, Ordering::Relaxed);
        self.ended_time.fetch_add(used.time, Ordering::Relaxed);
        if me.pid() == 1 {
            // Nothing can go on without the first process: the machine goes off with its status.
            self.env.power_off(if status & 0x7f == 0 {
                status >> 8 & 0xff
            } else {
                128 + (status & 0x7f)
            });
        }

        let mut jobs = self.give_children_up(guard, &me);
        let own_group = me.group();
        if own_group.stopped.load(Ordering::Relaxed) > 0
            && self.links(guard, &own_group, me.parent())
        {
            jobs.push(own_group);
        }
        self.zombies.fetch_add(1, Ordering::Relaxed);
        let parent = me.end(status, used);
        for job in jobs {
            self.rouse_if_orphaned(guard, &job);
        }
        self.tell_parent(guard, process, &me, parent, News::Exited);
    }

    /// What a process that still has its space has used.
    pub(crate) fn measure(&self, me: &Borrowed<'_>) -> Used {
        let ticks = self.env.statistics(me.space()).unwrap_or_default().ticks;
        let usage = self
            .env
            .usage(me.space())
            .map(|usage| (usage.resident, usage.faults))
            .unwrap_or_default();
        Used {
            time: self.env.nanoseconds(ticks),
            max_resident: me.saw_resident(usage.0),
            faults: usage.1,
        }
    }

    /// Passes all children on. Gives the groups that may be orphaned by it and have stopped members.
    fn give_children_up(&self, guard: &Guard, me: &Borrowed<'_>) -> Vec<Arc<Group>> {
        let mut jobs: Vec<Arc<Group>> = Vec::new();
        let children = me.close_family();
        if children.is_empty() {
            return jobs;
        }
        let own_group = me.group();
        let Some(reaper_ref) = self.reaper(guard, me) else {
            return jobs;
        };
        let Ok(reaper) = reaper_ref.get(guard) else {
            return jobs;
        };
        for child in children.into_values() {
            let Ok(record) = child.process.get(guard) else {
                continue;
            };
            if reaper.add_child(child).is_err() {
                // The reaper is ending as well, and so it is the first process: the machine goes down.
                continue;
            }
            let reparented = record.set_parent(reaper.pid());
            if reparented.dead {
                self.tell_parent(guard, child.process, &record, reaper.pid(), News::Exited);
                continue;
            }
            if reparented.death_signal != 0 {
                let info = SignalInfo {
                    signal: reparented.death_signal,
                    pid: me.pid(),
                    uid: me.identity().ids.ruid,
                    ..crate::pending::NONE
                };
                let _ = self.deliver(guard, child.process, info);
            }
            let group = record.group();
            let linked =
                !Arc::ptr_eq(&group, &own_group) && Arc::ptr_eq(&group.session, &own_group.session);
            if linked
                && group.stopped.load(Ordering::Relaxed) > 0
                && !jobs.iter().any(|job| Arc::ptr_eq(job, &group))
            {
                jobs.push(group);
            }
        }
        jobs
    }

    /// Who takes the children of an ending process: the nearest ancestor that wants them, or the first process.
    fn reaper(&self, guard: &Guard, me: &Borrowed<'_>) -> Option<ProcessRef> {
        let mut pid = me.parent();
        // As many steps as there can be ancestors: the tree may change while it is climbed.
        for _ in 0..self.pids.count() {
            let Ok(process) = self.pids.process(pid) else {
                break;
            };
            let Ok(record) = process.get(guard) else {
                break;
            };
            if record.is_subreaper() {
                return Some(process);
            }
            pid = record.parent();
        }
        self.pids.process(1).ok()
    }

    /// Whether process `parent` ties `group` to its session: it is in another group of the same session. (Linux
    /// leaves the first process out; here that is the shell of the console, which does job control.)
    fn links(&self, guard: &Guard, group: &Arc<Group>, parent: i32) -> bool {
        let Ok(process) = self.pids.process(parent) else {
            return false;
        };
        let Ok(record) = process.get(guard) else {
            return false;
        };
        let other = record.group();
        !Arc::ptr_eq(&other, group) && Arc::ptr_eq(&other.session, &group.session)
    }

    /// Whether no living member's parent ties the group to its session, so that nobody does job control for it.
    pub(crate) fn is_orphaned(&self, guard: &Guard, group: &Arc<Group>) -> bool {
        !group.any(|process| {
            process.get(guard).is_ok_and(|record| {
                record.life() == Life::Running && self.links(guard, group, record.parent())
            })
        })
    }

    /// Stopped processes that nobody will continue are told of it, and continued.
    fn rouse_if_orphaned(&self, guard: &Guard, group: &Arc<Group>) {
        if group.stopped.load(Ordering::Relaxed) > 0 && self.is_orphaned(guard, group) {
            for signal in [signal::HUP, signal::CONT] {
                let info = SignalInfo {
                    signal,
                    code: code::SI_KERNEL,
                    ..crate::pending::NONE
                };
                self.deliver_to_group(guard, group, info);
            }
        }
    }

    /// Tells `parent` what its child `me` has done.
    pub(crate) fn tell_parent(
        &self,
        guard: &Guard,
        process: ProcessRef,
        me: &Borrowed<'_>,
        parent: i32,
        news: News,
    ) {
        let heard = self.pids.process(parent).ok().and_then(|parent_ref| {
            let record = parent_ref.get(guard).ok()?;
            Some((parent_ref, record.space(), record.hear(me.pid(), news)?))
        });
        let Some((
            parent_ref,
            space,
            Heard {
                waiters,
                reap,
                signal,
            },
        )) = heard
        else {
            return;
        };
        if reap {
            self.release(guard, process);
        }
        if signal {
            let remains = me.remains();
            let (code, value) = match news {
                News::Stopped(signal) => (code::CLD_STOPPED, signal),
                News::Continued => (code::CLD_CONTINUED, signal::CONT),
                _ if remains.status & 0x7f == 0 => (code::CLD_EXITED, remains.status >> 8),
                _ if remains.status & 0x80 != 0 => (code::CLD_DUMPED, remains.status & 0x7f),
                _ => (code::CLD_KILLED, remains.status & 0x7f),
            };
            let info = SignalInfo {
                signal: signal::CHLD,
                code,
                errno: 0,
                pid: me.pid(),
                uid: me.identity().ids.ruid,
                value: u64::from(value),
                thread: 0,
            };
            let _ = self.deliver(guard, parent_ref, info);
        }
        for vp in waiters {
            self.env.send(space, vp, event::CHILD);
        }
    }

    /// Nothing of a dead process is wanted any more.
    pub(crate) fn release(&self, guard: &Guard, process: ProcessRef) {
        let Ok(me) = process.get(guard) else { return };
        if me.life() == Life::Zombie {
            self.zombies.fetch_sub(1, Ordering::Relaxed);
        }
        me.view()
            .heritage
            .user
            .processes
            .fetch_sub(1, Ordering::Relaxed);
        // The record itself goes some time later; its group is not to wait for that.
        self.leave_group(me.pid(), me.move_to(self.nowhere.clone()));
        self.pids.release(me.pid());
        let _ = process.destroy(guard);
        self.objects.poll();
    }

    /// Takes a process out of a group; the group goes with its last member.
    pub(crate) fn leave_group(&self, pid: i32, group: Arc<Group>) {
        if group.leave(pid) {
            let (pgid, sid) = (group.pgid, group.session.sid);
            drop(group);
            self.pids.prune(pgid);
            self.pids.prune(sid);
        }
    }

    /// `Process::wait`.
    pub fn wait_for(&self, caller: &Caller, which: i32, mut options: u32) -> Result<WaitResult> {
        if options & !wait::ALL != 0 {
            return Err(Error::EINVAL);
        }
        if options & (wait::EXITED | wait::STOPPED | wait::CONTINUED) == 0 {
            options |= wait::EXITED;
        }
        let guard = self.objects.enter();
        let me = self
            .spaces
            .get(caller.process)?
            .get(&guard)
            .map_err(object_error)?;
        let which = crate::family::Which::new(which, if which == 0 { me.group().pgid } else { 0 })?;
        let waiter = (options & wait::NOHANG == 0).then_some(caller.vp);
        let group_of = |child: &crate::family::Child| {
            child
                .process
                .get(&guard)
                .map_or(0, |record| record.group().pgid)
        };
        let nothing = WaitResult {
            pid: 0,
            status: 0,
            user_ns: 0,
            system_ns: 0,
            max_resident: 0,
            uid: 0,
        };
        let Some(child) = me.wait(which, options, waiter, &group_of)? else {
            return if waiter.is_some() {
                Err(Error::WOULD_BLOCK)
            } else {
                Ok(nothing)
            };
        };
        let record = child.process.get(&guard).map_err(object_error)?;
        let status = match child.news {
            News::Stopped(signal) => wait::status_stopped(signal),
            News::Continued => wait::STATUS_CONTINUED,
            _ => record.remains().status,
        };
        let uid = record.identity().ids.ruid;
        let result = WaitResult {
            pid: child.pid,
            status,
            uid,
            ..nothing
        };
        if child.news != News::Exited {
            return Ok(result);
        }
        events::process::wait::<User>(me.pid() as u64, child.pid as u64);
        let Remains { own, children, .. } = record.remains();
        let mut total = own;
        total.add(children);
        if options & wait::NOWAIT == 0 {
            me.add_used(total);
            self.release(&guard, child.process);
        }
        Ok(WaitResult {
            user_ns: total.time,
            max_resident: total.max_resident,
            ..result
        })
    }

    /// The kernel found that `space` cannot be run any more (a fault on the way in from a fault).
    pub fn broken(&self, space: ProcessId) {
        let guard = self.objects.enter();
        if let Ok(process) = self.spaces.get(space) {
            self.end(&guard, process, signal::SEGV);
        } else {
            // One that has ended meanwhile is nothing to do; a server is.
            let _ = self.end_server(space);
        }
    }

    /// Ends a server of the boot archive. Calls to it fail from then on, and what it served is out of reach; the rest goes on.
    /// EPERM for the two without which nothing does, ESRCH for what is no server.
    pub(crate) fn end_server(&self, server: ProcessId) -> Result<()> {
        if server.index() >= ProcessId::FIRST_DYNAMIC_INDEX as usize {
            return Err(Error::ESRCH);
        }
        self.env.destroy_space(server).map(drop)
    }
}
