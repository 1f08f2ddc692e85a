//! Threads of several processes that wait on words of memory that they share (futex(2)).
//!
//! A word is known by its FCM and its offset in that, so it does not matter at which address a process has it. This server
//! keeps who waits; the libraries look at the word. A library enters itself first and looks then, and one that changes the word
//! says so after that: so nobody sleeps over a change. Whoever is woken has been taken out and gets a FUTEX event with the
//! number that it gave; if that is lost for want of room, the kernel has told it to ask everywhere.

use crate::fcm::Fcm;
use crate::lock::Lock;
use crate::space::Space;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use k42_abi::{Error, Result};

/// Lists, found by a hash of the word.
const BUCKETS: usize = 64;
/// Most threads of one process that can wait.
pub const MOST: u32 = 1 << 15;

/// A word that processes share.
#[derive(Clone)]
pub struct Word {
    /// Whose pages.
    pub fcm: Arc<dyn Fcm>,
    /// Place in it.
    pub offset: u64,
}

impl Word {
    fn object(&self) -> usize {
        Arc::as_ptr(&self.fcm).cast::<()>().addr()
    }
    fn is(&self, other: &Self) -> bool {
        self.offset == other.offset && self.object() == other.object()
    }
}

/// A thread that waits. It holds the FCM, so that no other takes its place meanwhile.
struct Waiter {
    word: Word,
    space: Arc<Space>,
    vp: u32,
    token: u64,
    bits: u32,
}

type Bucket = Lock<Vec<Waiter>>;

/// All that wait.
pub struct Futexes {
    buckets: [Bucket; BUCKETS],
}

impl Default for Futexes {
    fn default() -> Self {
        Self {
            buckets: [const { Lock::new(Vec::new()) }; BUCKETS],
        }
    }
}

/// How many threads of a space wait.
#[derive(Default)]
pub struct Waiting(AtomicU32);

impl Futexes {
    fn bucket(&self, word: &Word) -> &Bucket {
        let mixed = (word.object() as u64 ^ word.offset >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.buckets[(mixed >> 58) as usize % BUCKETS]
    }

    /// Enters a thread of dispatcher `vp` of `space`. EAGAIN if too many of its threads wait; ESRCH if it has ended.
    pub fn enter(
        &self,
        space: &Arc<Space>,
        vp: u32,
        word: Word,
        bits: u32,
        token: u64,
    ) -> Result<()> {
        let waiter = Waiter {
            word,
            space: space.clone(),
            vp,
            token,
            bits,
        };
        if space.waiting.0.fetch_add(1, Ordering::Relaxed) >= MOST {
            space.waiting.0.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::EAGAIN);
        }
        {
            let mut bucket = self.bucket(&waiter.word).lock();
            if bucket.try_reserve(1).is_err() {
                space.waiting.0.fetch_sub(1, Ordering::Relaxed);
                return Err(Error::ENOMEM);
            }
            bucket.push(waiter);
        }
        // Either `purge` finds the entry, or this sees that the space has ended.
        if space.has_ended() {
            self.leave(space, token);
            return Err(Error::ESRCH);
        }
        Ok(())
    }

    /// Takes out the first of `bucket` that `matches`.
    fn take(bucket: &Bucket, matches: impl Fn(&Waiter) -> bool) -> Option<Waiter> {
        let mut bucket = bucket.lock();
        let at = bucket.iter().position(matches)?;
        let waiter = bucket.remove(at);
        waiter.space.waiting.0.fetch_sub(1, Ordering::Relaxed);
        Some(waiter)
    }

    /// Takes a thread out again; false: somebody has woken it.
    pub fn leave(&self, space: &Space, token: u64) -> bool {
        let own = |waiter: &Waiter| waiter.space.id == space.id && waiter.token == token;
        // The word may be another than at first, by a requeue. What is taken out is dropped under no lock.
        self.buckets
            .iter()
            .any(|bucket| Self::take(bucket, own).is_some())
    }

    /// The space has ended: none of its threads waits any more.
    pub fn purge(&self, space: &Space) {
        if space.waiting.0.load(Ordering::Relaxed) == 0 {
            return;
        }
        for bucket in &self.buckets {
            while Self::take(bucket, |waiter| waiter.space.id == space.id).is_some() {}
        }
    }

    /// Wakes up to `count` that wait for `word` with one of `bits`, first come first served; how many.
    pub fn wake(&self, word: &Word, count: u32, bits: u32) -> u32 {
        let mut woken = 0;
        while woken < count {
            let ready = |waiter: &Waiter| waiter.bits & bits != 0 && waiter.word.is(word);
            let Some(waiter) = Self::take(self.bucket(word), ready) else {
                break;
            };
            woken += u32::from(waiter.space.tell_woken(waiter.vp, waiter.token));
        }
        woken
    }

    /// Wakes up to `count` that wait for `from`, and makes up to `most` others wait for `to`; how many of each.
    pub fn requeue(&self, from: &Word, to: &Word, count: u32, most: u32) -> (u32, u32) {
        let woken = self.wake(from, count, u32::MAX);
        let mut moved = 0;
        while moved < most && !from.is(to) {
            let Some(waiter) = Self::take(self.bucket(from), |waiter| waiter.word.is(from)) else {
                break;
            };
            let (space, vp, token) = (waiter.space.clone(), waiter.vp, waiter.token);
            if self
                .enter(&space, vp, to.clone(), waiter.bits, token)
                .is_err()
            {
                // Woken without cause rather than lost.
                space.tell_woken(vp, token);
                break;
            }
            moved += 1;
        }
        (woken, moved)
    }
}
