//! Waiting for servers.
//!
//! A server that answers WOULD_BLOCK (or polls "nothing yet") sends a READY message later. The
//! runtime hands each message to [`arrived`], which wakes the threads that wait for that file. Messages
//! are hints and may come before the thread has got round to wait: so a thread reads [`seen`] before
//! it asks the server, and [`wait`] comes back at once if anything has arrived since.

use crate::error;
use crate::port;
use crate::process::PROCESS;
use crate::signal::deliver;
use crate::thread::Thread;
use core::sync::atomic::{AtomicU64, Ordering};
use k42_abi::{Error, Handle, ProcessId, Result};
use k42_api::event;

/// What a thread waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// Only a signal or the deadline.
    Nothing,
    /// READY of a handle.
    File(ProcessId, Handle),
    /// A child's change.
    Child,
    /// Any READY at all (poll over many files).
    Any,
}

impl Source {
    /// As three words.
    pub(crate) fn to_words(self) -> (u64, u64, u64) {
        match self {
            Self::Nothing => (0, 0, 0),
            Self::File(server, handle) => (1, u64::from(server.0), handle.0),
            Self::Child => (2, 0, 0),
            Self::Any => (3, 0, 0),
        }
    }
    /// From three words.
    pub(crate) fn from_words(kind: u64, server: u64, handle: u64) -> Self {
        match kind {
            1 => Self::File(ProcessId(server as u32), Handle(handle)),
            2 => Self::Child,
            3 => Self::Any,
            _ => Self::Nothing,
        }
    }
}

/// How many messages have arrived.
static ARRIVALS: AtomicU64 = AtomicU64::new(0);

/// How many messages have arrived; ask before the call that may say WOULD_BLOCK.
pub fn seen() -> u64 {
    ARRIVALS.load(Ordering::Acquire)
}

/// Blocks until `source` may have changed since [`seen`] gave `since`, a signal waits
/// (`error::RESTART`), or `deadline` (a timebase value) has passed (ETIMEDOUT).
pub fn wait(thread: &Thread, source: Source, since: u64, deadline: Option<u64>) -> Result<()> {
    if deliver::must_leave(thread) {
        return Err(error::RESTART);
    }
    thread.waiting.set(source);
    let mut timed_out = false;
    // A wake-up that comes from here on is remembered by the scheduler, so nothing is lost.
    if seen() == since && !thread.has_attention() {
        match deadline {
            None => port::block(),
            Some(deadline) => {
                if port::now() < deadline {
                    port::block_until(deadline);
                }
                timed_out = port::now() >= deadline;
            }
        }
    }
    thread.waiting.set(Source::Nothing);
    if deliver::must_leave(thread) {
        Err(error::RESTART)
    } else if timed_out && seen() == since {
        Err(Error::ETIMEDOUT)
    } else {
        Ok(())
    }
}

/// Repeats `attempt` as long as it says WOULD_BLOCK, waiting for `source` in between; EAGAIN at once
/// if `non_blocking`.
#[inline]
pub fn blocking<R>(
    thread: &Thread,
    source: Source,
    non_blocking: bool,
    mut attempt: impl FnMut() -> Result<R>,
) -> Result<R> {
    loop {
        let since = seen();
        match attempt() {
            Err(Error::WOULD_BLOCK) if non_blocking => return Err(Error::EAGAIN),
            Err(Error::WOULD_BLOCK) => {
                if let Err(interrupted) = wait(thread, source, since, None) {
                    // What has come together with the signal is not left lying.
                    return match attempt() {
                        Err(Error::WOULD_BLOCK) => Err(interrupted),
                        other => other,
                    };
                }
            }
            other => return other,
        }
    }
}

/// An asynchronous message has arrived: its sender and words. Runs in an upcall: atomics only.
pub fn arrived(sender: ProcessId, words: &[u64]) {
    match words.first().copied().unwrap_or(0) {
        event::SIGNAL => deliver::arrived(),
        event::CHILD => wake(|source| source == Source::Child),
        event::READY => {
            let handle = Handle(words.get(1).copied().unwrap_or(0));
            wake(|source| source == Source::Any || source == Source::File(sender, handle));
        }
        event::FUTEX if sender == ProcessId::MEMORY => {
            crate::sys::futex::arrived(words.get(1).copied().unwrap_or(0));
        }
        event::PLACE => {
            PROCESS.place_changed.store(true, Ordering::Release);
            deliver::arrived();
        }
        event::MOUNTS => PROCESS.mounts_changed.store(true, Ordering::Release),
        _ => {}
    }
}

/// Messages were lost: everything may have changed. Runs in an upcall.
pub fn overflow() {
    PROCESS.mounts_changed.store(true, Ordering::Release);
    PROCESS.place_changed.store(true, Ordering::Release);
    deliver::arrived();
    crate::sys::futex::overflow();
    wake(|source| source != Source::Nothing);
}

/// Wakes whoever waits for something that `matches`; also used for changes inside the process.
pub fn wake(matches: impl Fn(Source) -> bool) {
    ARRIVALS.fetch_add(1, Ordering::AcqRel);
    for thread in crate::thread::living() {
        if matches(thread.waiting.get()) {
            thread.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_travel_as_words() {
        for source in [
            Source::Nothing,
            Source::Child,
            Source::Any,
            Source::File(ProcessId(7), Handle(9 << 32 | 3)),
        ] {
            let (kind, server, handle) = source.to_words();
            assert_eq!(Source::from_words(kind, server, handle), source);
        }
    }

    #[test]
    fn what_arrived_before_the_wait_ends_it() {
        let thread = Thread::new(4711).unwrap();
        let since = seen();
        arrived(ProcessId(4), &[event::READY, 3]);
        assert_eq!(
            wait(thread, Source::File(ProcessId(4), Handle(3)), since, None),
            Ok(())
        );
        let past = port::now();
        assert_eq!(
            wait(thread, Source::Nothing, seen(), Some(past)),
            Err(Error::ETIMEDOUT)
        );
        deliver::to_thread(
            thread,
            crate::signal::Info {
                signal: 10,
                ..Default::default()
            },
        );
        assert_eq!(
            wait(thread, Source::Nothing, seen(), None),
            Err(error::RESTART)
        );
        thread.give_up();
    }
}
