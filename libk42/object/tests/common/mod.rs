//! An interface and two implementations that notice when they are dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use k42_object::{Config, Error, Peers, Ref, Seat, System, object_interface};

object_interface! {
    /// Counts.
    pub trait Counter {
        /// Adds.
        fn add(&self, n: u64);
        /// The sum.
        fn value(&self) -> Result<u64, Error>;
    }
}

/// Counts how many values live.
#[derive(Clone, Default)]
pub struct Living(Arc<AtomicUsize>);

impl Living {
    pub fn count(&self) -> usize {
        self.0.load(Relaxed)
    }

    fn birth(&self) -> Living {
        self.0.fetch_add(1, Relaxed);
        self.clone()
    }
}

/// One of these is in each value.
pub struct Life(Living);

impl Life {
    pub fn new(living: &Living) -> Life {
        Life(living.birth())
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// One representative for all.
pub struct Central {
    pub sum: AtomicU64,
    pub _life: Life,
}

impl Counter for Central {
    fn add(&self, n: u64) {
        self.sum.fetch_add(n, Relaxed);
    }

    fn value(&self) -> Result<u64, Error> {
        Ok(self.sum.load(Relaxed))
    }
}

/// One representative per CPU.
pub struct Spread {
    pub here: AtomicU64,
    pub peers: Peers<Spread>,
    pub _life: Life,
}

impl Counter for Spread {
    fn add(&self, n: u64) {
        self.here.fetch_add(n, Relaxed);
    }

    fn value(&self) -> Result<u64, Error> {
        let mut sum = 0;
        self.peers.for_each(|rep| sum += rep.here.load(Relaxed))?;
        Ok(sum)
    }
}

pub fn small_system(cpus: usize, refs_per_cpu: usize) -> &'static System {
    // SAFETY: each test uses one system and its references only.
    unsafe { System::new(Config::new(cpus, || 0).refs_per_cpu(refs_per_cpu)) }
        .expect("a good configuration")
}

pub fn central(system: &'static System, living: &Living) -> Result<Ref<dyn Counter>, Error> {
    system.create(Central {
        sum: AtomicU64::new(0),
        _life: Life::new(living),
    })
}

pub fn spread(system: &'static System, living: &Living) -> Result<Ref<dyn Counter>, Error> {
    let living = living.clone();
    system.create_per_cpu(move |seat: Seat<dyn Counter, Spread>| {
        Ok(Spread {
            here: AtomicU64::new(0),
            peers: seat.peers,
            _life: Life::new(&living),
        })
    })
}
