//! Signals that wait to be taken: at most one of each ordinary kind (per thread it is for), and a queue of real-time
//! ones. A set of bits beside the queue answers "is anything there" without a look at the queue.

use crate::linux::signal::{MAX, REAL_TIME, bit};
use alloc::collections::VecDeque;
use k42_api::process::SignalInfo;
use k42_ipc::{Error, Result};

/// No signal.
pub const NONE: SignalInfo = SignalInfo {
    signal: 0,
    code: 0,
    errno: 0,
    pid: 0,
    uid: 0,
    value: 0,
    thread: 0,
};

/// What came of posting a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Posted {
    /// It waits now.
    Queued,
    /// One like it waits already.
    Merged,
}

/// Pending signals of a process.
#[derive(Debug, Default)]
pub struct Pending {
    set: u64,
    queue: VecDeque<SignalInfo>,
}

impl Pending {
    /// Which are pending.
    pub fn set(&self) -> u64 {
        self.set
    }
    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }
    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.set == 0
    }

    /// Adds a signal (1 to 64). At `limit` waiting signals a real-time one is refused with EAGAIN; ordinary ones are
    /// always taken, since at most one of each waits.
    pub fn post(&mut self, info: SignalInfo, limit: u64) -> Result<Posted> {
        debug_assert!((1..=MAX).contains(&info.signal));
        if info.signal < REAL_TIME {
            let like = |old: &SignalInfo| old.signal == info.signal && old.thread == info.thread;
            if self.set & bit(info.signal) != 0 && self.queue.iter().any(like) {
                return Ok(Posted::Merged);
            }
        } else if self.queue.len() as u64 >= limit {
            return Err(Error::EAGAIN);
        }
        self.queue.try_reserve(1).map_err(|_| Error::EAGAIN)?;
        self.queue.push_back(info);
        self.set |= bit(info.signal);
        Ok(Posted::Queued)
    }

    /// Takes the lowest signal in `wanted`, the oldest of its kind.
    pub fn take(&mut self, wanted: u64) -> SignalInfo {
        let found = self.set & wanted;
        if found == 0 {
            return NONE;
        }
        let signal = found.trailing_zeros() + 1;
        let Some(at) = self.queue.iter().position(|info| info.signal == signal) else {
            return NONE;
        };
        let info = self.queue.remove(at).unwrap_or(NONE);
        if !self.queue.iter().any(|other| other.signal == signal) {
            self.set &= !bit(signal);
        }
        info
    }

    /// Drops all signals in `set`.
    pub fn discard(&mut self, set: u64) {
        if self.set & set != 0 {
            self.queue.retain(|info| set & bit(info.signal) == 0);
            self.set &= !set;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    fn info(signal: u32, value: u64) -> SignalInfo {
        SignalInfo {
            signal,
            value,
            ..NONE
        }
    }

    #[test]
    fn ordinary_ones_merge_and_real_time_ones_queue() {
        let mut pending = Pending::default();
        assert_eq!(pending.post(info(15, 1), 0), Ok(Posted::Queued));
        assert_eq!(pending.post(info(15, 2), 0), Ok(Posted::Merged));
        assert_eq!(
            pending.post(
                SignalInfo {
                    thread: 7,
                    ..info(15, 3)
                },
                0
            ),
            Ok(Posted::Queued)
        );
        assert_eq!(pending.post(info(40, 1), 4), Ok(Posted::Queued));
        assert_eq!(pending.post(info(40, 2), 4), Ok(Posted::Queued));
        assert_eq!(pending.post(info(41, 2), 4), Err(Error::EAGAIN));
        assert_eq!(pending.take(!0).value, 1);
        assert_eq!(pending.take(!0).thread, 7);
        assert_eq!(pending.set(), bit(40));
        assert_eq!(pending.take(!bit(40)), NONE);
        assert_eq!([pending.take(!0).value, pending.take(!0).value], [1, 2]);
        assert!(pending.is_empty());
    }

    proptest! {
        /// Against a plain list: what is taken is always the lowest wanted, the oldest of its kind.
        #[test]
        fn like_a_list(steps in proptest::collection::vec((any::<bool>(), 1u32..65, any::<u64>()), 0..60)) {
            let mut pending = Pending::default();
            let mut model: Vec<SignalInfo> = Vec::new();
            for (n, (post, signal, wanted)) in steps.into_iter().enumerate() {
                if post {
                    let new = info(signal, n as u64);
                    if signal >= REAL_TIME || !model.iter().any(|i| i.signal == signal) {
                        model.push(new);
                    }
                    pending.post(new, 1000).unwrap();
                } else {
                    let best = model.iter().enumerate().filter(|(_, i)| wanted & bit(i.signal) != 0).min_by_key(|(at, i)| (i.signal, *at)).map(|(at, _)| at);
                    assert_eq!(pending.take(wanted), best.map_or(NONE, |at| model.remove(at)));
                }
                assert_eq!(pending.set(), model.iter().fold(0, |set, i| set | bit(i.signal)));
            }
        }
    }
}
