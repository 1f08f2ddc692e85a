//! All interleavings of the races that matter, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p k42-object --test loom --target-dir target/loom`.
//!
//! The object under test holds a loom cell: a call reads it, its destructor writes it. So a destructor that is not
//! ordered after a call (memory freed too early) fails the model.
#![cfg(loom)]

use k42_object::{Config, Error, Ref, Seat, System, object_interface};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

object_interface! {
    /// Something that can be called.
    trait Probe {
        /// Reads the cell.
        fn call(&self);
    }
}

struct Watched {
    cell: UnsafeCell<u32>,
    dropped: Arc<AtomicUsize>,
}

// SAFETY: calls only read the cell, and the destructor runs alone; whether that is so is what loom checks.
unsafe impl Sync for Watched {}
// SAFETY: as above.
unsafe impl Send for Watched {}

impl Probe for Watched {
    fn call(&self) {
        // SAFETY: the pointer is good for the length of the closure.
        self.cell.with(|cell| assert_eq!(unsafe { *cell }, 1));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // SAFETY: the pointer is good for the length of the closure.
        self.cell.with_mut(|cell| unsafe { *cell = 0 });
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// A system of two CPUs with one object, of one representative or of one per CPU.
struct Stage {
    system: &'static System,
    object: Ref<dyn Probe>,
    dropped: Arc<AtomicUsize>,
}

fn stage(spread: bool) -> Stage {
    // SAFETY: references and guards of a run are of this system.
    let system = unsafe { System::new(Config::new(2, || 0).refs_per_cpu(2)) }.unwrap();
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = dropped.clone();
    let new = move || Watched {
        cell: UnsafeCell::new(1),
        dropped: count.clone(),
    };
    let object = if spread {
        // The maker holds an Arc that loom watches; it goes with the object.
        system.create_per_cpu(move |_: Seat<dyn Probe, Watched>| Ok(new()))
    } else {
        system.create(new())
    };
    Stage {
        system,
        object: object.unwrap(),
        dropped,
    }
}

fn bounded(test: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(test);
}

fn call(system: &'static System, object: Ref<dyn Probe>, cpu: usize) -> Result<(), Error> {
    let guard = system.enter_on(cpu);
    object.get(&guard)?.call();
    Ok(())
}

fn end(stage: &Stage, reps: usize) {
    stage.system.collect();
    assert_eq!(stage.dropped.load(Ordering::Relaxed), reps);
    assert_eq!(call(stage.system, stage.object, 0), Err(Error::Deleted));
}

/// One CPU calls by a full slot while the other destroys and collects.
#[test]
fn destroy_against_call() {
    bounded(|| {
        let s = stage(false);
        let (system, object) = (s.system, s.object);
        call(system, object, 1).unwrap();
        let caller = thread::spawn(move || {
            let _ = call(system, object, 1);
        });
        object.destroy(&system.enter_on(0)).unwrap();
        assert_eq!(call(system, object, 0), Err(Error::Deleted));
        system.collect();
        caller.join().unwrap();
        end(&s, 1);
    });
}

/// The same on one CPU: the local grace period.
#[test]
fn destroy_against_call_on_one_cpu() {
    bounded(|| {
        let s = stage(false);
        let (system, object) = (s.system, s.object);
        call(system, object, 0).unwrap();
        let caller = thread::spawn(move || {
            let _ = call(system, object, 0);
        });
        object.destroy(&system.enter_on(0)).unwrap();
        system.collect();
        caller.join().unwrap();
        end(&s, 1);
    });
}

/// The other CPU's first call, a miss, meets the destruction of an object that only this CPU has used.
#[test]
fn destroy_against_miss() {
    bounded(|| {
        let s = stage(false);
        let (system, object) = (s.system, s.object);
        let caller = thread::spawn(move || {
            let _ = call(system, object, 1);
        });
        object.destroy(&system.enter_on(0)).unwrap();
        system.collect();
        caller.join().unwrap();
        end(&s, 1);
    });
}

/// As before, with a representative that the miss makes.
#[test]
fn destroy_against_miss_that_makes_a_representative() {
    bounded(|| {
        let s = stage(true);
        let (system, object) = (s.system, s.object);
        let caller = thread::spawn(move || call(system, object, 1).is_ok());
        object.destroy(&system.enter_on(0)).unwrap();
        system.collect();
        caller.join().unwrap();
        s.system.collect();
        assert!(
            s.dropped.load(Ordering::Relaxed) <= 1,
            "a representative that was made is dropped once"
        );
        assert_eq!(system.stats(0).unwrap().live, 0);
    });
}

/// Two threads miss on one CPU; one representative is used, a second is dropped at once.
#[test]
fn miss_against_miss() {
    bounded(|| {
        let s = stage(true);
        let (system, object) = (s.system, s.object);
        let other = thread::spawn(move || call(system, object, 0).unwrap());
        call(system, object, 0).unwrap();
        other.join().unwrap();
        object.destroy(&system.enter_on(0)).unwrap();
        system.collect();
        let dropped = s.dropped.load(Ordering::Relaxed);
        assert!((1..=2).contains(&dropped));
    });
}

/// Exactly one of two destroyers wins.
#[test]
fn destroy_against_destroy() {
    bounded(|| {
        let s = stage(false);
        let (system, object) = (s.system, s.object);
        let other = thread::spawn(move || object.destroy(&system.enter_on(1)).is_ok());
        let mine = object.destroy(&system.enter_on(0)).is_ok();
        assert!(mine != other.join().unwrap());
        end(&s, 1);
    });
}

/// A thread enters while the generation rolls because of an earlier destruction, and calls an object that is then
/// destroyed: it is either counted or sees the object gone.
#[test]
fn generation_roll_against_guard_entry() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let s = stage(false);
        let (system, object) = (s.system, s.object);
        call(system, object, 0).unwrap();
        let caller = thread::spawn(move || {
            let _ = call(system, object, 0);
            let _ = call(system, object, 0);
        });
        let decoy = stage_object(system);
        decoy.destroy(&system.enter_on(0)).unwrap();
        system.collect();
        object.destroy(&system.enter_on(0)).unwrap();
        system.collect();
        caller.join().unwrap();
        end(&s, 1);
    });
}

fn stage_object(system: &'static System) -> Ref<dyn Probe> {
    struct Nothing;
    impl Probe for Nothing {
        fn call(&self) {}
    }
    system.create(Nothing).unwrap()
}
