//! Random histories of processes: against a plain model, and against Linux itself.
//!
//! A history is a list of steps by a handful of actors: fork, exit, wait, setpgid, setsid, kill, and questions. [`Model`]
//! plays it on the server; [`linux::Host`] plays it on the machine that the test runs on, with real processes. Actors are
//! known by the order of their birth, so that answers can be compared although pids differ.

#[cfg(target_os = "linux")]
mod linux;

use super::mock::World;
use crate::linux::{signal, wait};
use crate::record::Life;
use k42_api::process::Process;
use k42_ipc::{Error, Result};
use proptest::prelude::{Strategy, proptest};
use proptest::test_runner::Config;
use std::collections::BTreeMap;

/// Most actors in a history; the first is the ancestor of the others and a subreaper.
const ACTORS: usize = 7;

/// What an actor is told to do. Numbers are actors.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Fork,
    Exit(u8),
    /// Whom for: one, any, its own group, or a group; with which options besides WNOHANG.
    Wait(Whom, u32),
    SetGroup(usize, usize),
    NewSession,
    GroupOf(usize),
    SessionOf(usize),
    Parent,
    Kill(Whom, u32),
}

#[derive(Clone, Copy, Debug)]
pub enum Whom {
    One(usize),
    Any,
    OwnGroup,
    Group(usize),
}

/// An answer: a number and a word, or an error.
pub type Answer = std::result::Result<(i64, u32), u16>;

/// How an actor looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Alive,
    Stopped,
    Zombie,
    Gone,
}

/// Something that can play a history.
pub trait Player {
    fn act(&mut self, actor: usize, act: Act) -> Answer;
    fn state(&self, actor: usize) -> State;
    fn actors(&self) -> usize;
}

/// The server as a player.
struct Served {
    world: World,
    /// Pids by order of birth.
    pids: Vec<i32>,
}

impl Served {
    fn new() -> Self {
        let world = World::new();
        let first = world.fork(1);
        world
            .server
            .set_option(
                &world.caller(first),
                k42_api::process::option::SET_CHILD_SUBREAPER,
                1,
            )
            .unwrap();
        world.server.new_session(&world.caller(first)).unwrap();
        Self {
            world,
            pids: vec![first],
        }
    }
    fn pid(&self, actor: usize) -> i32 {
        self.pids.get(actor).copied().unwrap_or(30_000)
    }
    fn target(&self, whom: Whom) -> i32 {
        match whom {
            Whom::One(actor) => self.pid(actor),
            Whom::Any => -1,
            Whom::OwnGroup => 0,
            Whom::Group(actor) => -self.pid(actor),
        }
    }
    fn number(&self, pid: i32) -> i64 {
        self.pids
            .iter()
            .position(|&other| other == pid)
            .map_or(if pid == 0 { -2 } else { -1 }, |at| at as i64)
    }
}

impl Player for Served {
    fn actors(&self) -> usize {
        self.pids.len()
    }
    fn state(&self, actor: usize) -> State {
        match self.world.life(self.pid(actor)) {
            None => State::Gone,
            Some(Life::Zombie) => State::Zombie,
            Some(_) if self.world.stopped(self.pid(actor)) => State::Stopped,
            Some(_) => State::Alive,
        }
    }
    fn act(&mut self, actor: usize, act: Act) -> Answer {
        let caller = self.world.caller(self.pid(actor));
        let server = self.world.server;
        let result: Result<(i64, u32)> = match act {
            Act::Fork => {
                let pid = self.world.fork(self.pid(actor));
                self.pids.push(pid);
                Ok((self.number(pid), 0))
            }
            Act::Exit(code) => server.exit(&caller, u32::from(code) << 8).map(|()| (0, 0)),
            Act::Wait(whom, options) => {
                let options = options | wait::EXITED | wait::NOHANG;
                server
                    .wait(&caller, self.target(whom), options)
                    .map(|result| (self.number(result.pid), result.status))
            }
            Act::SetGroup(target, group) => server
                .set_group(&caller, self.pid(target), self.pid(group))
                .map(|()| (0, 0)),
            Act::NewSession => server.new_session(&caller).map(|sid| (self.number(sid), 0)),
            Act::GroupOf(target) => server
                .group_of(&caller, self.pid(target))
                .map(|pgid| (self.number(pgid), 0)),
            Act::SessionOf(target) => server
                .session_of(&caller, self.pid(target))
                .map(|sid| (self.number(sid), 0)),
            Act::Parent => server
                .identity(&caller)
                .map(|identity| (self.number(identity.ppid), 0)),
            Act::Kill(whom, signal) => server
                .kill(&caller, self.target(whom), 0, signal, 0, 0)
                .map(|()| (0, 0)),
        };
        // What a library does with fatal signals that have come.
        for pid in self.pids.clone() {
            if self.world.life(pid) == Some(Life::Running) && !self.world.stopped(pid) {
                let signal = self.world.fetch(pid);
                if signal != 0 && signal != signal::CONT {
                    server.exit(&self.world.caller(pid), signal).unwrap();
                }
            }
        }
        result.map_err(Error::code)
    }
}

/// Any act. No signal to everybody: on the host that would be everybody.
fn acts() -> impl Strategy<Value = (usize, Act)> {
    use proptest::prelude::{Just, prop_oneof};
    let actor = || 0..ACTORS;
    let whom = || prop_oneof![3 => actor().prop_map(Whom::One), 1 => Just(Whom::OwnGroup), 2 => actor().prop_map(Whom::Group)];
    let waited = prop_oneof![2 => Just(Whom::Any), 2 => whom()];
    let options = prop_oneof![
        Just(0),
        Just(wait::STOPPED),
        Just(wait::CONTINUED),
        Just(wait::STOPPED | wait::CONTINUED)
    ];
    let signals = prop_oneof![2 => Just(0u32), 2 => Just(signal::STOP), 3 => Just(signal::CONT), 1 => Just(signal::KILL), 1 => Just(15)];
    let act = prop_oneof![
        4 => Just(Act::Fork),
        1 => (0u8..9).prop_map(Act::Exit),
        5 => (waited, options).prop_map(|(whom, options)| Act::Wait(whom, options)),
        4 => (actor(), actor()).prop_map(|(target, group)| Act::SetGroup(target, group)),
        1 => Just(Act::NewSession),
        1 => actor().prop_map(Act::GroupOf),
        1 => actor().prop_map(Act::SessionOf),
        1 => Just(Act::Parent),
        3 => (whom(), signals).prop_map(|(whom, signal)| Act::Kill(whom, signal)),
    ];
    (actor(), act)
}

fn history(length: usize) -> impl Strategy<Value = Vec<(usize, Act)>> {
    proptest::collection::vec(acts(), 1..length)
}

/// Whether a step makes sense now: the actor is there and runs, and the first one does not end or stop.
fn sensible(player: &dyn Player, actor: usize, act: Act) -> bool {
    let first = |whom: Whom| !matches!(whom, Whom::One(1..) | Whom::Group(1..));
    actor < player.actors()
        && player.state(actor) == State::Alive
        && match act {
            Act::Fork => player.actors() < ACTORS,
            Act::Exit(_) | Act::NewSession => actor != 0,
            // The first one must live, so only signals that do nothing may reach its group.
            Act::Kill(whom, signal) => signal == 0 || signal == signal::CONT || !first(whom),
            _ => true,
        }
}

proptest! {
    #![proptest_config(Config { cases: 300, ..Config::default() })]

    /// Nothing is lost and nothing stays: every process is in its parent's family and in its group, and when all have
    /// ended and been waited for, only the first process is left.
    #[test]
    fn the_tree_stays_whole(history in history(60)) {
        let mut served = Served::new();
        for (actor, act) in history {
            if sensible(&served, actor, act) {
                let _ = served.act(actor, act);
                check(&served.world);
            }
        }
        let world = &served.world;
        for &pid in &served.pids {
            if world.life(pid) == Some(Life::Running) {
                let _ = world.kill(1, pid, signal::KILL);
            }
        }
        while world.wait(1, -1, wait::EXITED | wait::NOHANG).is_ok_and(|result| result.pid != 0) {}
        check(world);
        assert_eq!(world.server.pids.count(), 1);
        assert_eq!(world.mock.state().spaces.len(), 1);
        assert_eq!(world.mock.state().clients.len(), 2);
        assert_eq!(world.server.users.get(0).processes.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert_eq!(world.server.zombies.load(std::sync::atomic::Ordering::Relaxed), 0);
        assert!(served.pids.iter().all(|&pid| world.server.pids.group(pid).is_none() && world.server.pids.session(pid).is_none()));
    }
}

/// The invariants of the tree.
pub fn check(world: &World) {
    let guard = world.server.objects.enter();
    let all: BTreeMap<i32, _> = world.server.pids.all().into_iter().collect();
    let mut stopped = BTreeMap::new();
    for (&pid, process) in &all {
        use crate::record::Record;
        let record = process.get(&guard).unwrap();
        let view = record.view();
        if pid != 1 {
            let parent = all[&view.parent].get(&guard).unwrap();
            assert!(parent.has_child(pid), "{pid} of {}", view.parent);
            assert_eq!(parent.life(), Life::Running);
        }
        assert!(
            record
                .child_pids()
                .iter()
                .all(|child| all.contains_key(child))
        );
        let group = view.heritage.group;
        assert!(group.any(|member| member == process));
        assert!(std::sync::Arc::ptr_eq(
            &world.server.pids.group(group.pgid).unwrap(),
            &group
        ));
        assert_eq!(
            world.server.pids.session(group.session.sid).unwrap().sid,
            group.session.sid
        );
        *stopped.entry(group.pgid).or_insert(0) += usize::from(view.stopped.is_some());
        let there = world.mock.state().spaces.contains_key(&record.space());
        assert_eq!(view.life == Life::Running, there);
        assert_eq!(world.server.spaces.get(record.space()).is_ok(), there);
    }
    assert!(
        stopped
            .iter()
            .all(|(&pgid, &count)| world.server.stopped_in(pgid) == count)
    );
}
