//! A bounded queue from upcalls to a thread.
//!
//! Upcalls of several dispatchers put, one thread takes. Nobody waits: when the queue is full the event is
//! dropped, and the taker gets one `Overflow` in its place, which tells it to ask everybody. Each place carries a
//! turn: `2 * lap` when it is free for that lap, `2 * lap + 1` when it is filled.

use crate::AsyncEvent;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

struct Place {
    turn: AtomicUsize,
    event: UnsafeCell<MaybeUninit<AsyncEvent>>,
}

/// Room for `N` events.
pub struct EventQueue<const N: usize> {
    places: [Place; N],
    put: AtomicUsize,
    taken: AtomicUsize,
    overflow: AtomicBool,
}

// SAFETY: a place is written by the one that won its number from `put`, before its turn says filled, and read by the one
// taker, after that.
unsafe impl<const N: usize> Sync for EventQueue<N> {}

impl<const N: usize> EventQueue<N> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self {
            places: [const {
                Place {
                    turn: AtomicUsize::new(0),
                    event: UnsafeCell::new(MaybeUninit::uninit()),
                }
            }; N],
            put: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            overflow: AtomicBool::new(false),
        }
    }

    /// Puts an event; never waits.
    pub fn put(&self, event: AsyncEvent) {
        let mut at = self.put.load(Ordering::Relaxed);
        loop {
            let place = &self.places[at % N];
            let free = at / N * 2;
            let turn = place.turn.load(Ordering::Acquire);
            if turn == free {
                match self.put.compare_exchange_weak(
                    at,
                    at + 1,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        // SAFETY: this number is ours, and the place is free in its lap.
                        unsafe { (*place.event.get()).write(event) };
                        place.turn.store(free + 1, Ordering::Release);
                        return;
                    }
                    Err(now) => at = now,
                }
            } else if turn < free {
                self.overflow.store(true, Ordering::Release);
                return;
            } else {
                at = self.put.load(Ordering::Relaxed);
            }
        }
    }

    /// Takes the oldest event. One thread only.
    pub fn take(&self) -> Option<AsyncEvent> {
        if self.overflow.load(Ordering::Relaxed) && self.overflow.swap(false, Ordering::Acquire) {
            return Some(AsyncEvent::Overflow);
        }
        let at = self.taken.load(Ordering::Relaxed);
        let place = &self.places[at % N];
        let filled = at / N * 2 + 1;
        if place.turn.load(Ordering::Acquire) != filled {
            return None;
        }
        // SAFETY: filled in this lap, and we are the only taker.
        let event = unsafe { (*place.event.get()).assume_init_read() };
        self.taken.store(at + 1, Ordering::Relaxed);
        place.turn.store(filled + 1, Ordering::Release);
        Some(event)
    }
}

impl<const N: usize> Default for EventQueue<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{AsyncEvent, EventQueue};
    use k42_abi::message::AsyncMessage;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn message(n: u64) -> AsyncEvent {
        AsyncEvent::Message(AsyncMessage {
            sender: n,
            ..AsyncMessage::default()
        })
    }

    #[test]
    fn in_order_and_overflow_once() {
        let queue = EventQueue::<4>::new();
        for lap in 0..5 {
            for n in 0..6 {
                queue.put(message(lap * 10 + n));
            }
            assert!(matches!(queue.take(), Some(AsyncEvent::Overflow)));
            for n in 0..4 {
                assert!(
                    matches!(queue.take(), Some(AsyncEvent::Message(m)) if m.sender == lap * 10 + n)
                );
            }
            assert!(queue.take().is_none());
        }
    }

    #[test]
    fn many_put_one_takes() {
        let queue = EventQueue::<8>::new();
        let done = AtomicBool::new(false);
        std::thread::scope(|s| {
            let putters: Vec<_> = (0..3u64)
                .map(|p| {
                    let queue = &queue;
                    s.spawn(move || (0..2000).for_each(|n| queue.put(message(p << 32 | n))))
                })
                .collect();
            let (queue, done) = (&queue, &done);
            let taker = s.spawn(move || {
                let (mut last, mut lost) = ([None::<u64>; 3], false);
                loop {
                    let ended = done.load(Ordering::Acquire);
                    match queue.take() {
                        Some(AsyncEvent::Message(m)) => {
                            let (p, n) = ((m.sender >> 32) as usize, m.sender & 0xffff_ffff);
                            assert!(
                                last[p].is_none_or(|l| l < n),
                                "each putter's events keep their order"
                            );
                            last[p] = Some(n);
                        }
                        Some(_) => lost = true,
                        None if ended => break,
                        None => std::thread::yield_now(),
                    }
                }
                assert!(
                    lost || last.iter().all(|l| *l == Some(1999)),
                    "nothing is lost without a word"
                );
            });
            putters.into_iter().for_each(|p| p.join().expect("putter"));
            done.store(true, Ordering::Release);
            taker.join().expect("taker");
        });
    }
}
