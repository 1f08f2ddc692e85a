//! The data of a regular file as a clustered object.
//!
//! A node is what a file is to its users: name, owner, times. Where its bytes are is the business of an object of its
//! own, behind the interface [`FileData`]; [`Contents`] says how the bytes are laid out, and [`Keeper`] makes an
//! implementation of that into a representative. The implementation is chosen per file and changed while the file is in
//! use: [`File::change_over`] takes the state out of the old object, after which that answers [`Refusal::Moved`], puts it
//! into a new one, and swings the file's reference. Whoever was on his way to the old object asks for the reference
//! again.

use crate::contents::{Answer, Contents, Refusal, Small};
use crate::mapped::Mapped;
use crate::quota::Resources;
use alloc::vec::Vec;
use k42_fslib::sync::{Mutex, RwLock};
use k42_ipc::{Error, Handle, ProcessId, Result};
use k42_object::{AtomicRef, Guard, Implemented, Ref, Rep, enter, object_interface};

/// Length and pages of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes.
    pub size: u64,
    /// Pages.
    pub pages: u64,
}

object_interface! {
    /// Keeps the bytes of one file. Every method but `end` may answer [`Refusal::Moved`], and those that need more than
    /// the implementation is made for [`Refusal::Outgrown`].
    pub trait FileData {
        /// Length and pages.
        fn usage(&self) -> Answer<Usage>;
        /// Length.
        fn size(&self) -> Answer<u64>;
        /// Copies from `offset`, at most to the end; how many bytes.
        fn read(&self, offset: u64, to: &mut [u8]) -> Answer<usize>;
        /// Writes at `offset`, or at the end if there is none; where, and how much.
        fn write(&self, offset: Option<u64>, data: &[u8]) -> Answer<(u64, usize)>;
        /// Another length.
        fn resize(&self, size: u64) -> Answer<()>;
        /// See [`Contents::next`].
        fn next(&self, from: u64, hole: bool) -> Answer<u64>;
        /// See [`Contents::punch`].
        fn punch(&self, offset: u64, length: u64) -> Answer<()>;
        /// Takes pages for a range, and makes the file as long as it reaches if `extend`.
        fn allocate(&self, offset: u64, length: u64, extend: bool) -> Answer<()>;
        /// See [`Contents::trim`].
        fn trim(&self);
        /// See [`Contents::grant`].
        fn grant(&self, process: ProcessId, options: u32, name: &[u8]) -> Answer<Handle>;
        /// See [`Contents::lend`].
        fn lend(&self, process: ProcessId, options: u32) -> Answer<Handle>;
        /// Whether the data must stay where it is, because clients map it.
        fn is_shared(&self) -> bool;
        /// Takes the state out, for another implementation: from now on everything answers `Moved`. ENOSPC, and nothing
        /// has happened.
        fn hand_over(&self) -> Answer<Vec<u8>>;
        /// The state could not be used elsewhere: goes on here.
        fn take_back(&self);
        /// The file is gone: gives back all that it holds.
        fn end(&self);
    }
}

/// A representative: contents, their lock, and what they are made with.
pub struct Keeper<C: Contents> {
    resources: &'static Resources,
    state: RwLock<State<C>>,
}

enum State<C> {
    /// In use.
    Live(C),
    /// Handed over, but kept in case that the other implementation cannot be made.
    Moving(C),
    /// It has moved, or the file is gone.
    Gone,
}

impl<C> State<C> {
    fn live(&self) -> Answer<&C> {
        if let State::Live(contents) = self {
            Ok(contents)
        } else {
            Err(Refusal::Moved)
        }
    }
    fn live_mut(&mut self) -> Answer<&mut C> {
        if let State::Live(contents) = self {
            Ok(contents)
        } else {
            Err(Refusal::Moved)
        }
    }
}

impl<C: Contents> Keeper<C> {
    fn shared<T>(&self, operation: impl FnOnce(&C) -> T) -> Answer<T> {
        self.state.read().live().map(operation)
    }

    fn alone<T>(&self, operation: impl FnOnce(&mut C) -> Answer<T>) -> Answer<T> {
        self.state.write().live_mut().and_then(operation)
    }
}

impl<C: Contents> FileData for Keeper<C> {
    fn usage(&self) -> Answer<Usage> {
        let medium = self.resources.medium();
        self.shared(|contents| Usage {
            size: contents.size(),
            pages: contents.pages(medium),
        })
    }

    fn size(&self) -> Answer<u64> {
        self.shared(C::size)
    }

    fn read(&self, offset: u64, to: &mut [u8]) -> Answer<usize> {
        let ready = self.shared(|contents| {
            (!contents.needs_preparation(offset, to.len())).then(|| contents.read(offset, to))
        })?;
        match ready {
            Some(count) => Ok(count),
            None => self.alone(|contents| {
                contents.prepare(self.resources.medium(), offset, to.len())?;
                Ok(contents.read(offset, to))
            }),
        }
    }

    fn write(&self, offset: Option<u64>, data: &[u8]) -> Answer<(u64, usize)> {
        self.alone(|contents| {
            let offset = offset.unwrap_or_else(|| contents.size());
            Ok((
                offset,
                contents.write(self.resources.medium(), offset, data)?,
            ))
        })
    }

    fn resize(&self, size: u64) -> Answer<()> {
        self.alone(|contents| contents.resize(self.resources.medium(), size))
    }

    fn next(&self, from: u64, hole: bool) -> Answer<u64> {
        self.shared(|contents| contents.next(from, hole))
    }

    fn punch(&self, offset: u64, length: u64) -> Answer<()> {
        self.alone(|contents| contents.punch(self.resources.medium(), offset, length))
    }

    fn allocate(&self, offset: u64, length: u64, extend: bool) -> Answer<()> {
        let medium = self.resources.medium();
        self.alone(|contents| {
            contents.allocate(medium, offset, length)?;
            let end = offset.saturating_add(length);
            if extend && end > contents.size() {
                contents.resize(medium, end)?;
                if contents.is_shared() {
                    // What lay beyond the end could not be taken before.
                    contents.allocate(medium, offset, length)?;
                }
            }
            Ok(())
        })
    }

    fn trim(&self) {
        if let Ok(contents) = self.state.write().live_mut() {
            contents.trim(self.resources.medium());
        }
    }

    fn grant(&self, process: ProcessId, options: u32, name: &[u8]) -> Answer<Handle> {
        self.alone(|contents| contents.grant(self.resources.medium(), process, options, name))
    }

    fn lend(&self, process: ProcessId, options: u32) -> Answer<Handle> {
        self.alone(|contents| contents.lend(self.resources.medium(), process, options))
    }

    fn is_shared(&self) -> bool {
        self.shared(C::is_shared).unwrap_or(false)
    }

    fn hand_over(&self) -> Answer<Vec<u8>> {
        let mut state = self.state.write();
        let contents = state.live()?;
        let mut bytes = Vec::new();
        let size = contents.size() as usize;
        bytes.try_reserve_exact(size).map_err(|_| Error::ENOSPC)?;
        bytes.resize(size, 0);
        contents.read(0, &mut bytes);
        if let State::Live(contents) = core::mem::replace(&mut *state, State::Gone) {
            *state = State::Moving(contents);
        }
        Ok(bytes)
    }

    fn take_back(&self) {
        let mut state = self.state.write();
        *state = match core::mem::replace(&mut *state, State::Gone) {
            State::Moving(contents) => State::Live(contents),
            other => other,
        };
    }

    fn end(&self) {
        let state = core::mem::replace(&mut *self.state.write(), State::Gone);
        if let State::Live(mut contents) | State::Moving(mut contents) = state {
            contents.destroy(self.resources.medium());
        }
    }
}

impl<C: Contents> Drop for Keeper<C> {
    fn drop(&mut self) {
        // For an object that could not be made; others have come to their end before.
        self.end();
    }
}

/// A file's reference on its data.
pub struct File {
    resources: &'static Resources,
    data: AtomicRef<dyn FileData>,
    /// Held to put another reference there.
    swing: Mutex<()>,
}

/// Makes an object of contents. If that fails, what the contents hold is given back.
fn make<C: Contents + 'static>(
    resources: &'static Resources,
    contents: C,
) -> Result<Ref<dyn FileData>>
where
    dyn FileData: Implemented<Keeper<C>>,
{
    let system = k42_object::system().ok_or(Error::ENOSPC)?;
    let keeper = Keeper {
        resources,
        state: RwLock::new(State::Live(contents)),
    };
    system.create(keeper).map_err(|_| Error::ENOSPC)
}

/// Frees what has been destroyed and no thread can be using any more. May be called under locks: what was destroyed is
/// data that have been given back, and directories without names, whose ends take no lock.
pub fn collect_all() {
    if let Some(system) = k42_object::system() {
        system.collect();
    }
}

/// Frees what has been destroyed, when that has become much. Called after each request, under no lock.
pub fn collect() {
    if let Some(system) = k42_object::system() {
        system.poll();
    }
}

impl File {
    /// An empty file.
    pub fn new(resources: &'static Resources) -> Result<Self> {
        Ok(Self {
            resources,
            data: AtomicRef::new(make(resources, Small::new())?),
            swing: Mutex::new(()),
        })
    }

    /// Runs `operation` on the data, after a change of implementation if the present one is not made for it.
    #[inline]
    pub fn with<T>(&self, operation: impl FnMut(&Rep<'_, dyn FileData>) -> Answer<T>) -> Result<T> {
        self.with_under(&enter(), operation)
    }

    /// As `with`, for who has a guard.
    pub fn with_under<T>(
        &self,
        guard: &Guard,
        mut operation: impl FnMut(&Rep<'_, dyn FileData>) -> Answer<T>,
    ) -> Result<T> {
        let mut tried = None;
        loop {
            let data = self.data.load();
            let refusal = match data.get(guard) {
                Ok(rep) => match operation(&rep) {
                    Ok(value) => return Ok(value),
                    Err(refusal) => refusal,
                },
                Err(k42_object::Error::Deleted) => Refusal::Moved,
                Err(_) => return Err(Error::ENOMEM),
            };
            match refusal {
                Refusal::Error(error) => return Err(error),
                Refusal::Outgrown if tried == Some(data) => return Err(Error::EIO),
                Refusal::Outgrown => tried = Some(self.change_over(data)?),
                // Another reference is about to be there.
                Refusal::Moved => drop(self.swing.lock()),
            }
        }
    }

    /// Replaces `old` by a mapped object with the same bytes; the reference that is there then.
    fn change_over(&self, old: Ref<dyn FileData>) -> Result<Ref<dyn FileData>> {
        let _alone = self.swing.lock();
        let now = self.data.load();
        if now != old {
            // Another thread came first.
            return Ok(now);
        }
        let guard = enter();
        let rep = old.get(&guard).map_err(|_| Error::EIO)?;
        let bytes = rep.hand_over().map_err(|refusal| match refusal {
            Refusal::Error(error) => error,
            _ => Error::EIO,
        })?;
        let new = Mapped::new(self.resources.medium(), &bytes, b"")
            .and_then(|contents| make(self.resources, contents));
        match new {
            Ok(new) => {
                self.data.store(new);
                rep.end();
                // Only the first to destroy it succeeds, and that is us.
                let _ = old.destroy(&guard);
                Ok(new)
            }
            Err(error) => {
                rep.take_back();
                Err(error)
            }
        }
    }

    /// Makes the file empty, as a small one. False, and nothing has happened, if clients map its data.
    pub fn clear(&self) -> Result<bool> {
        let guard = enter();
        let _alone = self.swing.lock();
        let old = self.data.load();
        let rep = old.get(&guard).map_err(|_| Error::EIO)?;
        if rep.is_shared() {
            return Ok(false);
        }
        self.data.store(make(self.resources, Small::new())?);
        // Who is on his way to the old object finds it gone and comes back for the new one.
        rep.end();
        let _ = old.destroy(&guard);
        Ok(true)
    }

    /// Length.
    pub fn size(&self) -> u64 {
        self.with(|data| data.size()).unwrap_or(0)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let guard = enter();
        let data = self.data.load();
        if let Ok(rep) = data.get(&guard) {
            rep.end();
        }
        let _ = data.destroy(&guard);
    }
}
