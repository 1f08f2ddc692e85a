//! Actions and queues, and the choice of what happens next. No hardware, no server: tested on the host.

use super::Info;
use super::set::SignalSet;
use super::set::number::{SIGCONT, SIGRTMAX, SIGRTMIN};
use alloc::vec::Vec;
use k42_abi::{Error, Result};

/// `sa_handler` values that are no addresses.
pub const SIG_DFL: u64 = 0;
/// Ignore the signal.
pub const SIG_IGN: u64 = 1;

/// Bits of `sa_flags`.
pub mod flag {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const SA_NOCLDSTOP: u64 = 1;
    pub const SA_NOCLDWAIT: u64 = 2;
    pub const SA_SIGINFO: u64 = 4;
    pub const SA_UNSUPPORTED: u64 = 0x400;
    pub const SA_ONSTACK: u64 = 0x0800_0000;
    pub const SA_RESTART: u64 = 0x1000_0000;
    pub const SA_NODEFER: u64 = 0x4000_0000;
    pub const SA_RESETHAND: u64 = 0x8000_0000;
    /// Those that the library knows; others are cleared, as Linux does, so that programs can tell.
    pub const KNOWN: u64 = SA_NOCLDSTOP
        | SA_NOCLDWAIT
        | SA_SIGINFO
        | SA_ONSTACK
        | SA_RESTART
        | SA_NODEFER
        | SA_RESETHAND
        | 0x0400_0000;
}

/// What the program wants done about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Action {
    /// Address of the handler, [`SIG_DFL`] or [`SIG_IGN`].
    pub handler: u64,
    /// SA_* bits.
    pub flags: u64,
    /// `sa_restorer`, kept only to be given back.
    pub restorer: u64,
    /// Blocked while the handler runs.
    pub mask: SignalSet,
}

/// Most signals that may wait in a queue (RLIMIT_SIGPENDING's place).
const QUEUE_LIMIT: usize = 1024;

/// Signals that wait for a thread, or for the process.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    set: SignalSet,
    queue: Vec<Info>,
}

impl Pending {
    /// None.
    pub const fn new() -> Self {
        Self {
            set: SignalSet::EMPTY,
            queue: Vec::new(),
        }
    }
    /// Which signals wait.
    pub fn set(&self) -> SignalSet {
        self.set
    }
    /// Adds one. A standard signal that waits already is not added again; real-time signals queue, up
    /// to a limit (EAGAIN).
    pub fn push(&mut self, info: Info) -> Result<()> {
        let set = SignalSet::one(info.signal);
        if info.signal < SIGRTMIN && self.set.has(info.signal) {
            return Ok(());
        }
        if self.queue.len() >= QUEUE_LIMIT {
            return Err(Error::EAGAIN);
        }
        self.queue.try_reserve(1).map_err(|_| Error::EAGAIN)?;
        self.queue.push(info);
        self.set = self.set.with(set);
        Ok(())
    }
    /// Takes the first that is in `wanted`.
    pub fn take(&mut self, wanted: SignalSet) -> Option<Info> {
        let signal = self.set.and(wanted).first()?;
        let at = self.queue.iter().position(|info| info.signal == signal)?;
        let info = self.queue.remove(at);
        if !self.queue.iter().any(|other| other.signal == signal) {
            self.set = self.set.without(SignalSet::one(signal));
        }
        Some(info)
    }
    /// Drops all that are in `set`.
    pub fn drop_set(&mut self, set: SignalSet) {
        self.queue.retain(|info| !set.has(info.signal));
        self.set = self.set.without(set);
    }
}

/// What a thread has to do about a signal that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants' comments name the fields")]
pub enum Verdict {
    /// Nothing.
    Ignore,
    /// End the process by this signal, with a core or not.
    Terminate { core: bool },
    /// Stop the process.
    Stop,
    /// Run the handler of this action.
    Handle(Action),
}

/// The process's part: actions, and signals for whichever thread comes first.
#[derive(Clone)]
pub struct SignalState {
    actions: [Action; SIGRTMAX as usize + 1],
    /// Signals that would be thrown away now, by `actions`.
    ignored: SignalSet,
    /// Signals with a handler, likewise.
    caught: SignalSet,
    /// Signals for the process.
    pub shared: Pending,
}

impl Default for SignalState {
    fn default() -> Self {
        Self::new()
    }
}

impl SignalState {
    /// All defaults, nothing pending.
    pub const fn new() -> Self {
        const DEFAULT: Action = Action {
            handler: SIG_DFL,
            flags: 0,
            restorer: 0,
            mask: SignalSet::EMPTY,
        };
        Self {
            actions: [DEFAULT; SIGRTMAX as usize + 1],
            ignored: SignalSet::IGNORED_BY_DEFAULT,
            caught: SignalSet::EMPTY,
            shared: Pending::new(),
        }
    }

    /// rt_sigaction(2): the old action, and the new one if there is one.
    pub fn set_action(&mut self, signal: u32, new: Option<Action>) -> Result<Action> {
        if !(1..=SIGRTMAX).contains(&signal) {
            return Err(Error::EINVAL);
        }
        let old = self.actions[signal as usize];
        if let Some(mut action) = new {
            if SignalSet::UNBLOCKABLE.has(signal) {
                return Err(Error::EINVAL);
            }
            action.flags &= flag::KNOWN;
            action.mask = action.mask.without(SignalSet::UNBLOCKABLE);
            self.set(signal, action);
            if self.ignores(signal) {
                self.shared.drop_set(SignalSet::one(signal));
            }
        }
        Ok(old)
    }

    /// The action for `signal`.
    pub fn action(&self, signal: u32) -> Action {
        self.actions[signal as usize & 127]
    }

    /// Puts an action in its place, and the signal into the sets where it belongs now.
    fn set(&mut self, signal: u32, action: Action) {
        self.actions[signal as usize] = action;
        let one = SignalSet::one(signal);
        let ignored = match action.handler {
            SIG_IGN => true,
            SIG_DFL => SignalSet::IGNORED_BY_DEFAULT.has(signal),
            _ => false,
        };
        let put = |set: SignalSet, holds| {
            if holds {
                set.with(one)
            } else {
                set.without(one)
            }
        };
        self.ignored = put(self.ignored, ignored);
        self.caught = put(self.caught, action.handler > SIG_IGN);
    }

    /// Has the default done about a signal from now on.
    fn set_default(&mut self, signal: u32) {
        let action = self.actions[signal as usize];
        self.set(
            signal,
            Action {
                handler: SIG_DFL,
                ..action
            },
        );
    }

    /// Whether the signal would be thrown away now.
    pub fn ignores(&self, signal: u32) -> bool {
        self.ignored.has(signal)
    }

    /// All signals that would be thrown away.
    pub fn ignored(&self) -> SignalSet {
        self.ignored
    }

    /// All signals with a handler.
    pub fn caught(&self) -> SignalSet {
        self.caught
    }

    /// What to do about `info`, just taken. A one-shot handler is reset by this.
    pub fn judge(&mut self, info: &Info, blocked: SignalSet) -> Verdict {
        let signal = info.signal;
        let action = self.actions[signal as usize];
        let held = action.handler == SIG_IGN || blocked.has(signal);
        if info.forced && held {
            self.set_default(signal);
            return Verdict::Terminate {
                core: SignalSet::WITH_CORE.has(signal),
            };
        }
        match action.handler {
            SIG_IGN => Verdict::Ignore,
            SIG_DFL if signal == SIGCONT || SignalSet::IGNORED_BY_DEFAULT.has(signal) => {
                Verdict::Ignore
            }
            SIG_DFL if SignalSet::STOPPING.has(signal) => Verdict::Stop,
            SIG_DFL => Verdict::Terminate {
                core: SignalSet::WITH_CORE.has(signal),
            },
            _ => {
                if action.flags & flag::SA_RESETHAND != 0 {
                    self.set_default(signal);
                }
                Verdict::Handle(action)
            }
        }
    }

    /// execve(2): handlers go back to the default, ignored signals stay ignored.
    pub fn reset_for_exec(&mut self) {
        for signal in 1..=SIGRTMAX {
            let ignored = self.actions[signal as usize].handler == SIG_IGN;
            let action = Action {
                handler: if ignored { SIG_IGN } else { SIG_DFL },
                ..Action::default()
            };
            self.set(signal, action);
        }
    }
}

/// The mask in force while the handler of `action` runs.
pub fn handler_mask(blocked: SignalSet, action: &Action, signal: u32) -> SignalSet {
    let mask = blocked.with(action.mask);
    let mask = if action.flags & flag::SA_NODEFER == 0 {
        mask.with(SignalSet::one(signal))
    } else {
        mask
    };
    mask.without(SignalSet::UNBLOCKABLE)
}

#[cfg(test)]
mod tests {
    use super::super::set::number::*;
    use super::*;

    fn info(signal: u32) -> Info {
        Info {
            signal,
            ..Info::default()
        }
    }

    #[test]
    fn standard_signals_merge_and_real_time_signals_queue() {
        let mut pending = Pending::new();
        for value in 0..3 {
            pending
                .push(Info {
                    value,
                    ..info(SIGUSR1)
                })
                .unwrap();
            pending.push(Info { value, ..info(40) }).unwrap();
        }
        assert_eq!(
            pending
                .take(SignalSet(u64::MAX))
                .map(|i| (i.signal, i.value)),
            Some((SIGUSR1, 0))
        );
        for value in 0..3 {
            assert_eq!(
                pending
                    .take(SignalSet(u64::MAX))
                    .map(|i| (i.signal, i.value)),
                Some((40, value))
            );
        }
        assert_eq!(pending.take(SignalSet(u64::MAX)), None);
        assert!(pending.set().is_empty());
    }

    #[test]
    fn the_queue_has_a_limit() {
        let mut pending = Pending::new();
        for _ in 0..QUEUE_LIMIT {
            pending.push(info(40)).unwrap();
        }
        assert_eq!(pending.push(info(40)), Err(Error::EAGAIN));
    }

    #[test]
    fn kill_and_stop_keep_their_action() {
        let mut state = SignalState::new();
        assert_eq!(
            state.set_action(SIGKILL, Some(Action::default())),
            Err(Error::EINVAL)
        );
        assert!(state.set_action(SIGKILL, None).is_ok());
        assert_eq!(state.set_action(0, None), Err(Error::EINVAL));
        assert_eq!(state.set_action(65, None), Err(Error::EINVAL));
    }

    #[test]
    fn the_sets_follow_the_actions() {
        let with = |handler| Action {
            handler,
            ..Action::default()
        };
        let mut state = SignalState::new();
        let check = |state: &SignalState, ignored: &[u32], caught: &[u32]| {
            assert_eq!(
                state.ignored(),
                SignalSet::IGNORED_BY_DEFAULT
                    .without(SignalSet::of(caught))
                    .with(SignalSet::of(ignored))
            );
            assert_eq!(state.caught(), SignalSet::of(caught));
        };
        check(&state, &[], &[]);
        state.set_action(SIGCHLD, Some(with(0x1000))).unwrap();
        state.set_action(SIGHUP, Some(with(SIG_IGN))).unwrap();
        check(&state, &[SIGHUP], &[SIGCHLD]);
        let once = Action {
            flags: flag::SA_RESETHAND,
            ..with(0x1000)
        };
        state.set_action(SIGUSR1, Some(once)).unwrap();
        check(&state, &[SIGHUP], &[SIGCHLD, SIGUSR1]);
        state.judge(&info(SIGUSR1), SignalSet::EMPTY);
        check(&state, &[SIGHUP], &[SIGCHLD]);
        state.reset_for_exec();
        check(&state, &[SIGHUP], &[]);
        state.set_action(SIGHUP, Some(with(SIG_DFL))).unwrap();
        check(&state, &[], &[]);
    }

    #[test]
    fn a_one_shot_handler_is_reset() {
        let mut state = SignalState::new();
        let action = Action {
            handler: 0x1000,
            flags: flag::SA_RESETHAND,
            ..Action::default()
        };
        state.set_action(SIGUSR1, Some(action)).unwrap();
        assert_eq!(
            state.judge(&info(SIGUSR1), SignalSet::EMPTY),
            Verdict::Handle(action)
        );
        assert_eq!(
            state.judge(&info(SIGUSR1), SignalSet::EMPTY),
            Verdict::Terminate { core: false }
        );
    }

    #[test]
    fn a_fault_that_is_blocked_or_ignored_ends_the_process() {
        let mut state = SignalState::new();
        let fault = Info {
            forced: true,
            ..info(SIGSEGV)
        };
        let action = Action {
            handler: 0x1000,
            ..Action::default()
        };
        state.set_action(SIGSEGV, Some(action)).unwrap();
        assert_eq!(
            state.judge(&fault, SignalSet::EMPTY),
            Verdict::Handle(action)
        );
        assert_eq!(
            state.judge(&fault, SignalSet::one(SIGSEGV)),
            Verdict::Terminate { core: true }
        );
    }

    #[test]
    fn ignoring_drops_what_is_pending() {
        let mut state = SignalState::new();
        state.shared.push(info(SIGUSR1)).unwrap();
        state
            .set_action(
                SIGUSR1,
                Some(Action {
                    handler: SIG_IGN,
                    ..Action::default()
                }),
            )
            .unwrap();
        assert!(state.shared.set().is_empty());
    }

    #[test]
    fn exec_keeps_only_what_is_ignored() {
        let mut state = SignalState::new();
        state
            .set_action(
                SIGUSR1,
                Some(Action {
                    handler: SIG_IGN,
                    ..Action::default()
                }),
            )
            .unwrap();
        state
            .set_action(
                SIGUSR2,
                Some(Action {
                    handler: 0x1000,
                    flags: flag::SA_RESTART,
                    ..Action::default()
                }),
            )
            .unwrap();
        state.reset_for_exec();
        assert_eq!(state.action(SIGUSR1).handler, SIG_IGN);
        assert_eq!(state.action(SIGUSR2), Action::default());
    }

    #[test]
    fn handlers_block_their_own_signal_unless_told_not_to() {
        let action = Action {
            handler: 1,
            mask: SignalSet::of(&[SIGINT, SIGKILL]),
            ..Action::default()
        };
        let mask = handler_mask(SignalSet::EMPTY, &action, SIGUSR1);
        assert_eq!(mask, SignalSet::of(&[SIGINT, SIGUSR1]));
        let action = Action {
            flags: flag::SA_NODEFER,
            ..action
        };
        assert_eq!(
            handler_mask(SignalSet::EMPTY, &action, SIGUSR1),
            SignalSet::one(SIGINT)
        );
    }
}
