//! Clustered objects: the shape of everything in K42.
//!
//! A region, an open file, a process, a page cache is an *object* behind an *interface*. Its user holds a [`Ref`],
//! which names the object and not its memory. The object may be one piece of data for the whole machine, or one
//! *representative* per CPU that co-operate; its users cannot tell, and need no change when one takes the place of the
//! other. It may be destroyed while others are calling it; they get [`Error::Deleted`], never freed memory.
//!
//! ```
//! use k42_object::{Config, Error, Ref, System, object_interface};
//! use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
//!
//! object_interface! {
//!     /// Counts events.
//!     pub trait Counter {
//!         /// Adds `n`.
//!         fn add(&self, n: u64);
//!         /// What has been added so far.
//!         fn value(&self) -> Result<u64, Error>;
//!     }
//! }
//!
//! /// One representative for all CPUs: simple, and right for most objects.
//! struct Central(AtomicU64);
//!
//! impl Counter for Central {
//!     fn add(&self, n: u64) {
//!         self.0.fetch_add(n, Relaxed);
//!     }
//!     fn value(&self) -> Result<u64, Error> {
//!         Ok(self.0.load(Relaxed))
//!     }
//! }
//!
//! /// One representative per CPU: adding moves no cache line; reading asks the peers.
//! struct Spread { here: AtomicU64, peers: k42_object::Peers<Spread> }
//!
//! impl Counter for Spread {
//!     fn add(&self, n: u64) {
//!         self.here.fetch_add(n, Relaxed); // atomic: another CPU may come here too, see principle 3
//!     }
//!     fn value(&self) -> Result<u64, Error> {
//!         let mut sum = 0;
//!         self.peers.for_each(|rep| sum += rep.here.load(Relaxed))?;
//!         Ok(sum)
//!     }
//! }
//!
//! let system = System::start(Config::new(4, || 0))?;
//! let central: Ref<dyn Counter> = system.create(Central(AtomicU64::new(0)))?;
//! let spread: Ref<dyn Counter> = system.create_per_cpu(|seat| {
//!     Ok(Spread { here: AtomicU64::new(0), peers: seat.peers })
//! })?;
//!
//! for counter in [central, spread] {
//!     let guard = system.enter(); // this thread is active: what it borrows stays
//!     let c = counter.get(&guard)?; // this CPU's representative
//!     c.add(40);
//!     c.add(2);
//!     assert_eq!(c.value()?, 42);
//!
//!     counter.destroy(&guard)?;
//!     assert_eq!(counter.get(&guard).err(), Some(Error::Deleted));
//!     c.add(1); // a call that had begun: the memory is still there
//! }
//! system.collect(); // nobody is active any more: now it is freed
//! # Ok::<(), Error>(())
//! ```
//!
//! # Principles
//!
//! 1. **A reference is a name.** [`Ref`] is one word: home CPU, index, sequence number. It is `Copy`, may be kept for
//!    ever, and answers `Deleted` when its object is gone. An index is used again only with a new sequence number, so a
//!    stale reference never reaches another object.
//! 2. **A call goes through this CPU's slot.** Each CPU has a translation table of one word per object, which holds the
//!    representative to use. An empty slot is a *miss*: the object's root makes or picks a representative and fills the
//!    slot. The next call takes a few instructions and touches only lines of this CPU.
//! 3. **"This CPU" is a hint.** A thread can be moved to another CPU at any instruction. A representative is used
//!    mostly from one CPU, but is correct when called from any: its data are atomics or locked.
//! 4. **Existence is not a lock.** A representative is borrowed under a [`Guard`], for the length of a call. Memory is
//!    freed when every thread has left that was active when the object was unlinked (generations, below). So no lock
//!    is held across a call to another object, and destroying never waits.
//! 5. **No guard across a wait without bound.** A thread that sleeps under a guard keeps everything alive that is
//!    destroyed meanwhile. What can wait long drops its guard, and asks its `Ref` again afterwards.
//! 6. **No global anything.** References are given out from a partition of the creating CPU; tables, counts and
//!    lists of what is to be destroyed are per CPU, on lines of their own. An object that was used on one CPU only is
//!    destroyed on that CPU only. One word is shared, the token, and it is looked at only when an object that several
//!    CPUs used is destroyed.
//! 7. **Errors, not panics.** A full table and an empty heap are errors of the call that met them; nothing is half
//!    done afterwards.
//!
//! # Generations
//!
//! Each CPU counts its active threads in two counters, and [`System::enter`] adds to the one of the current generation.
//! A CPU's generation rolls from `g` to `g + 1` when nobody of generation `g - 1` is left. So when it has rolled twice,
//! everybody who was active at the beginning has left: one *grace period* of that CPU. A grace period of the machine is
//! a token that goes from CPU to CPU and stays on each for a grace period of its own. Counters and generation are plain
//! shared words, so whoever collects rolls for a CPU that idles: an idle CPU holds nothing up (only an active thread
//! does). Destruction waits twice: after the first grace period nobody can still be filling a slot from a miss that
//! began earlier, so the slots are cleared; after the second nobody can still hold what a slot named, so
//! representatives and root are dropped and the reference's index becomes free.
//!
//! Destruction proceeds only in [`System::poll`] (cheap; call it once per request served) and [`System::collect`]
//! (thorough; call it when idle). Neither waits. Destructors of representatives run there, with no lock held.
//!
//! # Hot-swap (to come), and why nothing here stands in its way
//!
//! A call reaches a representative by a table of functions with a fixed layout ([`object_interface!`]), never by a
//! concrete type; tables begin with the interface's hash, so code that was compiled apart can be checked before it is
//! installed. The object's entry holds its root as one atomic word, read only in a miss. To exchange an implementation
//! is therefore: put a mediating root into that word, clear the slots (each next call misses and gets the mediator,
//! which forwards by the same table), wait one grace period (now every call is seen by the mediator), hold new calls
//! back until those in flight have ended, hand the state over, put the new root in, clear the slots again, and destroy
//! the old root by the means above. Users keep their `Ref` throughout.
#![cfg_attr(not(any(test, loom)), no_std)]
#![deny(clippy::undocumented_unsafe_blocks)]

extern crate alloc;

mod atomic;
mod collect;
mod error;
mod generation;
mod guard;
mod home;
mod id;
mod interface;
mod lasting;
mod memory;
mod reference;
mod rep;
mod root;
mod slots;
mod spread;
mod system;

pub use error::Error;
pub use guard::Guard;
pub use interface::{Implemented, Interface, TableHead, interface_hash};
pub use lasting::Lasting;
pub use reference::{AtomicRef, Ref, Rep};
pub use rep::RepHead;
pub use spread::{Peers, Seat};
pub use system::{Config, Happening, Stats, System, Watcher, enter, system};

/// For code that [`object_interface!`] generates.
#[doc(hidden)]
pub mod macro_support {
    pub use crate::rep::value_of;
    pub use core::ptr::NonNull;
}
