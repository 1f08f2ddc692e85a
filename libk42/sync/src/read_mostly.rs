//! A lock for what many CPUs read and few write: readers move no cache line.
//!
//! The count of readers in an ordinary lock is a word that every reader writes, so it moves from CPU to CPU though nobody
//! changes anything. Here a reader writes the lock's address into a slot of its own CPU instead, as long as the lock is
//! *quiet*. Who wants to write says that it no longer is, and waits until no slot names the lock. From then on readers
//! take the ordinary lock inside; after [`READS`] of them without a writer in between it is quiet again. (The idea is
//! Dice's and Kogan's BRAVO lock.)
//!
//! Why a reader and a writer never meet: the reader writes its slot, passes a full fence, and looks whether the lock is
//! quiet; the writer takes the lock inside, says that it is not quiet, passes a full fence, and looks at the slots. One
//! of the two sees what the other wrote. A lock becomes quiet only under the lock inside, taken for reading, so no
//! writer is there at that time; and what the last writer did is seen by who sees the lock quiet, since that was said
//! after the lock inside had been taken after it.
//!
//! A thread must not take a lock of this kind for reading twice at one time: a writer who came between would wait for the
//! first while the second waits for it.

use crate::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

/// Reads by the lock inside after which it becomes quiet; for loom as few as can be.
const READS: u32 = if cfg!(loom) { 1 } else { 64 };

/// The lock is quiet.
const QUIET: u32 = u32::MAX;
/// A writer waits for readers in slots.
const ENDING: u32 = u32::MAX - 1;

/// How things stand: [`QUIET`], [`ENDING`], or the number of reads since the last writer.
/// Public for loom's sake only.
pub struct State(AtomicU32);

impl State {
    /// A quiet lock.
    #[cfg(loom)]
    pub fn quiet() -> Self {
        Self(AtomicU32::new(QUIET))
    }

    /// Tries to read by a slot.
    #[inline]
    pub fn enter(&self, slot: &AtomicUsize, lock: usize) -> bool {
        if self.0.load(Ordering::Relaxed) != QUIET
            || slot
                .compare_exchange(0, lock, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return false;
        }
        fence(Ordering::SeqCst);
        if self.0.load(Ordering::Acquire) == QUIET {
            return true;
        }
        slot.store(0, Ordering::Release);
        false
    }

    /// Ends what `enter` began.
    #[inline]
    pub fn leave(slot: &AtomicUsize) {
        slot.store(0, Ordering::Release);
    }

    /// Counts a reader that has the lock inside.
    pub fn count(&self) {
        let now = self.0.load(Ordering::Relaxed);
        if now < ENDING {
            let next = if now + 1 < READS { now + 1 } else { QUIET };
            // Another reader that counts at the same time does as well.
            let _ = self
                .0
                .compare_exchange(now, next, Ordering::Release, Ordering::Relaxed);
        }
    }

    /// Whether the caller, who has the lock inside for writing, is alone. If not it must give the lock back and try
    /// again; meanwhile no reader comes by a slot.
    pub fn end<'a>(&self, mut slots: impl Iterator<Item = &'a AtomicUsize>, lock: usize) -> bool {
        if self.0.load(Ordering::Relaxed) >= ENDING {
            self.0.store(ENDING, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if slots.any(|slot| slot.load(Ordering::Acquire) == lock) {
                return false;
            }
        }
        self.0.store(0, Ordering::Relaxed);
        true
    }
}

#[cfg(not(loom))]
mod lock {
    use super::State;
    use crate::SpinRwLock;
    use crate::atomic::{AtomicU32, AtomicUsize};
    use core::ops::{Deref, DerefMut};

    /// CPUs that have slots; the others share them.
    const CPUS: usize = 64;
    /// Slots of a CPU: one line.
    const SLOTS: usize = 16;

    /// The slots of a CPU, on a line of their own.
    #[repr(align(128))]
    struct Line([AtomicUsize; SLOTS]);

    static LINES: [Line; CPUS] = [const { Line([const { AtomicUsize::new(0) }; SLOTS]) }; CPUS];

    /// See the module's description.
    pub struct ReadMostly<T> {
        state: State,
        inside: SpinRwLock<T>,
    }

    /// The right to read.
    #[must_use = "the lock is held only while the guard lives"]
    pub struct ReadMostlyGuard<'a, T> {
        value: &'a T,
        held: Held<'a, T>,
    }

    enum Held<'a, T> {
        Slot(&'static AtomicUsize),
        Inside {
            _guard: spin::rwlock::RwLockReadGuard<'a, T, crate::Relax>,
        },
    }

    /// The right to write.
    #[must_use = "the lock is held only while the guard lives"]
    pub struct ReadMostlyWriteGuard<'a, T>(spin::rwlock::RwLockWriteGuard<'a, T, crate::Relax>);

    impl<T> ReadMostly<T> {
        /// A free lock around `value`.
        pub const fn new(value: T) -> Self {
            Self {
                state: State(AtomicU32::new(0)),
                inside: SpinRwLock::new(value),
            }
        }
    }

    impl<T> ReadMostly<T> {
        /// Tries to take the lock together with other readers. `cpu` is where the caller runs; any number is correct.
        #[inline]
        pub fn try_read(&self, cpu: usize) -> Option<ReadMostlyGuard<'_, T>> {
            let lock = self.address();
            let slot = &LINES[cpu % CPUS].0[slot_of(lock)];
            if self.state.enter(slot, lock) {
                // SAFETY: writers wait until the slot, which the guard clears, names the lock no more.
                let value = unsafe { &*self.inside.as_mut_ptr() };
                let held = Held::Slot(slot);
                return Some(ReadMostlyGuard { value, held });
            }
            self.try_read_inside()
        }

        fn try_read_inside(&self) -> Option<ReadMostlyGuard<'_, T>> {
            let guard = self.inside.try_read()?;
            self.state.count();
            // SAFETY: the lock inside is held for reading, and the guard keeps it.
            let value = unsafe { &*self.inside.as_mut_ptr() };
            let held = Held::Inside { _guard: guard };
            Some(ReadMostlyGuard { value, held })
        }

        /// Tries to take the lock alone.
        #[inline]
        pub fn try_write(&self) -> Option<ReadMostlyWriteGuard<'_, T>> {
            let guard = self.inside.try_write()?;
            let lock = self.address();
            let slots = LINES.iter().map(|line| &line.0[slot_of(lock)]);
            self.state
                .end(slots, lock)
                .then_some(ReadMostlyWriteGuard(guard))
        }

        /// The value, without locking: a unique borrow proves that nobody else is there.
        pub fn get_mut(&mut self) -> &mut T {
            self.inside.get_mut()
        }

        /// What slots name it by.
        fn address(&self) -> usize {
            (&raw const self.state).addr()
        }
    }

    /// Which of a CPU's slots a lock uses.
    fn slot_of(lock: usize) -> usize {
        (lock >> 5 ^ lock >> 9 ^ lock >> 13) % SLOTS
    }

    impl<T> Deref for ReadMostlyGuard<'_, T> {
        type Target = T;

        #[inline]
        fn deref(&self) -> &T {
            self.value
        }
    }

    impl<T> Drop for ReadMostlyGuard<'_, T> {
        #[inline]
        fn drop(&mut self) {
            if let Held::Slot(slot) = self.held {
                State::leave(slot);
            }
        }
    }

    impl<T> Deref for ReadMostlyWriteGuard<'_, T> {
        type Target = T;

        #[inline]
        fn deref(&self) -> &T {
            &self.0
        }
    }

    impl<T> DerefMut for ReadMostlyWriteGuard<'_, T> {
        #[inline]
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }

    impl<T: core::fmt::Debug> core::fmt::Debug for ReadMostly<T> {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            self.inside.fmt(f)
        }
    }
}
#[cfg(not(loom))]
pub use lock::{ReadMostly, ReadMostlyGuard, ReadMostlyWriteGuard};
