//! Pipes and FIFOs: bytes between those who write and those who read; where they lie, see [`crate::ring`].
//!
//! A method that cannot go on notes the caller and says WOULD_BLOCK. Opening a FIFO waits for the other side: whoever
//! comes first leaves a mark with his process and asks again later. Whoever comes second goes on at once and turns
//! the marks of the other side into *promises*; a promise counts as an open end until its owner comes back for it, so
//! that neither side finds the other gone before both have begun.

use crate::contents::Medium;
use crate::ring::{Bytes, Shared};
use alloc::vec::Vec;
use k42_api::files::poll;
use k42_fslib::linux::PIPE_BUF;
use k42_fslib::sync::Mutex;
use k42_fslib::wait::WaitList;
use k42_ipc::{Caller, Error, Handle, OutBuf, ProcessId, Result};

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
    data: Bytes,
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
        state.data.forget(process);
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
        if state.data.readable() == 0 {
            if state.data.is_empty() && !state.ends[1].there() {
                return Ok((0, WaitList::new()));
            }
            state.ends[0].waiters.add(caller)?;
            return Err(Error::WOULD_BLOCK);
        }
        let count = state.data.readable().min(out.room());
        state.data.pop(count, out)?;
        Ok((count as u32, state.take_writers()))
    }

    /// A handle with which the caller maps the ring. The bytes go there, if they are not there yet.
    pub fn share(&self, medium: Medium<'_>, process: ProcessId) -> Result<Handle> {
        let mut object = self.state.lock().data.object();
        if object.is_none() {
            let new = Shared::new(medium)?;
            let mut state = self.state.lock();
            let spare = state.data.share(new);
            object = state.data.object();
            drop(state);
            if let Some(spare) = spare? {
                spare.end(medium);
            }
        }
        Shared::grant(medium.store, object.ok_or(Error::EIO)?, process)
    }

    /// Lets the caller move data by itself: where in the ring, and how much; nothing at the end of the data. WOULD_BLOCK,
    /// EPIPE.
    pub fn hold(&self, caller: &Caller, wanted: usize, write: bool) -> Result<(usize, usize)> {
        let mut state = self.state.lock();
        if write && !state.ends[0].there() {
            return Err(Error::EPIPE);
        }
        if let Some(held) = state.data.hold(caller.process, wanted, write)? {
            return Ok(held);
        }
        if wanted == 0 || !write && state.data.is_empty() && !state.ends[1].there() {
            return Ok((0, 0));
        }
        state.ends[write as usize].waiters.add(caller)?;
        Err(Error::WOULD_BLOCK)
    }

    /// The caller has moved so much of what it held. The waiters are to be woken.
    pub fn release(&self, caller: &Caller, bytes: usize, write: bool) -> Result<[WaitList; 2]> {
        let mut state = self.state.lock();
        state.data.release(caller.process, bytes, write)?;
        // Besides who waits for what has been done there may be others who waited for the holder.
        let ended = state.data.is_empty() && !state.ends[1].there();
        let readers = if state.data.readable() > 0 || ended {
            state.ends[0].waiters.take()
        } else {
            WaitList::new()
        };
        Ok([readers, state.take_writers()])
    }

    /// A process has closed its end: it gives back what it held. The waiters are to be woken.
    pub fn closed_by(&self, process: ProcessId) -> [WaitList; 2] {
        let mut state = self.state.lock();
        if state.data.forget(process) {
            state.take_waiters()
        } else {
            Default::default()
        }
    }

    /// Nobody uses the pipe any more: its memory goes.
    pub fn end(&mut self, medium: Medium<'_>) {
        if let Bytes::Shared(ring) = core::mem::take(&mut self.state.get_mut().data) {
            ring.end(medium);
        }
    }

    /// write(2): up to PIPE_BUF bytes whole or not at all. The waiters (readers) are to be woken.
    pub fn write(&self, caller: &Caller, data: &[u8]) -> Result<(u32, WaitList)> {
        let mut state = self.state.lock();
        let state = &mut *state;
        if !state.ends[0].there() {
            return Err(Error::EPIPE);
        }
        let room = state.data.room();
        let count = if data.len() <= PIPE_BUF && data.len() > room {
            0
        } else {
            data.len().min(room)
        };
        if count == 0 && !data.is_empty() {
            state.ends[1].waiters.add(caller)?;
            return Err(Error::WOULD_BLOCK);
        }
        state.data.push(&data[..count])?;
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
            if state.data.readable() > 0 {
                now |= poll::IN | poll::RDNORM;
            }
            if !state.ends[1].there() && state.ends[1].ever {
                now |= poll::HUP;
            }
        }
        if write {
            if state.data.room() >= PIPE_BUF {
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
            self.data.clear();
            self.ends.iter_mut().for_each(|end| end.ever = false);
        }
    }

    /// Writers can go on once there is room for an atomic write.
    fn take_writers(&mut self) -> WaitList {
        if self.data.room() >= PIPE_BUF {
            self.ends[1].waiters.take()
        } else {
            WaitList::new()
        }
    }

    fn take_waiters(&mut self) -> [WaitList; 2] {
        let [read, write] = &mut self.ends;
        [read.waiters.take(), write.waiters.take()]
    }
}
