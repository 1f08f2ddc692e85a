//! The interface `Process`, method by method.

use crate::record::{Masks, Offer, Program, Record, Used};
use crate::server::{Server, object_error};
use alloc::sync::Arc;
use alloc::vec::Vec;
use k42_api::lifecycle::Credentials;
use k42_api::process::{Identity, Ids, KEEP_ID, Process, SignalInfo, Times, WaitResult, fork_flag};
use k42_ipc::{Caller, Error, Handle, OutBuf, ProcessId, Result};
use k42_sched::trace::{User, events, text_words};

/// Most bytes kept of a command line.
const COMMAND_LINE_MAX: usize = 4096;
/// Longest host name.
const HOST_NAME_MAX: usize = 64;

/// For methods that are for servers of the boot archive only.
fn from_server(caller: &Caller) -> Result<()> {
    let server = caller.process != ProcessId::NONE
        && caller.process.index() < ProcessId::FIRST_DYNAMIC_INDEX as usize;
    if server { Ok(()) } else { Err(Error::EPERM) }
}

fn copied(bytes: &[u8], most: usize) -> Result<Vec<u8>> {
    let bytes = &bytes[..bytes.len().min(most)];
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len())
        .map_err(|_| Error::ENOMEM)?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

impl Process for Server {
    fn fork(&self, caller: &Caller, flags: u32) -> Result<i32> {
        if flags & !fork_flag::WITHOUT_PROGRAM != 0 {
            return Err(Error::EINVAL);
        }
        let without_program = flags & fork_flag::WITHOUT_PROGRAM != 0;
        self.fork(caller.process, caller.vp, without_program)
    }
    fn exit(&self, caller: &Caller, status: u32) -> Result<()> {
        let guard = self.objects.enter();
        self.end(&guard, self.spaces.get(caller.process)?, status & 0xffff);
        Ok(())
    }
    fn wait(&self, caller: &Caller, which: i32, options: u32) -> Result<WaitResult> {
        self.wait_for(caller, which, options)
    }
    fn identity(&self, caller: &Caller) -> Result<Identity> {
        self.identity_call(caller.process)
    }
    fn kill(
        &self,
        caller: &Caller,
        pid: i32,
        thread: i32,
        signal: u32,
        code: i32,
        value: u64,
    ) -> Result<()> {
        self.kill_call(caller, pid, thread, signal, code, value)
    }
    fn fetch_signal(&self, caller: &Caller, wanted: u64) -> Result<SignalInfo> {
        let guard = self.objects.enter();
        Ok(self.record(&guard, caller.process)?.fetch(wanted))
    }
    fn pending_signals(&self, caller: &Caller) -> Result<u64> {
        let guard = self.objects.enter();
        Ok(self.record(&guard, caller.process)?.pending())
    }
    fn signal_masks(
        &self,
        caller: &Caller,
        ignored: u64,
        blocked: u64,
        caught: u64,
        no_child_wait: bool,
        no_child_stop: bool,
    ) -> Result<()> {
        let guard = self.objects.enter();
        self.record(&guard, caller.process)?.set_masks(
            Masks {
                ignored,
                blocked,
                caught,
            },
            no_child_wait,
            no_child_stop,
        );
        Ok(())
    }
    fn stop_self(&self, caller: &Caller, signal: u32) -> Result<()> {
        self.stop_call(caller, signal)
    }
    fn set_group(&self, caller: &Caller, pid: i32, pgid: i32) -> Result<()> {
        self.set_group_call(caller.process, pid, pgid)
    }
    fn group_of(&self, caller: &Caller, pid: i32) -> Result<i32> {
        self.group_of_call(caller.process, pid)
    }
    fn session_of(&self, caller: &Caller, pid: i32) -> Result<i32> {
        self.session_of_call(caller.process, pid)
    }
    fn new_session(&self, caller: &Caller) -> Result<i32> {
        self.new_session_call(caller.process)
    }
    fn ids(&self, caller: &Caller) -> Result<Ids> {
        let guard = self.objects.enter();
        Ok(self.record(&guard, caller.process)?.identity().ids)
    }
    fn set_ids(&self, caller: &Caller, which: u32, a: u32, b: u32, c: u32) -> Result<Ids> {
        self.set_ids_call(caller.process, which, a, b, c)
    }
    fn groups(&self, caller: &Caller, out: &mut OutBuf<'_>) -> Result<u32> {
        let guard = self.objects.enter();
        let identity = self.record(&guard, caller.process)?.identity();
        out.put(&identity.groups)?;
        Ok((identity.groups.len() / 4) as u32)
    }
    fn set_groups(&self, caller: &Caller, groups: &[u8]) -> Result<()> {
        self.set_groups_call(caller.process, groups)
    }
    fn limit(
        &self,
        caller: &Caller,
        pid: i32,
        resource: u32,
        set: bool,
        soft: u64,
        hard: u64,
    ) -> Result<[u64; 2]> {
        self.limit_call(caller.process, pid, resource, set, soft, hard)
    }
    fn times(&self, caller: &Caller) -> Result<Times> {
        let guard = self.objects.enter();
        let me = self
            .spaces
            .get(caller.process)?
            .get(&guard)
            .map_err(object_error)?;
        let Used {
            time,
            max_resident,
            faults,
        } = self.measure(&me);
        let children = me.used().0;
        Ok(Times {
            user: time,
            system: 0,
            children_user: children.time,
            children_system: 0,
            max_resident,
            faults,
        })
    }
    fn program_changed(
        &self,
        caller: &Caller,
        comm: &[u8],
        command_line: &[u8],
        path: &[u8],
    ) -> Result<()> {
        let program = Program {
            comm: copied(comm, crate::linux::COMM_MAX)?,
            command_line: copied(command_line, COMMAND_LINE_MAX)?,
            path: copied(path, k42_fslib::linux::PATH_MAX)?,
        };
        let guard = self.objects.enter();
        let me = self.record(&guard, caller.process)?;
        let name = text_words(&program.comm);
        events::process::exec::<User>(me.pid() as u64, name[0], name[1]);
        let old = me.identity();
        self.change_identity(&me, &old, old.executing(KEEP_ID, KEEP_ID))?;
        me.set_program(Arc::new(program), true);
        Ok(())
    }
    fn priority(&self, caller: &Caller, which: u32, who: i32, set: bool, nice: i32) -> Result<i32> {
        self.priority_call(caller.process, which, who, set, nice)
    }
    fn host_name(
        &self,
        caller: &Caller,
        set: bool,
        set_to: &[u8],
        out: &mut OutBuf<'_>,
    ) -> Result<()> {
        if !set {
            return out.put(&self.host_name.lock());
        }
        let guard = self.objects.enter();
        if !self.record(&guard, caller.process)?.identity().privileged() {
            return Err(Error::EPERM);
        }
        if set_to.len() > HOST_NAME_MAX {
            return Err(Error::EINVAL);
        }
        let new = copied(set_to, HOST_NAME_MAX)?;
        *self.host_name.lock() = new;
        Ok(())
    }
    fn power_off(&self, caller: &Caller, status: u32) -> Result<()> {
        if from_server(caller).is_err() {
            let guard = self.objects.enter();
            if !self.record(&guard, caller.process)?.identity().privileged() {
                return Err(Error::EPERM);
            }
        }
        self.env.power_off(status);
        Ok(())
    }
    fn load(&self, _: &Caller) -> Result<[u64; 4]> {
        let loads = self.loads_now();
        Ok([self.pids.count() as u64, loads[0], loads[1], loads[2]])
    }
    fn set_option(&self, caller: &Caller, option: u32, value: u64) -> Result<u64> {
        let guard = self.objects.enter();
        self.record(&guard, caller.process)?.option(option, value)
    }
    fn renew(&self, caller: &Caller, request: u64) -> Result<()> {
        self.renew_call(caller, request)
    }
    fn affinity(&self, caller: &Caller, pid: i32, set: bool, mask: u64) -> Result<[u64; 2]> {
        self.affinity_call(caller.process, pid, set, mask)
    }

    fn identity_of(&self, caller: &Caller, process: ProcessId) -> Result<Identity> {
        from_server(caller)?;
        self.identity_call(process)
    }
    fn credentials_of(
        &self,
        caller: &Caller,
        process: ProcessId,
        out: &mut OutBuf<'_>,
    ) -> Result<Credentials> {
        from_server(caller)?;
        let guard = self.objects.enter();
        let identity = self.record(&guard, process)?.identity();
        out.put(&identity.groups)?;
        Ok(identity.for_files())
    }
    fn signal_group(&self, caller: &Caller, pgid: i32, signal: u32) -> Result<()> {
        from_server(caller)?;
        self.signal_group_call(pgid, signal)
    }
    fn group_in_session(&self, caller: &Caller, pgid: i32, sid: i32) -> Result<bool> {
        from_server(caller)?;
        Ok(self
            .pids
            .group(pgid)
            .is_some_and(|group| group.session.sid == sid && !group.is_empty()))
    }
    fn signal_process(&self, caller: &Caller, process: ProcessId, signal: u32) -> Result<()> {
        from_server(caller)?;
        self.signal_process_call(process, signal)
    }
    fn register_server(&self, caller: &Caller) -> Result<()> {
        self.register(caller.process)
    }
    fn set_terminal(&self, caller: &Caller, sid: i32, device: u64) -> Result<()> {
        from_server(caller)?;
        self.set_terminal_call(sid, device)
    }
    fn offer_program(
        &self,
        caller: &Caller,
        process: ProcessId,
        handle: Handle,
        uid: u32,
        gid: u32,
    ) -> Result<bool> {
        from_server(caller)?;
        let offer = Offer {
            server: caller.process,
            handle,
            uid,
            gid,
        };
        self.offer_call(process, offer)
    }
}

impl Server {
    /// The load averages, brought up to date.
    pub(crate) fn loads_now(&self) -> [u64; 3] {
        self.load.update(self.env.uptime(), self.busy_time())
    }

    /// Processor time of all processes that are or were, nanoseconds.
    pub(crate) fn busy_time(&self) -> u64 {
        let guard = self.objects.enter();
        let live = self.pids.all().into_iter().filter_map(|(_, process)| {
            let record = process.get(&guard).ok()?;
            Some(
                self.env
                    .nanoseconds(self.env.statistics(record.space()).ok()?.ticks),
            )
        });
        live.sum::<u64>() + self.ended_time.load(core::sync::atomic::Ordering::Relaxed)
    }
}
