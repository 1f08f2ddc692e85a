//! The server: its tables, and how processes come to be.

use crate::credentials::Identity;
use crate::env::Environment;
use crate::family::{Child, Which};
use crate::group::{Group, Users};
use crate::limits::{Limits, weight};
use crate::linux::{resource, signal, wait};
use crate::load::LoadAverage;
use crate::pids::Pids;
use crate::record::{Central, Heritage, Masks, ProcessRef, Program, Record};
use crate::shm::Table;
use crate::spaces::Spaces;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use k42_abi::info::MAX_CPUS;
use k42_api::process::start_words;
use k42_ipc::{ClientTables, Error, ProcessId, Result};
use k42_object::{Guard, System};
use k42_sched::Mutex;
use k42_sched::trace::{User, events};

/// Locks for changes of groups.
const MOVES: usize = 32;

/// Open files of /proc that one process may have.
const HANDLES: usize = 1024;
/// File servers that can register.
const SERVERS: usize = 8;

/// Turns what the object system says into what callers understand.
pub(crate) fn object_error(error: k42_object::Error) -> Error {
    if error == k42_object::Error::Deleted {
        Error::ESRCH
    } else {
        Error::ENOMEM
    }
}

/// How many processes were started on a CPU and live; on a cache line of its own.
#[repr(align(128))]
struct Load(AtomicU32);

/// The process server.
pub struct Server {
    /// Everything around it.
    pub env: Box<dyn Environment>,
    /// Open files of /proc that clients hold.
    pub files: ClientTables,
    pub(crate) objects: &'static System,
    pub(crate) pids: Pids,
    pub(crate) spaces: Spaces,
    pub(crate) users: Users,
    pub(crate) segments: Mutex<Table>,
    pub(crate) host_name: Mutex<Vec<u8>>,
    pub(crate) zombies: AtomicUsize,
    pub(crate) load: LoadAverage,
    /// Processor time of processes that have ended, for /proc/stat.
    pub(crate) ended_time: AtomicU64,
    /// Processes made since boot.
    pub(crate) made: AtomicU64,
    /// The group of records that have been released.
    pub(crate) nowhere: Arc<Group>,
    /// A random number for this start of the system.
    pub(crate) boot_id: [u64; 2],
    servers: [AtomicU32; SERVERS],
    /// See [`moving`](Self::moving).
    moves: [Mutex<()>; MOVES],
    first_started: AtomicBool,
    loads: Box<[Load]>,
}

impl Server {
    /// A server without processes.
    pub fn new(env: Box<dyn Environment>, objects: &'static System) -> Self {
        let memory_bytes = env.memory_bytes();
        Self {
            boot_id: [env.random(), env.random()],
            env,
            nowhere: Arc::new(Group::lead(0)),
            files: ClientTables::new(HANDLES),
            objects,
            pids: Pids::default(),
            spaces: Spaces::default(),
            users: Users::default(),
            segments: Mutex::new(Table::new(memory_bytes)),
            host_name: Mutex::new(b"k42".to_vec()),
            zombies: AtomicUsize::new(0),
            load: LoadAverage::default(),
            ended_time: AtomicU64::new(0),
            made: AtomicU64::new(0),
            servers: [const { AtomicU32::new(0) }; SERVERS],
            moves: [const { Mutex::new(()) }; MOVES],
            first_started: AtomicBool::new(false),
            loads: (0..MAX_CPUS).map(|_| Load(AtomicU32::new(0))).collect(),
        }
    }

    /// Held while the process `pid` changes its group, which its parent may do at the same time: to enter the new group, to
    /// say so in the record and to leave the old one are one step. Taken before all other locks.
    pub(crate) fn moving(&self, pid: i32) -> k42_sched::Guard<'_, ()> {
        self.moves[pid as usize % MOVES].lock()
    }

    /// The registered file servers.
    pub(crate) fn servers(&self) -> impl Iterator<Item = ProcessId> {
        self.servers
            .iter()
            .map(|id| ProcessId(id.load(Ordering::Acquire)))
            .take_while(|id| *id != ProcessId::NONE)
    }

    /// Tells all file servers something that they must know; the first error. A server that has gone need not know anything.
    pub(crate) fn tell_servers(&self, tell: impl Fn(ProcessId) -> Result<()>) -> Result<()> {
        self.servers().try_for_each(|server| match tell(server) {
            Err(Error::DEAD) => Ok(()),
            told => told,
        })
    }

    /// `Process::register_server`: a server of the boot archive wants to hear of client processes.
    pub fn register(&self, server: ProcessId) -> Result<()> {
        if server == ProcessId::NONE || server.index() >= ProcessId::FIRST_DYNAMIC_INDEX as usize {
            return Err(Error::EPERM);
        }
        let free = |place: &AtomicU32| match place.compare_exchange(
            0,
            server.0,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => true,
            Err(other) => other == server.0,
        };
        if !self.servers.iter().any(free) {
            return Err(Error::ENOSPC);
        }
        let there = |id| self.servers().any(|server| server == id);
        if there(ProcessId::KFS)
            && there(ProcessId::CONSOLE)
            && !self.first_started.swap(true, Ordering::AcqRel)
        {
            self.env.start_first_soon();
        }
        Ok(())
    }

    /// Makes the first Linux process, all others' ancestor.
    pub fn start_first(&self) -> Result<()> {
        let guard = self.objects.enter();
        let pid = self.pids.take()?;
        let cpu = self.env.cpu();
        let space = self.env.create_space(cpu)?;
        let identity = Arc::new(Identity::root());
        let heritage = Heritage {
            user: self.users.get(0),
            limits: Arc::new(Limits::default()),
            program: Arc::new(Program {
                comm: b"init".to_vec(),
                ..Program::default()
            }),
            group: self.pids.new_session(pid)?,
            group_signals: 0,
            masks: Masks {
                ignored: signal::IGNORED_BY_DEFAULT,
                blocked: 0,
                caught: 0,
            },
            child_options: (false, false),
            nice: 0,
            affinity: self.all_cpus(),
            no_new_privileges: false,
            dumpable: true,
            umask: 0o22,
            identity: identity.clone(),
        };
        let introduced = self.tell_servers(|server| {
            self.env
                .client_created(server, space, identity.for_files(), &identity.groups)
        });
        if let Err(error) = introduced {
            self.forget_space(space);
            self.pids.release(pid);
            return Err(error);
        }
        let process = self.make_record(pid, space, 0, cpu, heritage)?;
        process
            .get(&guard)
            .map_err(object_error)?
            .group()
            .join(pid, process, 0);
        self.env
            .start_space(space, [pid as u64, 0, 0, start_words::FIRST])
    }

    /// The record of a process whose space exists, findable by space and number.
    fn make_record(
        &self,
        pid: i32,
        space: ProcessId,
        parent: i32,
        cpu: u32,
        heritage: Heritage,
    ) -> Result<ProcessRef> {
        let user = heritage.user.clone();
        let record = Central::new(pid, space, parent, cpu, self.env.uptime(), heritage);
        let process = self
            .objects
            .create::<dyn Record, _>(record)
            .map_err(object_error)?;
        user.processes.fetch_add(1, Ordering::Relaxed);
        self.load_of(cpu).fetch_add(1, Ordering::Relaxed);
        self.made.fetch_add(1, Ordering::Relaxed);
        self.spaces.set(space, process);
        events::process::space::<User>(pid as u64, u64::from(space.0));
        self.pids.set(pid, process);
        Ok(process)
    }

    /// fork(2): `caller`, from its dispatcher `vp`, gets a child. Its pid.
    pub fn fork(&self, caller: ProcessId, vp: u32, without_program: bool) -> Result<i32> {
        let guard = self.objects.enter();
        let parent_ref = self.spaces.get(caller)?;
        let parent = parent_ref.get(&guard).map_err(object_error)?;
        let heritage = parent.heritage()?;
        let limit = heritage.limits.soft(resource::NPROC);
        if heritage.user.processes.load(Ordering::Relaxed) as u64 >= limit
            && !heritage.identity.privileged()
        {
            return Err(Error::EAGAIN);
        }
        let is_limited = heritage.limits.soft(resource::CPU) != resource::INFINITY;
        let pid = self.pids.take()?;
        let cpu = self.choose_cpu(heritage.affinity);
        let child = self
            .env
            .fork_space(caller, vp, cpu, without_program)
            .and_then(|space| self.fork_into(caller, space, cpu, pid, parent.pid(), heritage));
        let (child, space, group, since) = match child {
            Ok(made) => made,
            Err(error) => {
                self.pids.release(pid);
                return Err(error);
            }
        };
        if let Err(error) = parent.add_child(Child::new(pid, child)) {
            // The parent is being killed: the child never was.
            self.undo(&guard, child);
            return Err(error);
        }
        let missed = group.join(pid, child, since);
        if let Err(error) = self.env.start_space(
            space,
            [pid as u64, parent.pid() as u64, 0, start_words::FORKED],
        ) {
            // It ends like any child, but nobody is told of it.
            self.end(&guard, child, 0);
            if let Ok(Some(child)) = parent.wait(Which::Pid(pid), wait::EXITED, None, &|_| 0) {
                self.release(&guard, child.process);
            }
            return Err(error);
        }
        if is_limited {
            self.env.watch_processor_limits();
        }
        events::process::fork::<User>(parent.pid() as u64, pid as u64);
        if let Some(info) = missed {
            // A signal to the whole group came while the child was made; it is for the child too.
            let _ = self.deliver(&guard, child, info);
        }
        Ok(pid)
    }

    /// Has the file servers copy the handles for the child in `space`, and makes its record.
    fn fork_into(
        &self,
        caller: ProcessId,
        space: ProcessId,
        cpu: u32,
        pid: i32,
        parent: i32,
        heritage: Heritage,
    ) -> Result<(ProcessRef, ProcessId, Arc<Group>, u64)> {
        let (group, since, nice) = (
            heritage.group.clone(),
            heritage.group_signals,
            heritage.nice,
        );
        let told = self.tell_servers(|server| self.env.client_forked(server, caller, space));
        let child = told
            .and_then(|()| self.files.fork(caller, space))
            .and_then(|()| self.make_record(pid, space, parent, cpu, heritage));
        if child.is_err() {
            self.forget_space(space);
        } else if nice != 0 {
            // An ordinary weight is no reason to give up.
            let _ = self.env.set_weight(space, weight(nice));
        }
        Ok((child?, space, group, since))
    }

    /// Takes an address space back that no process has (any more). Its page faults, and the bytes of its private frames.
    pub(crate) fn forget_space(&self, space: ProcessId) -> [u64; 2] {
        self.files.end(space);
        for server in self.servers() {
            // A server that has gone has nothing to release.
            let _ = self.env.client_ended(server, space);
        }
        self.env.destroy_space(space).unwrap_or_default()
    }

    fn undo(&self, guard: &Guard, child: ProcessRef) {
        if let Ok(record) = child.get(guard) {
            record.begin_exit();
            self.forget_space(record.space());
            self.spaces.clear(record.space());
            self.load_of(record.cpu()).fetch_sub(1, Ordering::Relaxed);
            self.release(guard, child);
        }
    }

    pub(crate) fn load_of(&self, cpu: u32) -> &AtomicU32 {
        &self.loads[cpu as usize % self.loads.len()].0
    }

    /// Where a child is started that may run on the CPUs in `affinity`: here, unless this CPU has more processes than
    /// another; then where there are fewest. Its pages are in this CPU's cache, so equal is good enough.
    fn choose_cpu(&self, affinity: u64) -> u32 {
        let (here, cpus) = (self.env.cpu(), self.env.cpus());
        if cpus <= 1 {
            return here;
        }
        let load = |cpu: u32| self.load_of(cpu).load(Ordering::Relaxed);
        let least = self.least_loaded(affinity).unwrap_or(here);
        if affinity >> here & 1 != 0 && load(here) <= load(least) {
            here
        } else {
            least
        }
    }
}
