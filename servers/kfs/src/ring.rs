//! Where the bytes of a pipe lie: in the heap of this server, or, once a client moves many, in memory that clients have
//! mapped too. Then a client *holds* a piece of the ring (free room, or bytes to be read), moves the data by itself, and
//! gives the piece back; there is one holder on each side at a time. KFS alone knows where the ring begins and ends.

use crate::contents::Medium;
use crate::ports::PageStore;
use crate::quota::PAGE;
use crate::window::{Span, Window};
use alloc::collections::VecDeque;
use k42_api::memory::MapOptions;
use k42_fslib::linux::PIPE_BUF;
use k42_ipc::{Error, Handle, OutBuf, ProcessId, Result};

/// Bytes that a pipe holds.
pub const CAPACITY: usize = 65536;
/// The first window of an object is just as large.
const SPAN: Span = Span::at(0);
const _: () = assert!(SPAN.bytes == CAPACITY as u64);

/// A piece that a process moves data to or from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    process: ProcessId,
    bytes: usize,
}

/// Memory that clients have mapped.
#[derive(Debug)]
pub struct Shared {
    object: Handle,
    window: Window,
    start: usize,
    length: usize,
    /// For reading and for writing.
    held: [Option<Held>; 2],
}

impl Shared {
    /// An empty ring. ENOSPC.
    pub fn new(medium: Medium<'_>) -> Result<Self> {
        medium.pages.take(SPAN.bytes / PAGE)?;
        let made = Self::make(medium.store);
        if made.is_err() {
            medium.pages.give(SPAN.bytes / PAGE);
        }
        made
    }

    fn make(store: &dyn PageStore) -> Result<Self> {
        let object = store.create(SPAN.bytes, b"")?;
        let window = Window::new(store, object, SPAN).and_then(|mut window| {
            let populated = store.populate(object, 0, SPAN.bytes);
            if let Err(error) = populated {
                window.unmap(store);
                return Err(error);
            }
            window.set(0..window.pages());
            Ok(window)
        });
        match window {
            Ok(window) => Ok(Self {
                object,
                window,
                start: 0,
                length: 0,
                held: [None; 2],
            }),
            Err(error) => {
                store.release(object);
                Err(error)
            }
        }
    }

    /// Gives the memory back.
    pub fn end(self, medium: Medium<'_>) {
        self.window.unmap(medium.store);
        medium.store.release(self.object);
        medium.pages.give(SPAN.bytes / PAGE);
    }

    /// A handle for `process` to map it.
    pub fn grant(store: &dyn PageStore, object: Handle, process: ProcessId) -> Result<Handle> {
        store.grant(
            object,
            process,
            (MapOptions::READ | MapOptions::WRITE).bits(),
            b"",
        )
    }

    /// The two runs of `bytes` bytes from `at` on, round the ring.
    fn runs(at: usize, bytes: usize) -> [(u64, usize); 2] {
        let first = bytes.min(CAPACITY - at);
        [(at as u64, first), (0, bytes - first)]
    }

    fn push(&mut self, data: &[u8]) -> Result<()> {
        let at = (self.start + self.length) % CAPACITY;
        let mut rest = data;
        for (at, bytes) in Self::runs(at, data.len()) {
            let (now, later) = rest.split_at(bytes);
            rest = later;
            if !self.window.write(at, now) {
                return Err(Error::EIO);
            }
        }
        self.length += data.len();
        Ok(())
    }

    fn pop(&mut self, bytes: usize, out: &mut OutBuf<'_>) -> Result<()> {
        for (at, bytes) in Self::runs(self.start, bytes) {
            let room = out.spare().get_mut(..bytes).ok_or(Error::ERANGE)?;
            if !self.window.read(at, room) {
                return Err(Error::EIO);
            }
            out.advance(bytes);
        }
        self.take(bytes);
        Ok(())
    }

    fn take(&mut self, bytes: usize) {
        self.length -= bytes;
        self.start = (self.start + bytes) % CAPACITY;
    }
}

/// The bytes of a pipe.
#[derive(Debug)]
pub enum Bytes {
    /// In the heap.
    Own(VecDeque<u8>),
    /// In memory that clients have mapped.
    Shared(Shared),
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Own(VecDeque::new())
    }
}

impl Bytes {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Own(bytes) => bytes.len(),
            Self::Shared(ring) => ring.length,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many can be read now.
    pub fn readable(&self) -> usize {
        match self {
            Self::Shared(ring) if ring.held[0].is_some() => 0,
            _ => self.len(),
        }
    }

    /// How many can be written now.
    pub fn room(&self) -> usize {
        match self {
            Self::Shared(ring) if ring.held[1].is_some() => 0,
            _ => CAPACITY - self.len(),
        }
    }

    /// Appends `data`, for which there is room.
    pub fn push(&mut self, data: &[u8]) -> Result<()> {
        match self {
            Self::Own(bytes) => {
                bytes.try_reserve(data.len()).map_err(|_| Error::ENOMEM)?;
                bytes.extend(data);
                Ok(())
            }
            Self::Shared(ring) => ring.push(data),
        }
    }

    /// Moves the first `count` bytes, which are readable, to `out`, which has room for them.
    pub fn pop(&mut self, count: usize, out: &mut OutBuf<'_>) -> Result<()> {
        let bytes = match self {
            Self::Own(bytes) => bytes,
            Self::Shared(ring) => return ring.pop(count, out),
        };
        let (first, second) = bytes.as_slices();
        if let Some(wanted) = first.get(..count) {
            out.put(wanted)?;
        } else {
            out.put(first)?;
            out.put(&second[..count - first.len()])?;
        }
        if count == bytes.len() {
            bytes.clear();
        } else {
            bytes.drain(..count);
        }
        Ok(())
    }

    /// Forgets everything; the memory stays where clients have it.
    pub fn clear(&mut self) {
        match self {
            Self::Own(bytes) => *bytes = VecDeque::new(),
            Self::Shared(ring) => {
                (ring.start, ring.length) = (0, 0);
                ring.held = [None; 2];
            }
        }
    }

    /// The object that clients map, if there is one.
    pub fn object(&self) -> Option<Handle> {
        match self {
            Self::Own(_) => None,
            Self::Shared(ring) => Some(ring.object),
        }
    }

    /// Goes over to shared memory; what is not needed comes back.
    pub fn share(&mut self, mut ring: Shared) -> Result<Option<Shared>> {
        let Self::Own(bytes) = self else {
            return Ok(Some(ring));
        };
        let (first, second) = bytes.as_slices();
        ring.push(first)?;
        ring.push(second)?;
        *self = Self::Shared(ring);
        Ok(None)
    }

    /// Lets `process` move up to `wanted` bytes by itself: where they lie in the ring, and how many. `None`: not now.
    /// EINVAL if clients do not have the ring.
    pub fn hold(
        &mut self,
        process: ProcessId,
        wanted: usize,
        write: bool,
    ) -> Result<Option<(usize, usize)>> {
        let (readable, room) = (self.readable(), self.room());
        let Self::Shared(ring) = self else {
            return Err(Error::EINVAL);
        };
        let (at, bytes, least) = if write {
            let at = (ring.start + ring.length) % CAPACITY;
            (at, wanted.min(room), wanted.min(PIPE_BUF))
        } else {
            (ring.start, wanted.min(readable), 1)
        };
        if bytes == 0 || bytes < least {
            return Ok(None);
        }
        ring.held[write as usize] = Some(Held { process, bytes });
        Ok(Some((at, bytes)))
    }

    /// `process` has moved `bytes` of what it held. EINVAL if it did not hold so many.
    pub fn release(&mut self, process: ProcessId, bytes: usize, write: bool) -> Result<()> {
        let Self::Shared(ring) = self else {
            return Err(Error::EINVAL);
        };
        ring.held[write as usize]
            .take_if(|held| held.process == process && bytes <= held.bytes)
            .ok_or(Error::EINVAL)?;
        if write {
            ring.length += bytes;
        } else {
            ring.take(bytes);
        }
        Ok(())
    }

    /// `process` will not give back what it holds; whether it held anything.
    pub fn forget(&mut self, process: ProcessId) -> bool {
        let Self::Shared(ring) = self else {
            return false;
        };
        let mut any = false;
        for held in &mut ring.held {
            any |= held.take_if(|held| held.process == process).is_some();
        }
        any
    }
}
