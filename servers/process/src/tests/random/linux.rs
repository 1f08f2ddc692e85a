//! Histories played by real processes of the Linux that the tests run on, which is thereby the judge of the server.
//!
//! Each actor is a process that reads acts from a pipe and writes answers to another. The test's process is
//! multi-threaded, so what runs after the fork allocates nothing and calls nothing but the system.

use super::{ACTORS, Act, Answer, Player, Served, State, Whom, history, sensible};
use crate::linux::wait;
use libc::{c_int, pid_t};
use proptest::prelude::proptest;
use proptest::test_runner::Config;
use std::time::{Duration, Instant};

/// A pid that no process can have.
const NOBODY: pid_t = 0x3fff_fff0;
/// How long the system may take for something to become visible.
const PATIENCE: Duration = Duration::from_secs(10);

/// An act on its way to an actor: what, its arguments, and its number.
type Order = [i64; 4];
/// An answer: value, status, errno, and the number of the act.
type Reply = [i64; 4];

/// The host as a player.
pub struct Host {
    pids: Vec<pid_t>,
    orders: [[c_int; 2]; ACTORS],
    replies: [[c_int; 2]; ACTORS],
    sent: i64,
}

/// Whether orphans of actors can be made to go to the first one: QEMU's user mode refuses it, and they go who knows where.
fn orphans_are_adopted() -> bool {
    let mut adopts: c_int = 0;
    // SAFETY: room for the answer.
    unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut adopts) == 0 }
}

/// Reads or writes an array whole; false at the end.
fn transfer(fd: c_int, words: &mut [i64; 4], write: bool) -> bool {
    let bytes = size_of_val(words);
    let at = words.as_mut_ptr().cast();
    // SAFETY: `at` is good for `bytes`. Pieces this small go through a pipe whole.
    let done = unsafe {
        if write {
            libc::write(fd, at, bytes)
        } else {
            libc::read(fd, at, bytes)
        }
    };
    done == bytes as isize
}

fn errno() -> i64 {
    // SAFETY: the thread's own.
    i64::from(unsafe { *libc::__errno_location() })
}

/// An actor's life. Never returns.
fn live(mut actor: usize, orders: &[[c_int; 2]; ACTORS], replies: &[[c_int; 2]; ACTORS]) -> ! {
    loop {
        let mut order: Order = [0; 4];
        if !transfer(orders[actor][0], &mut order, false) {
            // SAFETY: ends this process, and no code of it runs any more.
            unsafe { libc::_exit(0) };
        }
        let [what, a, b, number] = order;
        let (a, b) = (a as c_int, b as c_int);
        let mut status = 0;
        // SAFETY: plain system calls on numbers; `status` is ours.
        let value = unsafe {
            match what {
                0 => {
                    let pid = libc::fork();
                    if pid == 0 {
                        actor = a as usize;
                        continue;
                    }
                    pid
                }
                1 => libc::_exit(a),
                2 => libc::waitpid(a, &mut status, b),
                3 => libc::setpgid(a, b),
                4 => libc::setsid(),
                5 => libc::getpgid(a),
                6 => libc::getsid(a),
                7 => libc::getppid(),
                _ => libc::kill(a, b),
            }
        };
        let mut reply: Reply = [
            i64::from(value),
            i64::from(status),
            if value < 0 { errno() } else { 0 },
            number,
        ];
        transfer(replies[actor][1], &mut reply, true);
    }
}

impl Host {
    fn new() -> Self {
        let pipe = |_| {
            let mut ends = [0; 2];
            // SAFETY: room for two descriptors.
            assert_eq!(
                // SAFETY: the array has room for both descriptors.
                unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) },
                0
            );
            ends
        };
        let (orders, replies) = (std::array::from_fn(pipe), std::array::from_fn(pipe));
        // SAFETY: the child calls only what may be called after a fork of one thread of many.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: as above. Our copies of the test's ends are closed, so that its end is seen as end of file.
            unsafe {
                libc::setsid();
                libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
                for at in 0..ACTORS {
                    libc::close(orders[at][1]);
                    libc::close(replies[at][0]);
                }
            }
            live(0, &orders, &replies);
        }
        let mut host = Self {
            pids: vec![pid],
            orders,
            replies,
            sent: 0,
        };
        // An answer says that it is ready.
        assert_eq!(host.act(0, Act::GroupOf(0)), Ok((0, 0)));
        host
    }

    fn pid(&self, actor: usize) -> pid_t {
        self.pids.get(actor).copied().unwrap_or(NOBODY)
    }
    fn target(&self, whom: Whom) -> pid_t {
        match whom {
            Whom::One(actor) => self.pid(actor),
            Whom::Any => -1,
            Whom::OwnGroup => 0,
            Whom::Group(actor) => -self.pid(actor),
        }
    }
    fn number(&self, pid: i64) -> i64 {
        self.pids
            .iter()
            .position(|&other| i64::from(other) == pid)
            .map_or(if pid == 0 { -2 } else { -1 }, |at| at as i64)
    }

    /// The answer to act `number`, or nothing if the actor ended or stopped before it could give one.
    fn reply(&self, actor: usize, number: i64) -> Option<Reply> {
        let fd = self.replies[actor][0];
        let start = Instant::now();
        loop {
            let mut poll = libc::pollfd {
                fd,
                events: libc::POLLIN,
                revents: 0,
            };
            // SAFETY: one structure of ours.
            if unsafe { libc::poll(&mut poll, 1, 1) } == 1 && poll.revents & libc::POLLIN != 0 {
                let mut reply = [0; 4];
                assert!(transfer(fd, &mut reply, false));
                if reply[3] == number {
                    return Some(reply);
                }
                // From before a stop.
                continue;
            }
            if self.state(actor) != State::Alive {
                return None;
            }
            assert!(start.elapsed() < PATIENCE, "actor {actor} does not answer");
        }
    }
}

impl Player for Host {
    fn actors(&self) -> usize {
        self.pids.len()
    }

    fn state(&self, actor: usize) -> State {
        let Ok(text) = std::fs::read_to_string(format!("/proc/{}/stat", self.pid(actor))) else {
            return State::Gone;
        };
        match text
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next())
        {
            Some('Z' | 'X') => State::Zombie,
            Some('T') => State::Stopped,
            Some(_) => State::Alive,
            None => State::Gone,
        }
    }

    fn act(&mut self, actor: usize, act: Act) -> Answer {
        self.sent += 1;
        let options = |options: u32| {
            let bit = |ours, theirs: c_int| if options & ours != 0 { theirs } else { 0 };
            bit(wait::STOPPED, libc::WUNTRACED)
                | bit(wait::CONTINUED, libc::WCONTINUED)
                | libc::WNOHANG
        };
        let (what, a, b) = match act {
            Act::Fork => (0, self.pids.len() as c_int, 0),
            Act::Exit(code) => (1, c_int::from(code), 0),
            Act::Wait(whom, which) => (2, self.target(whom), options(which)),
            Act::SetGroup(target, group) => (3, self.pid(target), self.pid(group)),
            Act::NewSession => (4, 0, 0),
            Act::GroupOf(target) => (5, self.pid(target), 0),
            Act::SessionOf(target) => (6, self.pid(target), 0),
            Act::Parent => (7, 0, 0),
            Act::Kill(whom, signal) => (8, self.target(whom), signal as c_int),
        };
        let mut order: Order = [what, i64::from(a), i64::from(b), self.sent];
        assert!(transfer(self.orders[actor][1], &mut order, true));
        let Some([value, status, error, _]) = self.reply(actor, self.sent) else {
            return Ok((0, 0));
        };
        if value < 0 {
            return Err(error as u16);
        }
        if what == 0 {
            self.pids.push(value as pid_t);
        }
        Ok(if matches!(what, 3 | 8) {
            (0, 0)
        } else {
            (self.number(value), status as u32)
        })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: signals to processes that this host made and whose first one has not been waited for; then its own
        // descriptors are closed.
        unsafe {
            for &pid in &self.pids[1..] {
                if self.state(
                    self.pids
                        .iter()
                        .position(|&other| other == pid)
                        .unwrap_or(0),
                ) != State::Gone
                {
                    libc::kill(pid, libc::SIGKILL);
                }
            }
            libc::kill(self.pids[0], libc::SIGKILL);
            libc::waitpid(self.pids[0], std::ptr::null_mut(), 0);
            for fd in self.orders.iter().chain(&self.replies).flatten() {
                libc::close(*fd);
            }
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 60, max_shrink_iters: 200, ..Config::default() })]

    /// The server answers as Linux does, and processes live, stop and die as there. Under an emulator that lets nobody adopt
    /// orphans there is no such Linux to compare with; natively there is.
    #[test]
    fn like_linux(history in history(50)) {
        if !orphans_are_adopted() {
            return Ok(());
        }
        let (mut ours, mut theirs) = (Served::new(), Host::new());
        for (step, &(actor, act)) in history.iter().enumerate() {
            if !sensible(&ours, actor, act) {
                continue;
            }
            let (our, their) = (ours.act(actor, act), theirs.act(actor, act));
            assert_eq!(our, their, "step {step}: {actor} {act:?}");
            for actor in 0..ours.actors() {
                let start = Instant::now();
                // What a signal leads to is seen a little later.
                while ours.state(actor) != theirs.state(actor) {
                    assert!(start.elapsed() < PATIENCE, "step {step}: {actor} is {:?}, on Linux {:?}", ours.state(actor), theirs.state(actor));
                    std::thread::yield_now();
                }
            }
        }
    }
}
