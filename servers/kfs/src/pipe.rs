//! Pipes and FIFOs: a ring of bytes between those who write and those who read.
//!
//! A method that cannot go on notes the caller and says WOULD_BLOCK. Opening a FIFO waits for the other side: whoever
//! comes first leaves a mark with his process and asks again later. Whoever comes second goes on at once and turns
//! the marks of the other side into *promises*; a promise counts as an open end until its owner comes back for it, so
//! that neither side finds the other gone before both have begun.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use k42_api::files::poll;
use k42_fslib::linux::PIPE_BUF;
use k42_fslib::sync::Mutex;
use k42_fslib::wait::WaitList;
use k42_ipc::{Caller, Error, OutBuf, ProcessId, Result};

/// Bytes that a pipe holds.
pub const CAPACITY: usize = 65536;

/// One side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Who reads.
    Read = 0,
    /// Who writes.
    Write = 1,
}

#[derive(Debug, Default)]
struct End {
    /// Open files.
    open: usize,
    /// Processes whose open waits for the other side.
    pending: Vec<ProcessId>,
    /// Processes whose open will succeed when they ask again.
    promised: Vec<ProcessId>,
    /// Whoever wants this side's operation to become possible: readers wait for data, writers for room.
    waiters: WaitList,
    /// There has been such an open file at all (a FIFO that nobody wrote to has not hung up).
    ever: bool,
}

impl End {
    fn there(&self) -> bool {
        self.open > 0 || !self.promised.is_empty()
    }
}

#[derive(Debug, Default)]
struct State {
    data: VecDeque<u8>,
    ends: [End; 2],
}

/// See the module's description.
#[derive(Debug, Default)]
pub struct Pipe {
    state: Mutex<State>,
}

/// How an open is to behave, and what it gives.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// O_NONBLOCK.
    pub nonblock: bool,
}

impl Pipe {
    /// Without any end open.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an end, or both. With an error nothing is open, but WOULD_BLOCK leaves a mark. The waiters are to be woken.
    pub fn open(&self, caller: &Caller, wish: Wish) -> (Result<()>, [WaitList; 2]) {
        let mut state = self.state.lock();
        let result = state.open(caller, wish);
        let woken = if result.is_ok() || result == Err(Error::WOULD_BLOCK) {
            state.take_waiters()
        } else {
            Default::default()
        };
        if result == Err(Error::WOULD_BLOCK) {
            // After the others were taken: the caller itself waits for the change that comes after this one.
            let side = if wish.read { 0 } else { 1 };
            if let Err(error) = state.ends[side].waiters.add(caller) {
                return (Err(error), woken);
            }
        }
        (result, woken)
    }

    /// Opens both ends of an anonymous pipe.
    pub fn open_both(&self) {
        let mut state = self.state.lock();
        for end in &mut state.ends {
            end.open += 1;
            end.ever = true;
        }
    }

    /// An open file has been closed. The waiters are to be woken.
    pub fn close(&self, side: Side) -> [WaitList; 2] {
        let mut state = self.state.lock();
        let end = &mut state.ends[side as usize];
        end.open = end.open.saturating_sub(1);
        if end.there() {
            return Default::default();
        }
        state.drop_if_unused();
        state.take_waiters()
    }

    /// A process has ended: its marks and promises go.
    pub fn forget(&self, process: ProcessId) -> [WaitList; 2] {
        let mut state = self.state.lock();
        for end in &mut state.ends {
            end.pending.retain(|&p| p != process);
            end.promised.retain(|&p| p != process);
            end.waiters.remove(process);
        }
        state.drop_if_unused();
        state.take_waiters()
    }

    /// read(2). The waiters (writers that now find room) are to be woken.
    pub fn read(&self, caller: &Caller, out: &mut OutBuf<'_>) -> Result<(u32, WaitList)> {
        let mut state = self.state.lock();
        let state = &mut *state;
        if out.room() == 0 {
            return Ok((0, WaitList::new()));
        }
        if state.data.is_empty() {
            if !state.ends[1].there() {
                return Ok((0, WaitList::new()));
            }
            state.ends[0].waiters.add(caller)?;
            return Err(Error::WOULD_BLOCK);
        }
        let had_room = CAPACITY - state.data.len() >= PIPE_BUF;
        let count = state.data.len().min(out.room());
        let (first, second) = state.data.as_slices();
        let split = first.len().min(count);
        out.put(&first[..split])?;
        out.put(&second[..count - split])?;
        if count == state.data.len() {
            state.data.clear();
        } else {
            state.data.drain(..count);
        }
        // A writer can go on once there is room for an atomic write.
        let room = CAPACITY - state.data.len() >= PIPE_BUF;
        let woken = if room && (!had_room || !state.ends[1].waiters.is_empty()) {
            state.ends[1].waiters.take()
        } else {
            WaitList::new()
        };
        Ok((count as u32, woken))
    }

    /// write(2): up to PIPE_BUF bytes whole or not at all. The waiters (readers) are to be woken.
    pub fn write(&self, caller: &Caller, data: &[u8]) -> Result<(u32, WaitList)> {
        let mut state = self.state.lock();
        let state = &mut *state;
        if !state.ends[0].there() {
            return Err(Error::EPIPE);
        }
        let room = CAPACITY - state.data.len();
        let count = if data.len() <= PIPE_BUF && data.len() > room {
            0
        } else {
            data.len().min(room)
        };
        if count == 0 && !data.is_empty() {
            state.ends[1].waiters.add(caller)?;
            return Err(Error::WOULD_BLOCK);
        }
        state.data.try_reserve(count).map_err(|_| Error::ENOMEM)?;
        state.data.extend(&data[..count]);
        Ok((count as u32, state.ends[0].waiters.take()))
    }

    /// Bytes that can be read (FIONREAD).
    pub fn available(&self) -> usize {
        self.state.lock().data.len()
    }

    /// poll(2) for an open file of these sides.
    pub fn poll(
        &self,
        caller: &Caller,
        read: bool,
        write: bool,
        events: u32,
        notify: bool,
    ) -> Result<u32> {
        let mut state = self.state.lock();
        let mut now = 0;
        if read {
            if !state.data.is_empty() {
                now |= poll::IN | poll::RDNORM;
            }
            if !state.ends[1].there() && state.ends[1].ever {
                now |= poll::HUP;
            }
        }
        if write {
            if CAPACITY - state.data.len() >= PIPE_BUF {
                now |= poll::OUT | poll::WRNORM;
            }
            if !state.ends[0].there() {
                now |= poll::ERR;
            }
        }
        now &= events | poll::HUP | poll::ERR;
        if now == 0 && notify {
            if read {
                state.ends[0].waiters.add(caller)?;
            }
            if write {
                state.ends[1].waiters.add(caller)?;
            }
        }
        Ok(now)
    }
}

impl State {
    fn open(&mut self, caller: &Caller, wish: Wish) -> Result<()> {
        let process = caller.process;
        if wish.read && wish.write {
            self.enter(0, process);
            self.enter(1, process);
            return Ok(());
        }
        let (mine, other) = if wish.read { (0, 1) } else { (1, 0) };
        let promised = self.ends[mine].promised.contains(&process);
        let other_there = self.ends[other].there() || !self.ends[other].pending.is_empty();
        if promised || other_there || (wish.nonblock && wish.read) {
            self.enter(mine, process);
            return Ok(());
        }
        if wish.nonblock {
            return Err(Error::ENXIO);
        }
        let pending = &mut self.ends[mine].pending;
        if !pending.contains(&process) {
            pending.try_reserve(1).map_err(|_| Error::ENOMEM)?;
            pending.push(process);
        }
        Err(Error::WOULD_BLOCK)
    }

    /// `process` has this end open; who waits for it on the other side gets a promise.
    fn enter(&mut self, mine: usize, process: ProcessId) {
        let end = &mut self.ends[mine];
        end.open += 1;
        end.ever = true;
        end.pending.retain(|&p| p != process);
        end.promised.retain(|&p| p != process);
        let other = &mut self.ends[1 - mine];
        if !other.pending.is_empty() {
            other.ever = true;
            let mut waiting = core::mem::take(&mut other.pending);
            if other.promised.is_empty() {
                other.promised = waiting;
            } else if other.promised.try_reserve(waiting.len()).is_ok() {
                other.promised.append(&mut waiting);
            }
        }
    }

    /// When nobody is left, the data goes and a FIFO is as new.
    fn drop_if_unused(&mut self) {
        if self.ends.iter().all(|end| !end.there()) {
            self.data = VecDeque::new();
            self.ends.iter_mut().for_each(|end| end.ever = false);
        }
    }

    fn take_waiters(&mut self) -> [WaitList; 2] {
        let [read, write] = &mut self.ends;
        [read.waiters.take(), write.waiters.take()]
    }
}
