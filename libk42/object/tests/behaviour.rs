//! What users of objects may rely on, one test per promise.
#![cfg(not(loom))]

mod common;

use common::{Central, Counter, Life, Living, central, small_system, spread};
use k42_object::{Config, Error, Interface, Lasting, Ref, System, TableHead};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

#[test]
fn one_representative_serves_all_cpus() {
    let (system, living) = (small_system(3, 8), Living::default());
    let counter = central(system, &living).unwrap();
    for cpu in 0..3 {
        counter.get(&system.enter_on(cpu)).unwrap().add(5);
    }
    assert_eq!(counter.get(&system.enter()).unwrap().value(), Ok(15));
    assert_eq!(living.count(), 1);
}

#[test]
fn representatives_per_cpu_are_made_on_first_use_and_add_up() {
    let (system, living) = (small_system(4, 8), Living::default());
    let counter = spread(system, &living).unwrap();
    assert_eq!(living.count(), 0);
    for cpu in [1, 3, 1] {
        counter.get(&system.enter_on(cpu)).unwrap().add(7);
    }
    assert_eq!(living.count(), 2);
    assert_eq!(counter.get(&system.enter_on(0)).unwrap().value(), Ok(21));
}

#[test]
fn late_calls_hear_of_the_end_on_every_cpu() {
    let (system, living) = (small_system(2, 8), Living::default());
    for counter in [
        central(system, &living).unwrap(),
        spread(system, &living).unwrap(),
    ] {
        let (one, two) = (system.enter_on(0), system.enter_on(1));
        let borrowed = counter.get(&one).unwrap();
        counter.get(&two).unwrap().add(1);
        assert_eq!(counter.destroy(&one), Ok(()));
        assert_eq!(
            counter.destroy(&two),
            Err(Error::Deleted),
            "one destroyer wins"
        );
        assert_eq!(counter.get(&one).err(), Some(Error::Deleted));
        assert_eq!(counter.get(&two).err(), Some(Error::Deleted));
        borrowed.add(1); // its memory stays as long as the guard
    }
}

#[test]
fn nothing_is_freed_under_a_guard_and_everything_after() {
    let (system, living) = (small_system(2, 8), Living::default());
    for make in [central, spread] {
        let counter = make(system, &living).unwrap();
        let watcher = system.enter_on(1);
        let borrowed = counter.get(&watcher).unwrap();
        counter.destroy(&system.enter_on(0)).unwrap();
        assert_eq!(system.collect(), 0);
        assert_eq!(living.count(), 1);
        borrowed.add(1);
        drop(watcher);
        assert_eq!(system.collect(), 1);
        assert_eq!(living.count(), 0);
    }
    assert_eq!(system.stats(0).unwrap(), Default::default());
}

#[test]
fn an_object_of_one_cpu_does_not_wait_for_another_cpu() {
    let (system, living) = (small_system(2, 8), Living::default());
    let _stranger = system.enter_on(1);
    let guard = system.enter_on(0);
    let counter = central(system, &living).unwrap();
    counter.get(&guard).unwrap().add(1);
    counter.destroy(&guard).unwrap();
    drop(guard);
    assert_eq!((system.collect(), living.count()), (1, 0));
}

#[test]
fn a_stale_reference_never_reaches_another_object() {
    let (system, living) = (small_system(1, 1), Living::default());
    let mut old: Vec<Ref<dyn Counter>> = Vec::new();
    for round in 0..5 {
        let counter = central(system, &living).unwrap();
        assert!(!old.contains(&counter));
        let guard = system.enter();
        counter.get(&guard).unwrap().add(round);
        for stale in &old {
            assert_eq!(stale.get(&guard).err(), Some(Error::Deleted));
            assert_eq!(stale.destroy(&guard), Err(Error::Deleted));
        }
        counter.destroy(&guard).unwrap();
        drop(guard);
        assert_eq!(system.collect(), 1);
        old.push(counter);
    }
}

#[test]
fn a_full_table_is_an_error_and_frees_up() {
    let (system, living) = (small_system(2, 3), Living::default());
    let all: Vec<_> = (0..3).map(|_| central(system, &living).unwrap()).collect();
    assert_eq!(central(system, &living).err(), Some(Error::TableFull));
    assert_eq!(living.count(), 3, "the refused value is dropped");
    all[1].destroy(&system.enter()).unwrap();
    assert_eq!(
        central(system, &living).err(),
        Some(Error::TableFull),
        "still in its grace period"
    );
    system.collect();
    assert!(central(system, &living).is_ok());
}

#[test]
fn poll_frees_in_batches() {
    let (system, living) = (small_system(1, 64), Living::default());
    for _ in 0..200 {
        let counter = central(system, &living).unwrap();
        counter.destroy(&system.enter()).unwrap();
        system.poll();
    }
    assert!(living.count() < 20);
}

#[test]
fn an_error_of_the_maker_reaches_the_caller_and_is_not_kept() {
    let system = small_system(1, 8);
    let (tries, living) = (AtomicU64::new(0), Living::default());
    let counter: Ref<dyn Counter> = system
        .create_per_cpu(move |_| match tries.fetch_add(1, Relaxed) {
            0 => Err(Error::NoMemory),
            _ => Ok(Central {
                sum: AtomicU64::new(1),
                _life: Life::new(&living),
            }),
        })
        .unwrap();
    assert_eq!(counter.get(&system.enter()).err(), Some(Error::NoMemory));
    assert_eq!(counter.get(&system.enter()).unwrap().value(), Ok(1));
}

#[test]
fn a_value_can_know_its_own_reference() {
    struct Narcissus(Ref<dyn Counter>, &'static System);
    impl Counter for Narcissus {
        fn add(&self, _: u64) {
            self.0.destroy(&self.1.enter()).unwrap();
        }
        fn value(&self) -> Result<u64, Error> {
            Ok(self.0.number())
        }
    }
    let system = small_system(1, 8);
    let me: Ref<dyn Counter> = system.create_with(|me| Narcissus(me, system)).unwrap();
    let guard = system.enter();
    let rep = me.get(&guard).unwrap();
    assert_eq!(rep.value(), Ok(me.number()));
    rep.add(0); // destroys itself in the middle of a call
    assert_eq!(me.get(&guard).err(), Some(Error::Deleted));
}

#[test]
fn a_destructor_may_destroy_and_collect() {
    struct Parent(Ref<dyn Counter>, &'static System);
    impl Counter for Parent {
        fn add(&self, _: u64) {}
        fn value(&self) -> Result<u64, Error> {
            Ok(0)
        }
    }
    impl Drop for Parent {
        fn drop(&mut self) {
            self.0.destroy(&self.1.enter()).unwrap();
            self.1.collect();
        }
    }
    let (system, living) = (small_system(2, 8), Living::default());
    let child = central(system, &living).unwrap();
    let parent: Ref<dyn Counter> = system.create(Parent(child, system)).unwrap();
    parent.destroy(&system.enter()).unwrap();
    system.collect();
    assert_eq!((living.count(), system.stats(0).unwrap().live), (0, 0));
}

#[test]
fn tables_have_the_declared_layout() {
    let (system, living) = (small_system(1, 8), Living::default());
    let counter = central(system, &living).unwrap();
    let guard = system.enter();
    let rep = counter.get(&guard).unwrap();
    let table = rep.table();
    assert_eq!(
        size_of_val(table),
        size_of::<TableHead>() + 2 * size_of::<usize>()
    );
    assert_eq!(
        (table.head.hash, table.head.methods),
        (<dyn Counter>::HASH, 2)
    );
    assert_eq!(<dyn Counter>::METHODS, ["add", "value"]);
    assert_eq!(<dyn Counter>::NAME, "Counter");
    assert_eq!(size_of::<Ref<dyn Counter>>(), 8);
    assert_eq!(size_of::<Option<Ref<dyn Counter>>>(), 8);
}

#[test]
fn the_hash_tells_interfaces_apart() {
    mod other {
        k42_object::object_interface! {
            pub trait Counter {
                fn add(&self, n: u32);
                fn value(&self) -> Result<u64, k42_object::Error>;
            }
        }
    }
    assert_ne!(<dyn Counter>::HASH, <dyn other::Counter>::HASH);
    assert_eq!(
        k42_object::interface_hash(&["a ( u64 )"]),
        k42_object::interface_hash(&["a(u64)"])
    );
    assert_ne!(
        k42_object::interface_hash(&["a", "b"]),
        k42_object::interface_hash(&["ab"])
    );
}

#[test]
fn bad_configurations_are_refused() {
    for (cpus, refs) in [(0, 1), (1, 0), (5000, 1), (1, 1 << 21)] {
        // SAFETY: no system is made.
        let refused = unsafe { System::new(Config::new(cpus, || 0).refs_per_cpu(refs)) };
        assert_eq!(refused.err(), Some(Error::BadConfig));
    }
}

#[test]
fn the_programs_system_starts_once() {
    assert!(k42_object::system().is_none());
    let system = System::start(Config::new(2, || 7)).unwrap();
    assert_eq!(
        System::start(Config::new(2, || 0)).err(),
        Some(Error::AlreadyStarted)
    );
    assert!(std::ptr::eq(k42_object::system().unwrap(), system));
    assert_eq!(
        k42_object::enter().cpu(),
        0,
        "a CPU that does not exist counts as zero"
    );
}

#[test]
fn a_lasting_value_stays_for_guards_of_all_cpus() {
    struct Counts(&'static AtomicUsize);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let (system, ended) = (small_system(3, 8), Box::leak(Box::new(AtomicUsize::new(0))));
    let there = Lasting::new(system, Counts(ended)).unwrap();
    // Seen under a guard of another CPU than the one where it ends, which has never called the object.
    let guard = system.enter_on(2);
    let seen = there.under(&guard);
    drop(there);
    system.collect();
    system.collect();
    assert_eq!(ended.load(Relaxed), 0, "a guard of CPU 2 is left");
    assert!(core::ptr::eq(seen.0, ended));
    drop(guard);
    system.collect();
    assert_eq!(ended.load(Relaxed), 1);
}

#[test]
fn a_lasting_value_that_cannot_be_made_is_dropped() {
    let value = Arc::new(());
    let small = small_system(1, 1);
    let first = Lasting::new(small, value.clone()).unwrap();
    assert_eq!(
        Lasting::new(small, value.clone()).err(),
        Some(Error::TableFull)
    );
    assert_eq!((Arc::strong_count(&value), &**first), (2, &()));
}
