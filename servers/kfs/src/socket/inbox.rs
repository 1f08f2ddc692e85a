//! What has been sent to a socket and not been received yet. The sockets of a connection hold each other's inbox and
//! nothing else of each other, so an operation locks one inbox at a time and never waits for its peer's lock.
//!
//! All bytes lie in one ring; a list of lengths says where messages end. Of a stream the list has one entry at most.

use crate::quota::{PAGE, Quota, Resources};
use alloc::collections::VecDeque;
use k42_fslib::sync::Mutex;
use k42_fslib::wait::WaitList;
use k42_ipc::{Caller, Error, OutBuf, Result};

/// What a message counts for besides its bytes, so that empty ones are not free.
const OVERHEAD: usize = 256;
/// What an inbox may hold without being counted as pages of the file system, as a pipe may.
const FREE: usize = 65536;

/// See the module's description.
pub struct Inbox {
    resources: &'static Resources,
    state: Mutex<State>,
}

/// What the lock guards.
#[derive(Default)]
pub struct State {
    bytes: VecDeque<u8>,
    lengths: VecDeque<usize>,
    /// Pages taken from the quota.
    pages: u64,
    /// Nothing will come any more: the other side of the connection has closed, or shut down its sending.
    pub ended: bool,
    /// The owner has shut down its receiving.
    pub shut: bool,
    /// The owner has closed.
    pub gone: bool,
    /// What the owner is to hear once.
    pub error: Option<Error>,
    /// Who waits for something to receive.
    pub readers: WaitList,
    /// Who waits for room.
    writers: WaitList,
    /// The writers wait until no more than this is held.
    enough_room: usize,
}

/// Whom to wake when the lock has been released: readers and writers.
pub type Woken = [WaitList; 2];

impl Inbox {
    /// An empty one.
    pub fn new(resources: &'static Resources) -> Self {
        Self {
            resources,
            state: Mutex::new(State::default()),
        }
    }

    /// Runs `look` with the lock held.
    pub fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.state.lock())
    }

    /// Appends what `caller` sends, of a stream as much as there is room for, else all; how much. A sender whose buffer
    /// is `limit` waits while more than that is held. The readers are to be woken.
    pub fn push(
        &self,
        caller: &Caller,
        data: &[u8],
        stream: bool,
        limit: usize,
    ) -> Result<(usize, WaitList)> {
        let mut state = self.state.lock();
        if state.shut || state.gone {
            return Err(Error::EPIPE);
        }
        let held = state.held();
        let room = limit.saturating_sub(held);
        let count = if stream {
            data.len().min(room)
        } else {
            data.len()
        };
        // What is larger than the whole buffer goes when nothing else is there.
        let fits = if stream {
            count > 0 || data.is_empty()
        } else {
            held == 0 || data.len() + OVERHEAD <= room
        };
        if !fits {
            state.wait_for_room(caller, limit)?;
            return Err(Error::WOULD_BLOCK);
        }
        if stream && count == 0 {
            return Ok((0, WaitList::new()));
        }
        // The quota comes last: what is taken of it stays until the inbox is empty.
        state.bytes.try_reserve(count).map_err(|_| Error::ENOBUFS)?;
        state.lengths.try_reserve(1).map_err(|_| Error::ENOBUFS)?;
        state.take_pages(&self.resources.pages, held + count + OVERHEAD)?;
        match state.lengths.back_mut() {
            Some(last) if stream => *last += count,
            _ => state.lengths.push_back(count),
        }
        state.bytes.extend(&data[..count]);
        Ok((count, state.readers.take()))
    }

    /// Copies to `out` at most `wanted` bytes of the first message, from byte `skip` on: how many, and how long the message
    /// is. `None`: there is nothing. Unless `peek`, what was read of a stream goes, and of messages the first.
    /// The writers are to be woken.
    pub fn pop(
        &self,
        state: &mut State,
        skip: usize,
        wanted: usize,
        stream: bool,
        peek: bool,
        out: &mut OutBuf<'_>,
    ) -> Result<Option<(usize, usize, WaitList)>> {
        let Some(&length) = state.lengths.front() else {
            return Ok(None);
        };
        let left = length.saturating_sub(skip);
        if stream && left == 0 {
            return Ok(None);
        }
        let count = left.min(wanted).min(out.room());
        let (first, second) = state.bytes.as_slices();
        let middle = first.len();
        let (from, to) = (skip, skip + count);
        out.put(&first[from.min(middle)..to.min(middle)])?;
        out.put(&second[from.saturating_sub(middle)..to.saturating_sub(middle)])?;
        if peek {
            return Ok(Some((count, length, WaitList::new())));
        }
        let gone = if stream { count } else { length };
        state.bytes.drain(..gone);
        match state.lengths.front_mut() {
            Some(length) if *length > gone => *length -= gone,
            _ => drop(state.lengths.pop_front()),
        }
        if state.lengths.is_empty() {
            state.give_pages(&self.resources.pages);
        }
        let woken = if state.held() <= state.enough_room {
            state.take_writers()
        } else {
            WaitList::new()
        };
        Ok(Some((count, length, woken)))
    }

    /// The owner has closed: whether it leaves anything unread, and whom to wake.
    pub fn close(&self) -> (bool, Woken) {
        let mut state = self.state.lock();
        let unread = !state.lengths.is_empty();
        state.gone = true;
        state.bytes = VecDeque::new();
        state.lengths = VecDeque::new();
        state.give_pages(&self.resources.pages);
        (unread, state.take_all())
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.state.get_mut().give_pages(&self.resources.pages);
    }
}

impl State {
    /// What is held, with what messages count for.
    pub fn held(&self) -> usize {
        self.bytes.len() + self.lengths.len() * OVERHEAD
    }

    /// Whether there is something to receive.
    pub fn has_any(&self) -> bool {
        !self.lengths.is_empty()
    }

    /// Bytes of the first message, and of all.
    pub fn available(&self) -> (usize, usize) {
        (self.lengths.front().copied().unwrap_or(0), self.bytes.len())
    }

    /// Whether a sender whose buffer is `limit` is told that it can write: not before three quarters are free, so that it
    /// is not woken for every byte.
    pub fn is_writable(&self, limit: usize) -> bool {
        self.held() <= limit / 4
    }

    /// Notes a sender that waits for [`is_writable`](Self::is_writable).
    pub fn wait_for_room(&mut self, caller: &Caller, limit: usize) -> Result<()> {
        self.writers.add(caller)?;
        self.enough_room = self.enough_room.max(limit / 4);
        Ok(())
    }

    fn take_writers(&mut self) -> WaitList {
        self.enough_room = 0;
        self.writers.take()
    }

    /// Everybody.
    pub fn take_all(&mut self) -> Woken {
        [self.readers.take(), self.take_writers()]
    }

    fn take_pages(&mut self, quota: &Quota, held: usize) -> Result<()> {
        let needed = held.saturating_sub(FREE).div_ceil(PAGE as usize) as u64;
        if needed > self.pages {
            quota
                .take(needed - self.pages)
                .map_err(|_| Error::ENOBUFS)?;
            self.pages = needed;
        }
        Ok(())
    }

    fn give_pages(&mut self, quota: &Quota) {
        if self.pages > 0 {
            quota.give(core::mem::take(&mut self.pages));
            self.bytes = VecDeque::new();
        }
    }
}
