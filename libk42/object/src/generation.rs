//! Who is active: the counts per CPU, and the token that makes a grace period of the machine out of those of the CPUs.
//!
//! # Why a guard cannot be missed
//!
//! `enter` counts itself under generation `g`, then passes a full fence, then looks whether the generation is still
//! `g`. `try_roll_to`, having seen `g + 1`, passes a full fence and then looks at the count of `g`. Of two such pairs
//! one comes second and sees what the other has written: either the roller sees the count and does not roll to
//! `g + 2`, or the thread sees that the generation has gone on and starts over. So while a thread is active that
//! entered in `g`, the generation is at most `g + 1`.
//!
//! # Why two rolls are a grace period
//!
//! Say that somebody unlinks a thing, passes a full fence, and then sees generation `g`. A thread that was active
//! entered in `g` or before, so before `g + 2` is reached it has left. A thread that enters in a later generation has
//! the fence of `enter` after its sight of that generation, so it sees the thing unlinked.

use k42_sync::FairMutex;

use crate::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

/// One CPU's active threads: a generation number that only grows, and a count for the current and the one before.
pub(crate) struct Generations {
    current: AtomicU64,
    active: [AtomicUsize; 2],
}

/// The generation after which all that was active at `now` is gone.
fn after(now: u64) -> u64 {
    now + 2
}

impl Generations {
    pub(crate) fn new() -> Self {
        Generations {
            current: AtomicU64::new(1),
            active: [AtomicUsize::new(0), AtomicUsize::new(0)],
        }
    }

    /// Counts the caller as active; returns what [`leave`](Self::leave) must be given.
    #[inline]
    pub(crate) fn enter(&self) -> usize {
        loop {
            let generation = self.current.load(Ordering::Relaxed);
            let parity = (generation & 1) as usize;
            self.active[parity].fetch_add(1, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if self.current.load(Ordering::Relaxed) == generation {
                return parity;
            }
            self.active[parity].fetch_sub(1, Ordering::Release);
        }
    }

    /// Ends what `enter` began, from whatever CPU.
    #[inline]
    pub(crate) fn leave(&self, parity: usize) {
        self.active[parity].fetch_sub(1, Ordering::Release);
    }

    pub(crate) fn active(&self) -> usize {
        self.active
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    /// The generation to wait for if what was unlinked before this call is to be freed.
    pub(crate) fn grace(&self) -> u64 {
        fence(Ordering::SeqCst);
        after(self.current.load(Ordering::Relaxed))
    }

    /// Rolls the generation as far as `target`, if nobody is in the way; returns whether it is there.
    pub(crate) fn try_roll_to(&self, target: u64) -> bool {
        loop {
            let now = self.current.load(Ordering::Acquire);
            if now >= target {
                return true;
            }
            fence(Ordering::SeqCst);
            // Acquire: what a thread did while active comes before what is done because it has left.
            if self.active[(now as usize + 1) & 1].load(Ordering::Acquire) != 0 {
                return false;
            }
            // If it fails, someone else has rolled, which is as good.
            let _ =
                self.current
                    .compare_exchange(now, now + 1, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// Visits the CPUs in turn and stays at each for one of its grace periods.
pub(crate) struct Token {
    rounds: AtomicU64,
    place: FairMutex<Place>,
}

struct Place {
    cpu: usize,
    /// The generation of that CPU at which the token goes on; `None` before the token looked.
    until: Option<u64>,
}

impl Token {
    pub(crate) fn new() -> Self {
        Token {
            rounds: AtomicU64::new(0),
            place: FairMutex::new(Place {
                cpu: 0,
                until: None,
            }),
        }
    }

    /// The round to wait for if what was unlinked before this call is to be freed: the one that is under way may have
    /// visited some CPUs too early, so it is the end of the next.
    pub(crate) fn grace(&self) -> u64 {
        fence(Ordering::SeqCst);
        after(self.rounds.load(Ordering::Relaxed))
    }

    /// Moves the token on as far as it goes towards the end of round `target`; returns whether it is there. If another
    /// CPU has the token in hand this one does not wait.
    pub(crate) fn try_advance_to<'a>(
        &self,
        target: u64,
        cpus: usize,
        generations: impl Fn(usize) -> &'a Generations,
    ) -> bool {
        if self.rounds.load(Ordering::Acquire) >= target {
            return true;
        }
        let Some(mut place) = self.place.try_lock() else {
            return false;
        };
        loop {
            let rounds = self.rounds.load(Ordering::Acquire);
            if rounds >= target {
                return true;
            }
            let here = generations(place.cpu);
            // `grace` has the fence that sets what is seen here apart from what was unlinked before this round.
            let until = *place.until.get_or_insert_with(|| here.grace());
            if !here.try_roll_to(until) {
                return false;
            }
            place.until = None;
            place.cpu += 1;
            if place.cpu == cpus {
                place.cpu = 0;
                self.rounds.store(rounds + 1, Ordering::Release);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_guard_holds_the_second_roll_back() {
        let g = Generations::new();
        let target = g.grace();
        let parity = g.enter();
        assert!(!g.try_roll_to(target));
        let later = g.enter();
        g.leave(parity);
        assert!(g.try_roll_to(target), "who came later does not matter");
        assert!(!g.try_roll_to(g.grace()));
        g.leave(later);
        assert!(g.try_roll_to(g.grace()));
        assert_eq!(g.active(), 0);
    }

    #[test]
    fn the_token_passes_idle_cpus_and_waits_for_active_ones() {
        let cpus = [0; 3].map(|_: u8| Generations::new());
        let token = Token::new();
        let busy = cpus[1].enter();
        let target = token.grace();
        assert!(!token.try_advance_to(target, 3, |cpu| &cpus[cpu]));
        cpus[1].leave(busy);
        assert!(token.try_advance_to(target, 3, |cpu| &cpus[cpu]));
        assert!(token.try_advance_to(token.grace(), 3, |cpu| &cpus[cpu]));
    }
}

/// `RUSTFLAGS="--cfg loom" cargo test --release -p k42-object --lib --target-dir target/loom`
#[cfg(all(test, loom))]
mod model {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    /// A thread enters, finds a thing and looks at it; another, who has not unlinked anything, rolls; the third unlinks
    /// the thing and overwrites it after a grace period. Loom fails the model if look and overwriting can meet.
    #[test]
    fn a_strangers_roll_misses_no_guard() {
        struct Shared {
            generations: Generations,
            linked: AtomicU64,
            thing: UnsafeCell<u32>,
        }
        // SAFETY: whether the cell is shared rightly is what loom checks.
        unsafe impl Sync for Shared {}
        // SAFETY: as above.
        unsafe impl Send for Shared {}

        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let shared = Arc::new(Shared {
                generations: Generations::new(),
                linked: AtomicU64::new(1),
                thing: UnsafeCell::new(1),
            });
            let s = shared.clone();
            let reader = thread::spawn(move || {
                let parity = s.generations.enter();
                if s.linked.load(Ordering::Acquire) == 1 {
                    // SAFETY: the pointer is good for the length of the closure.
                    s.thing.with(|thing| assert_eq!(unsafe { *thing }, 1));
                }
                s.generations.leave(parity);
            });
            let s = shared.clone();
            let stranger = thread::spawn(move || {
                s.generations.try_roll_to(3);
            });
            shared.linked.store(0, Ordering::Relaxed);
            let target = shared.generations.grace();
            if shared.generations.try_roll_to(target) {
                // SAFETY: as above.
                shared.thing.with_mut(|thing| unsafe { *thing = 0 });
            }
            reader.join().unwrap();
            stranger.join().unwrap();
        });
    }
}
