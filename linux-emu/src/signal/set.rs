//! Sets of signals, and what each number stands for.

/// Signal numbers of Linux on ppc64.
pub mod number {
    #![allow(missing_docs, reason = "Linux's names")]
    pub const SIGHUP: u32 = 1;
    pub const SIGINT: u32 = 2;
    pub const SIGQUIT: u32 = 3;
    pub const SIGILL: u32 = 4;
    pub const SIGTRAP: u32 = 5;
    pub const SIGABRT: u32 = 6;
    pub const SIGBUS: u32 = 7;
    pub const SIGFPE: u32 = 8;
    pub const SIGKILL: u32 = 9;
    pub const SIGUSR1: u32 = 10;
    pub const SIGSEGV: u32 = 11;
    pub const SIGUSR2: u32 = 12;
    pub const SIGPIPE: u32 = 13;
    pub const SIGALRM: u32 = 14;
    pub const SIGTERM: u32 = 15;
    pub const SIGSTKFLT: u32 = 16;
    pub const SIGCHLD: u32 = 17;
    pub const SIGCONT: u32 = 18;
    pub const SIGSTOP: u32 = 19;
    pub const SIGTSTP: u32 = 20;
    pub const SIGTTIN: u32 = 21;
    pub const SIGTTOU: u32 = 22;
    pub const SIGURG: u32 = 23;
    pub const SIGXCPU: u32 = 24;
    pub const SIGXFSZ: u32 = 25;
    pub const SIGVTALRM: u32 = 26;
    pub const SIGPROF: u32 = 27;
    pub const SIGWINCH: u32 = 28;
    pub const SIGIO: u32 = 29;
    pub const SIGPWR: u32 = 30;
    pub const SIGSYS: u32 = 31;
    pub const SIGRTMIN: u32 = 32;
    pub const SIGRTMAX: u32 = 64;
}
use number::{
    SIGABRT, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGILL, SIGKILL, SIGQUIT, SIGRTMAX, SIGSEGV,
    SIGSTOP, SIGSYS, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH, SIGXCPU, SIGXFSZ,
};

/// Names, for traces.
pub const NAMES: [&str; 32] = [
    "0",
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// A set of signals; bit n-1 stands for signal n.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub struct SignalSet(pub u64);

impl SignalSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// Signals that can be neither blocked, caught nor ignored.
    pub const UNBLOCKABLE: Self = Self::of(&[SIGKILL, SIGSTOP]);
    /// Signals that a fault of the program itself raises; taken before all others.
    pub const SYNCHRONOUS: Self = Self::of(&[SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS]);
    /// Signals whose default is to stop the process.
    pub const STOPPING: Self = Self::of(&[SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU]);
    /// Signals whose default is to do nothing.
    pub const IGNORED_BY_DEFAULT: Self = Self::of(&[SIGCHLD, SIGURG, SIGWINCH, SIGCONT]);
    /// Signals whose default is to end the process with a core.
    pub const WITH_CORE: Self = Self::of(&[
        SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS,
    ]);

    /// The set of the signals named.
    pub const fn of(signals: &[u32]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < signals.len() {
            bits |= 1 << (signals[i] - 1);
            i += 1;
        }
        Self(bits)
    }
    /// The set of one signal; empty for a number out of range.
    pub const fn one(signal: u32) -> Self {
        if signal >= 1 && signal <= SIGRTMAX {
            Self(1 << (signal - 1))
        } else {
            Self(0)
        }
    }
    /// Whether `signal` is in the set.
    pub const fn has(self, signal: u32) -> bool {
        self.0 & Self::one(signal).0 != 0
    }
    /// Whether no signal is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Signals of this set that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
    /// Signals of either set.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// Signals of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
    /// The signal to take first: a synchronous one, then the lowest number.
    pub const fn first(self) -> Option<u32> {
        let urgent = self.0 & Self::SYNCHRONOUS.0;
        let from = if urgent != 0 { urgent } else { self.0 };
        if from == 0 {
            None
        } else {
            Some(from.trailing_zeros() + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::number::{SIGHUP, SIGTERM};
    use super::*;

    #[test]
    fn synchronous_signals_go_first() {
        assert_eq!(SignalSet::of(&[SIGHUP, SIGSEGV]).first(), Some(SIGSEGV));
        assert_eq!(SignalSet::of(&[SIGTERM, SIGHUP]).first(), Some(SIGHUP));
        assert_eq!(SignalSet::EMPTY.first(), None);
    }

    #[test]
    fn numbers_out_of_range_are_in_no_set() {
        assert!(SignalSet::one(0).is_empty() && SignalSet::one(65).is_empty());
        assert!(SignalSet(u64::MAX).has(64));
        assert!(!SignalSet(u64::MAX).has(65));
    }
}
