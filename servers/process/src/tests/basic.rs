//! Birth, death, waiting, signals between two processes.

use super::mock::World;
use crate::linux::{signal, wait};
use crate::record::Life;
use k42_api::event;
use k42_api::process::{KEEP_ID, Process, id_call, start_words};
use k42_ipc::{Caller, Error, Handle, ProcessId};

const NOHANG: u32 = wait::EXITED | wait::NOHANG;

#[test]
fn the_first_process() {
    let world = World::new();
    let space = world.space(1);
    let state = world.mock.state();
    assert_eq!(state.spaces[&space], Some([1, 0, 0, 1]));
    assert!(
        state.clients.contains(&(ProcessId::KFS, space))
            && state.clients.contains(&(ProcessId::CONSOLE, space))
    );
    drop(state);
    let identity = world.server.identity(&world.caller(1)).unwrap();
    assert_eq!(
        (identity.pid, identity.ppid, identity.pgid, identity.sid),
        (1, 0, 1, 1)
    );
    world.exit(1, 3);
    assert_eq!(world.mock.state().off, Some(3));
}

#[test]
fn fork_exit_wait() {
    let world = World::new();
    assert_eq!(world.wait(1, -1, wait::EXITED).unwrap_err(), Error::ECHILD);
    let child = world.fork(1);
    assert_eq!(
        world.mock.state().spaces[&world.space(child)],
        Some([child as u64, 1, 0, 0])
    );
    assert_eq!(world.wait(1, child, NOHANG).unwrap().pid, 0);
    assert_eq!(
        world.wait(1, -1, wait::EXITED).unwrap_err(),
        Error::WOULD_BLOCK
    );
    let space = world.space(child);
    world.exit(child, 7);
    assert_eq!(world.life(child), Some(Life::Zombie));
    assert_eq!(
        world.events(1),
        [event::CHILD],
        "SIGCHLD is ignored by default"
    );
    let log = &world.mock.state().log.clone();
    assert_eq!(
        log.last(),
        Some(&format!("destroy {space:?}")),
        "files are closed before"
    );
    assert_eq!(
        world.wait(1, -1, wait::EXITED | wait::NOWAIT).unwrap().pid,
        child
    );
    let result = world.wait(1, 0, wait::EXITED).unwrap();
    assert_eq!((result.pid, result.status, result.uid), (child, 7 << 8, 0));
    assert_eq!((result.user_ns, result.max_resident), (1000, 8192));
    assert_eq!(world.life(child), None);
    assert_eq!(world.wait(1, -1, NOHANG).unwrap_err(), Error::ECHILD);
    assert_eq!(
        world.server.times(&world.caller(1)).unwrap().children_user,
        1000
    );
    assert_eq!(world.mock.state().spaces.len(), 1);
    assert_eq!(world.mock.state().clients.len(), 2);
}

#[test]
fn a_fork_that_fails_leaves_nothing() {
    let world = World::new();
    world.mock.state().fail_fork = true;
    assert_eq!(
        Process::fork(world.server, &world.caller(1), 0),
        Err(Error::ENOMEM)
    );
    assert_eq!(world.server.pids.count(), 1);
    let user = world.fork(1);
    world.become_user(user, 5);
    world
        .server
        .limit(&world.caller(user), 0, 6, true, 2, 2)
        .unwrap();
    assert!(Process::fork(world.server, &world.caller(user), 0).is_ok());
    assert_eq!(
        Process::fork(world.server, &world.caller(user), 0),
        Err(Error::EAGAIN)
    );
    assert_eq!(world.mock.state().spaces.len(), 3);
}

#[test]
fn unwanted_children_vanish() {
    let world = World::new();
    let (one, two) = (world.fork(1), world.fork(1));
    world.exit(one, 0);
    world
        .server
        .signal_masks(
            &world.caller(1),
            signal::IGNORED_BY_DEFAULT,
            0,
            0,
            true,
            false,
        )
        .unwrap();
    assert_eq!(
        world.wait(1, -1, NOHANG).unwrap().pid,
        one,
        "it ended before"
    );
    assert_eq!(
        world.wait(1, -1, wait::EXITED).unwrap_err(),
        Error::WOULD_BLOCK
    );
    world.exit(two, 0);
    assert_eq!(world.events(1), [event::CHILD]);
    assert_eq!(world.wait(1, -1, wait::EXITED).unwrap_err(), Error::ECHILD);
    assert_eq!(world.life(two), None);
}

#[test]
fn orphans_go_to_the_first_process_or_a_subreaper() {
    let world = World::new();
    let reaper = world.fork(1);
    world
        .server
        .set_option(
            &world.caller(reaper),
            k42_api::process::option::SET_CHILD_SUBREAPER,
            1,
        )
        .unwrap();
    let parent = world.fork(reaper);
    let (dead, alive) = (world.fork(parent), world.fork(parent));
    world
        .server
        .set_option(
            &world.caller(alive),
            k42_api::process::option::SET_PDEATHSIG,
            10,
        )
        .unwrap();
    world.exit(dead, 4);
    world.exit(parent, 0);
    assert_eq!(world.ppid(alive), reaper);
    assert_eq!(world.fetch(alive), 10);
    assert_eq!(world.wait(reaper, dead, NOHANG).unwrap().status, 4 << 8);
    world.exit(reaper, 0);
    assert_eq!(world.ppid(alive), 1);
    assert_eq!(world.wait(1, parent, NOHANG).unwrap().pid, parent);
}

#[test]
fn kill_stop_continue() {
    let world = World::new();
    let (shell, other) = (world.fork(1), world.fork(1));
    let job = world.fork(shell);
    let all = wait::EXITED | wait::STOPPED | wait::CONTINUED | wait::NOHANG;
    world.kill(other, job, signal::STOP).unwrap();
    assert!(world.stopped(job));
    assert_eq!(world.wait(shell, -1, NOHANG).unwrap().pid, 0);
    assert_eq!(
        world.wait(shell, -1, all).unwrap().status,
        signal::STOP << 8 | 0x7f
    );
    assert_eq!(world.wait(shell, -1, all).unwrap().pid, 0);
    world.kill(other, job, 15).unwrap();
    assert!(world.stopped(job), "only SIGCONT and SIGKILL work now");
    world.kill(other, job, signal::CONT).unwrap();
    assert!(!world.stopped(job));
    assert_eq!(world.wait(shell, -1, all).unwrap().status, 0xffff);
    assert_eq!(world.fetch(job), 15);
    world.kill(other, job, signal::STOP).unwrap();
    world.kill(other, job, signal::KILL).unwrap();
    assert_eq!(world.wait(shell, -1, all).unwrap().status, signal::KILL);
    assert_eq!(world.kill(other, job, 0), Err(Error::ESRCH));
    // The first process is the console's shell or the command of --exec: no exception is made for it.
    assert_eq!(world.kill(other, 1, signal::KILL), Ok(()));
    assert_eq!(world.life(1), Some(Life::Zombie));
    assert_eq!(world.server.stopped_in(1), 0);
}

#[test]
fn a_stop_that_a_sigcont_overtakes_is_void() {
    let world = World::new();
    let (shell, job) = {
        let shell = world.fork(1);
        (shell, world.fork(shell))
    };
    // A group of its own under job control.
    world.set_group(shell, job, job).unwrap();
    world.kill(shell, job, signal::TSTP).unwrap();
    assert_eq!(world.fetch(job), signal::TSTP);
    world.kill(shell, job, signal::CONT).unwrap();
    world
        .server
        .stop_self(&world.caller(job), signal::TSTP)
        .unwrap();
    assert!(!world.stopped(job));
    world.kill(shell, job, signal::TSTP).unwrap();
    world.kill(shell, job, signal::CONT).unwrap();
    assert_eq!(
        world.fetch(job),
        0,
        "SIGCONT took it away, and is ignored itself"
    );
    world
        .server
        .stop_self(&world.caller(job), signal::TTIN)
        .unwrap();
    assert!(world.stopped(job));
    assert_eq!(
        world.server.stop_self(&world.caller(job), 15),
        Err(Error::EINVAL)
    );
}

#[test]
fn who_may_signal() {
    let world = World::new();
    let (a, b) = (world.fork(1), world.fork(1));
    world.become_user(a, 5);
    assert_eq!(world.kill(a, b, 15), Err(Error::EPERM));
    assert_eq!(world.kill(a, b, signal::CONT), Ok(()), "same session");
    assert_eq!(world.kill(a, b, 99), Err(Error::EINVAL));
    assert_eq!(world.kill(a, 999, 15), Err(Error::ESRCH));
    assert_eq!(world.kill(a, -999, 15), Err(Error::ESRCH));
    assert_eq!(world.kill(a, 0, 0), Ok(()), "itself");
    assert_eq!(world.kill(a, -1, 15), Err(Error::EPERM));
    assert_eq!(world.kill(b, -1, 15), Ok(()));
    assert_eq!(world.fetch(a), 15);
    assert_eq!(
        world.server.kill(&world.caller(b), a, 0, 40, 3, 0),
        Err(Error::EPERM),
        "a code of the kernel's"
    );
    assert_eq!(
        world.server.kill(&world.caller(b), a, 0, 40, -1, 77),
        Ok(())
    );
    let info = world.server.fetch_signal(&world.caller(a), !0).unwrap();
    assert_eq!(
        (info.signal, info.code, info.value, info.pid),
        (40, -1, 77, b)
    );
    assert_eq!(
        world.server.set_groups(&world.caller(a), &[]),
        Err(Error::EPERM)
    );
}

#[test]
fn ignored_signals_wake_nobody() {
    let world = World::new();
    let child = world.fork(1);
    world.events(1);
    world
        .server
        .signal_masks(
            &world.caller(child),
            signal::bit(15),
            signal::bit(10),
            0,
            false,
            false,
        )
        .unwrap();
    world.kill(1, child, 15).unwrap();
    assert_eq!(world.events(child), []);
    world.kill(1, child, 10).unwrap();
    assert_eq!(world.events(child), [event::SIGNAL]);
    world.kill(1, child, 10).unwrap();
    assert_eq!(world.events(child), [], "it is pending already");
    assert_eq!(
        world.server.pending_signals(&world.caller(child)),
        Ok(signal::bit(10))
    );
    world
        .server
        .signal_masks(&world.caller(child), signal::bit(10), 0, 0, false, false)
        .unwrap();
    assert_eq!(world.fetch(child), 0);
}

#[test]
fn broken_processes_end() {
    let world = World::new();
    let child = world.fork(1);
    world.server.broken(world.space(child));
    assert_eq!(world.wait(1, child, NOHANG).unwrap().status, signal::SEGV);
    world.server.broken(ProcessId::new(99, 9));
    // A server is ended too.
    world.server.broken(ProcessId::NAME);
    let destroyed = format!("destroy {:?}", ProcessId::NAME);
    assert_eq!(world.mock.state().log.last(), Some(&destroyed));
}

#[test]
fn servers_methods_are_for_servers() {
    let world = World::new();
    let server = Caller {
        process: ProcessId::CONSOLE,
        vp: 0,
        handle: Handle::ROOT,
        rights: 0,
    };
    let child = world.fork(1);
    assert_eq!(
        world
            .server
            .identity_of(&server, world.space(child))
            .unwrap()
            .pid,
        child
    );
    assert_eq!(
        world
            .server
            .identity_of(&world.caller(1), world.space(child)),
        Err(Error::EPERM)
    );
    assert_eq!(world.server.signal_group(&server, 1, signal::INT), Ok(()));
    assert_eq!(world.fetch(child), signal::INT);
    assert_eq!(
        world.server.signal_group(&server, 77, signal::INT),
        Err(Error::ESRCH)
    );
    assert_eq!(world.server.group_in_session(&server, 1, 1), Ok(true));
    assert_eq!(world.server.set_terminal(&server, 1, 0x501), Ok(()));
    assert_eq!(
        world.server.identity(&server),
        Err(Error::ESRCH),
        "no Linux process"
    );
}

#[test]
fn a_set_id_program_gets_a_fresh_space() {
    let world = World::new();
    let pid = world.fork(1);
    world.become_user(pid, 5);
    let caller = world.caller(pid);
    assert_eq!(
        world.server.renew(&caller, 0x1000),
        Err(Error::EPERM),
        "nobody has offered anything"
    );
    let server = Caller {
        process: ProcessId::KFS,
        ..world.caller(1)
    };
    let offer = |uid, gid| {
        let handle = Handle(77);
        world
            .server
            .offer_program(&server, world.space(pid), handle, uid, gid)
    };
    assert_eq!(offer(5, KEEP_ID), Ok(false), "that is what it is already");
    assert_eq!(offer(0, 9), Ok(true));
    assert_eq!(
        world
            .server
            .offer_program(&caller, caller.process, Handle(1), 0, 0),
        Err(Error::EPERM),
        "only file servers know"
    );
    world.server.renew(&caller, 0x1000).unwrap();
    let space = world.space(pid);
    assert_ne!(space, caller.process);
    let state = world.mock.state();
    assert_eq!(
        state.spaces[&space],
        Some([
            pid as u64,
            0x1000,
            77,
            u64::from(ProcessId::KFS.0) << 32 | start_words::RENEWED
        ])
    );
    assert!(!state.spaces.contains_key(&caller.process));
    assert!(state.clients.contains(&(ProcessId::KFS, space)));
    assert!(!state.clients.contains(&(ProcessId::KFS, caller.process)));
    assert_eq!(state.credentials[&space].euid, 0);
    drop(state);
    let ids = world.server.ids(&world.caller(pid)).unwrap();
    assert_eq!((ids.ruid, ids.euid, ids.suid), (5, 0, 0));
    assert_eq!((ids.egid, ids.sgid), (9, 9));
}

#[test]
fn affinity() {
    let world = World::new();
    let (child, other) = (world.fork(1), world.fork(1));
    let ask = |from: i32, pid: i32| world.server.affinity(&world.caller(from), pid, false, 0);
    let set = |from: i32, pid: i32, mask: u64| {
        world.server.affinity(&world.caller(from), pid, true, mask)
    };
    assert_eq!(ask(child, 0).unwrap()[0], 0xf, "all four");
    assert_eq!(set(child, 0, 1 << 3 | 1 << 40), Ok([1 << 3, 3]));
    assert_eq!(set(child, 0, 1 << 40), Err(Error::EINVAL));
    assert_eq!(set(child, 0, 0), Err(Error::EINVAL));
    assert_eq!(ask(1, child), Ok([1 << 3, 3]));
    assert_eq!(
        ask(child, 0).unwrap(),
        set(child, 0, 0xc).map(|[_, cpu]| [1 << 3, cpu]).unwrap(),
        "it stays where it may stay"
    );
    let grandchild = world.fork(child);
    assert_eq!(ask(grandchild, 0).unwrap()[0], 0xc);
    assert!(ask(grandchild, 0).unwrap()[1] >= 2);
    // Another process is told, and only whoever may is obeyed.
    assert_eq!(set(1, other, 1 << 1), Ok([1 << 1, 1]));
    assert_eq!(world.events(other), [event::PLACE]);
    world
        .server
        .set_ids(&world.caller(child), id_call::SETUID, 1000, 0, 0)
        .unwrap();
    assert_eq!(set(child, other, 1), Err(Error::EPERM));
    assert_eq!(set(child, child, 1), Ok([1, 0]));
    assert_eq!(set(1, 4711, 1), Err(Error::ESRCH));
    assert_eq!(set(1, -1, 1), Err(Error::ESRCH));
    let load = |cpu| {
        world
            .server
            .load_of(cpu)
            .load(core::sync::atomic::Ordering::Relaxed)
    };
    for pid in [grandchild, other, child] {
        world.exit(pid, 0);
    }
    assert_eq!(
        load(1) + load(2) + load(3) + load(0),
        1,
        "the first process"
    );
}
