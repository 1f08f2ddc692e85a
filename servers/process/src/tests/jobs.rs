//! Groups, sessions, orphans, ids, priorities.

use super::mock::World;
use crate::linux::{priority, signal, wait};
use k42_api::process::option;
use k42_api::process::{Process, id_call};
use k42_ipc::{Error, ProcessId};

#[test]
fn who_may_change_whose_group() {
    let world = World::new();
    let shell = world.fork(1);
    let (a, b, other) = (world.fork(shell), world.fork(shell), world.fork(1));
    assert_eq!(world.set_group(shell, a, 0), Ok(()));
    assert_eq!(world.server.group_of(&world.caller(shell), a), Ok(a));
    assert_eq!(world.set_group(shell, b, a), Ok(()));
    assert_eq!(
        world.set_group(shell, b, 9999),
        Err(Error::EPERM),
        "no such group"
    );
    assert_eq!(world.set_group(shell, b, -1), Err(Error::EINVAL));
    assert_eq!(
        world.set_group(shell, other, 0),
        Err(Error::ESRCH),
        "no child"
    );
    assert_eq!(
        world.set_group(1, 1, 0),
        Err(Error::EPERM),
        "a session's leader"
    );
    world
        .server
        .program_changed(&world.caller(b), b"x", b"", b"/x")
        .unwrap();
    assert_eq!(
        world.set_group(shell, b, b),
        Err(Error::EACCES),
        "it has executed a program"
    );
    assert_eq!(world.set_group(b, 0, b), Ok(()), "it may do so itself");
    assert_eq!(
        world.server.new_session(&world.caller(b)),
        Err(Error::EPERM),
        "it leads a group"
    );
    assert_eq!(world.set_group(b, 0, a), Ok(()));
    assert_eq!(world.server.new_session(&world.caller(b)), Ok(b));
    assert_eq!(world.server.session_of(&world.caller(shell), b), Ok(b));
    assert_eq!(
        world.set_group(shell, b, 0),
        Err(Error::EPERM),
        "another session"
    );
    assert_eq!(
        world.set_group(a, 0, b),
        Err(Error::EPERM),
        "a group of another session"
    );
    // A group lives as long as a member, dead ones included; its number is nobody else's so long.
    world.exit(a, 0);
    assert_eq!(world.set_group(shell, 0, a), Ok(()));
    world.wait(shell, a, wait::EXITED).unwrap();
    assert_eq!(world.server.group_of(&world.caller(shell), 0), Ok(a));
    assert_eq!(world.set_group(shell, 0, 0), Ok(()));
    assert!(world.server.pids.group(a).is_none());
}

/// A login: session leader, job-control shell's job, and what happens to a stopped job when the shell goes.
#[test]
fn a_stopped_job_without_a_shell_is_told() {
    let world = World::new();
    let shell = world.fork(1);
    world.server.new_session(&world.caller(shell)).unwrap();
    let job = world.fork(shell);
    world.set_group(shell, job, job).unwrap();
    let helper = world.fork(job);
    let flags = |pid| world.server.identity(&world.caller(pid)).unwrap().flags;
    assert_eq!(
        (flags(shell), flags(job)),
        (0b11, 0),
        "nobody controls the leader's own group"
    );
    world
        .server
        .stop_self(&world.caller(shell), signal::TSTP)
        .unwrap();
    assert!(!world.stopped(shell), "so the terminal does not stop it");
    world.kill(1, helper, signal::STOP).unwrap();
    world
        .server
        .signal_masks(&world.caller(helper), 0, 0, 0, false, false)
        .unwrap();
    world.exit(shell, 0);
    assert!(!world.stopped(helper));
    assert_eq!(
        (
            world.fetch(helper),
            world.fetch(helper),
            world.fetch(helper)
        ),
        (signal::HUP, signal::CONT, 0)
    );
    assert_eq!(world.fetch(job), signal::HUP);
    assert_eq!(flags(job), 0b10);
}

#[test]
fn a_member_that_exits_can_orphan_its_own_group() {
    let world = World::new();
    let shell = world.fork(1);
    world.server.new_session(&world.caller(shell)).unwrap();
    let job = world.fork(shell);
    world.set_group(shell, job, job).unwrap();
    let helper = world.fork(job);
    world.kill(1, helper, signal::STOP).unwrap();
    assert_eq!(world.server.stopped_in(job), 1);
    // The job's first process was its only tie to the shell.
    world.exit(job, 0);
    assert!(!world.stopped(helper));
    assert_eq!(world.fetch(helper), signal::HUP);
    assert_eq!(world.server.stopped_in(job), 0);
}

#[test]
fn stopped_processes_are_counted_where_they_are() {
    let world = World::new();
    let shell = world.fork(1);
    let (a, b) = (world.fork(shell), world.fork(shell));
    world.set_group(shell, a, a).unwrap();
    world.set_group(shell, b, b).unwrap();
    world.kill(1, a, signal::STOP).unwrap();
    world.set_group(shell, a, b).unwrap();
    assert_eq!(
        (world.server.stopped_in(a), world.server.stopped_in(b)),
        (0, 1)
    );
    world.kill(1, a, signal::KILL).unwrap();
    assert_eq!(world.server.stopped_in(b), 0);
}

#[test]
fn signals_to_groups() {
    let world = World::new();
    let shell = world.fork(1);
    let (a, b) = (world.fork(shell), world.fork(shell));
    world.set_group(shell, a, a).unwrap();
    world.set_group(shell, b, a).unwrap();
    world.kill(shell, -a, 15).unwrap();
    assert_eq!(
        (world.fetch(a), world.fetch(b), world.fetch(shell)),
        (15, 15, 0)
    );
    // One whom it may reach is enough.
    world.become_user(a, 7);
    world.kill(a, 0, 10).unwrap();
    assert_eq!((world.fetch(a), world.fetch(b)), (10, 0));
    world.kill(shell, -a, signal::KILL).unwrap();
    assert_eq!(world.kill(shell, -a, 0), Ok(()), "the dead are still there");
    world.wait(shell, -a, wait::EXITED).unwrap();
    world.wait(shell, -a, wait::EXITED).unwrap();
    assert_eq!(
        world.wait(shell, -a, wait::EXITED).unwrap_err(),
        Error::ECHILD
    );
    assert_eq!(world.kill(shell, -a, 0), Err(Error::ESRCH));
}

#[test]
fn file_servers_hear_of_new_ids() {
    let world = World::new();
    let child = world.fork(1);
    world
        .server
        .set_groups(&world.caller(child), &[4, 0, 0, 0])
        .unwrap();
    world.become_user(child, 1000);
    assert_eq!(
        world.mock.state().credentials[&world.space(child)].fsuid,
        1000
    );
    let caller = world.caller(child);
    assert_eq!(
        world.server.set_ids(&caller, id_call::SETUID, 0, 0, 0),
        Err(Error::EPERM)
    );
    let mut buffer = [0; 16];
    let mut out = k42_ipc::OutBuf::new(&mut buffer);
    assert_eq!(
        (world.server.groups(&caller, &mut out), out.filled()),
        (Ok(1), &[4, 0, 0, 0][..])
    );
    assert_eq!(world.server.power_off(&caller, 0), Err(Error::EPERM));
    assert_eq!(
        world.server.host_name(&caller, true, b"x", &mut out),
        Err(Error::EPERM)
    );
    let server = k42_ipc::Caller {
        process: ProcessId::KFS,
        ..caller
    };
    assert_eq!(
        world
            .server
            .credentials_of(&server, world.space(child), &mut out)
            .unwrap()
            .euid,
        1000
    );
}

#[test]
fn nice_values_become_weights() {
    let world = World::new();
    let child = world.fork(1);
    let caller = world.caller(child);
    assert_eq!(
        world
            .server
            .priority(&caller, priority::PROCESS, 0, false, 0),
        Ok(20)
    );
    world
        .server
        .priority(&caller, priority::PROCESS, 0, true, 5)
        .unwrap();
    assert_eq!(
        world.mock.state().weights[&caller.process],
        crate::limits::weight(5)
    );
    world.become_user(child, 7);
    assert_eq!(
        world
            .server
            .priority(&caller, priority::PROCESS, 0, true, 4),
        Err(Error::EACCES)
    );
    assert_eq!(
        world
            .server
            .priority(&caller, priority::PROCESS, 1, true, 6),
        Err(Error::EPERM)
    );
    assert_eq!(
        world.server.priority(&caller, priority::GROUP, 0, false, 0),
        Ok(20),
        "the best of all"
    );
    assert_eq!(
        world.server.priority(&caller, priority::USER, 0, false, 0),
        Ok(15)
    );
    assert_eq!(
        world.server.priority(&caller, priority::USER, 99, false, 0),
        Err(Error::ESRCH)
    );
    assert_eq!(
        world.server.priority(&caller, 9, 0, false, 0),
        Err(Error::EINVAL)
    );
    let grandchild = world.fork(child);
    assert_eq!(
        world.mock.state().weights[&world.space(grandchild)],
        crate::limits::weight(5)
    );
}

#[test]
fn names_and_other_options() {
    let world = World::new();
    let caller = world.caller(1);
    let set = |which, value| world.server.set_option(&caller, which, value);
    let word = |text: &[u8; 8]| u64::from_le_bytes(*text);
    let name = || world.server.view(1).unwrap().heritage.program.comm.clone();
    set(option::SET_NAME, word(b"longname")).unwrap();
    set(option::SET_NAME_TAIL, word(b"-is-cut!")).unwrap();
    assert_eq!(name(), b"longname-is-cut");
    set(option::SET_NAME, word(b"abc\0xxxx")).unwrap();
    set(option::SET_NAME_TAIL, word(b"yyyyyyyy")).unwrap();
    assert_eq!(name(), b"abc");
    assert_eq!(set(option::SET_PDEATHSIG, 65), Err(Error::EINVAL));
    assert_eq!(set(12345, 0), Err(Error::EINVAL));
    set(option::SET_NO_NEW_PRIVS, 1).unwrap();
    assert_eq!(set(option::GET_NO_NEW_PRIVS, 0), Ok(1));
}

#[test]
fn a_child_starts_where_there_is_least_to_do() {
    let world = World::new();
    let cpu = |pid| {
        world
            .server
            .with_process(pid, |_, record| crate::record::Record::cpu(&record))
            .unwrap()
    };
    world.mock.state().cpu = 2;
    // The first process is on CPU 0; CPU 2 has none.
    let a = world.fork(1);
    assert_eq!(cpu(a), 2);
    let b = world.fork(1);
    assert_eq!(cpu(b), 1, "2 has one already");
    world.exit(a, 0);
    let c = world.fork(1);
    assert_eq!(cpu(c), 2);
}
