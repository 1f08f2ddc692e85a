//! The queue lock with data behind it: [`FairMutex`] and [`BlockingMutex`].

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use crate::park::{Blocking, Spinning, Wait};
use crate::queue::RawQueueLock;

/// A mutual-exclusion lock that serves in order of arrival; `W` says how its waiters wait.
pub struct QueueMutex<T: ?Sized, W> {
    wait: PhantomData<fn() -> W>,
    lock: RawQueueLock,
    data: UnsafeCell<T>,
}

/// A fair lock that spins: for the kernel, and for short sections under contention of many CPUs.
pub type FairMutex<T> = QueueMutex<T, Spinning>;

/// A fair lock that spins shortly and then blocks its thread by the [`Parker`](crate::Parker) `P`.
pub type BlockingMutex<T, P> = QueueMutex<T, Blocking<P>>;

/// The right to use what a [`QueueMutex`] guards; gives the lock back when dropped.
#[must_use = "the lock is given back as soon as the guard is dropped"]
pub struct QueueMutexGuard<'a, T: ?Sized, W: Wait> {
    mutex: &'a QueueMutex<T, W>,
    // Releasing from another thread would be sound for a spinning lock, but says nothing good about the code.
    not_send: PhantomData<*const ()>,
}

// SAFETY: the lock lets one thread at a time reach the data, so sharing the lock is like sending the data around.
unsafe impl<T: ?Sized + Send, W> Sync for QueueMutex<T, W> {}
// SAFETY: the lock owns its data; a lock that is moved is not borrowed, hence has neither holder nor waiters.
unsafe impl<T: ?Sized + Send, W> Send for QueueMutex<T, W> {}
// SAFETY: a shared guard gives shared access to `T` only.
unsafe impl<T: ?Sized + Sync, W: Wait> Sync for QueueMutexGuard<'_, T, W> {}

impl<T, W: Wait> QueueMutex<T, W> {
    /// A free lock around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        QueueMutex {
            wait: PhantomData,
            lock: RawQueueLock::new(),
            data: UnsafeCell::new(value),
        }
    }

    /// A free lock around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        QueueMutex {
            wait: PhantomData,
            lock: RawQueueLock::new(),
            data: UnsafeCell::new(value),
        }
    }

    /// The value, when the lock is no longer needed.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized, W: Wait> QueueMutex<T, W> {
    /// Takes the lock, waiting for those who came before.
    #[inline]
    pub fn lock(&self) -> QueueMutexGuard<'_, T, W> {
        self.lock.lock::<W>();
        QueueMutexGuard {
            mutex: self,
            not_send: PhantomData,
        }
    }

    /// Takes the lock if it is free, and never waits.
    #[inline]
    pub fn try_lock(&self) -> Option<QueueMutexGuard<'_, T, W>> {
        self.lock.try_lock().then(|| QueueMutexGuard {
            mutex: self,
            not_send: PhantomData,
        })
    }

    /// Whether somebody holds the lock just now; good for statistics only.
    pub fn is_locked(&self) -> bool {
        self.lock.is_locked()
    }

    /// The value, without locking: a unique borrow proves that nobody else is there.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T: ?Sized, W: Wait> Deref for QueueMutexGuard<'_, T, W> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard exists only while the lock is held, so nobody else has a unique borrow.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized, W: Wait> DerefMut for QueueMutexGuard<'_, T, W> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard exists only while the lock is held, and is itself borrowed uniquely.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: ?Sized, W: Wait> Drop for QueueMutexGuard<'_, T, W> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: a guard is made only with the lock taken, and this is its end.
        unsafe { self.mutex.lock.unlock::<W>() };
    }
}

impl<T: Default, W: Wait> Default for QueueMutex<T, W> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug, W: Wait> fmt::Debug for QueueMutex<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_tuple("QueueMutex").field(&&*guard).finish(),
            None => f.write_str("QueueMutex(<locked>)"),
        }
    }
}

impl<T: ?Sized + fmt::Debug, W: Wait> fmt::Debug for QueueMutexGuard<'_, T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
