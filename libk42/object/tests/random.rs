//! Random histories against a model, and real threads against each other.
#![cfg(not(loom))]

mod common;

use std::sync::Mutex;
use std::thread;

use common::{Counter, Living, central, small_system, spread};
use k42_object::{Error, Guard, Ref};
use proptest::prelude::*;

const CPUS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    CreateCentral,
    CreateSpread,
    Call { which: usize, cpu: usize },
    Destroy { which: usize, cpu: usize },
    Enter { cpu: usize },
    Leave { which: usize },
    Collect,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (which, cpu) = (0..1000_usize, 0..CPUS);
    let step = prop_oneof![
        2 => Just(Step::CreateCentral),
        2 => Just(Step::CreateSpread),
        6 => (which.clone(), cpu.clone()).prop_map(|(which, cpu)| Step::Call { which, cpu }),
        3 => (which.clone(), cpu.clone()).prop_map(|(which, cpu)| Step::Destroy { which, cpu }),
        1 => cpu.prop_map(|cpu| Step::Enter { cpu }),
        2 => which.prop_map(|which| Step::Leave { which }),
        2 => Just(Step::Collect),
    ];
    prop::collection::vec(step, 0..if cfg!(miri) { 30 } else { 120 })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 300 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// References ever made are kept; each call answers as the model says, and at the end nothing is left.
    #[test]
    fn every_answer_is_as_the_model_says(steps in steps()) {
        let (system, living) = (small_system(CPUS, 10), Living::default());
        let mut objects: Vec<(Ref<dyn Counter>, Option<u64>)> = Vec::new();
        let mut guards: Vec<Guard> = Vec::new();
        for step in steps {
            let n = objects.len().max(1);
            match step {
                Step::CreateCentral | Step::CreateSpread => {
                    let make = if matches!(step, Step::CreateCentral) { central } else { spread };
                    match make(system, &living) {
                        Ok(new) => {
                            prop_assert!(objects.iter().all(|(old, _)| *old != new));
                            objects.push((new, Some(0)));
                        }
                        Err(error) => prop_assert_eq!(error, Error::TableFull),
                    }
                }
                Step::Call { which, cpu } => if let Some((object, value)) = objects.get_mut(which % n) {
                    let guard = system.enter_on(cpu);
                    match (object.get(&guard), value) {
                        (Ok(rep), Some(value)) => {
                            rep.add(which as u64);
                            *value += which as u64;
                            prop_assert_eq!(rep.value(), Ok(*value));
                        }
                        (Err(error), None) => prop_assert_eq!(error, Error::Deleted),
                        (answer, value) => prop_assert!(false, "{:?} for {:?}", answer, value),
                    }
                },
                Step::Destroy { which, cpu } => if let Some((object, value)) = objects.get_mut(which % n) {
                    let answer = object.destroy(&system.enter_on(cpu));
                    prop_assert_eq!(answer.is_ok(), value.take().is_some());
                },
                Step::Enter { cpu } => guards.push(system.enter_on(cpu)),
                Step::Leave { which } => if !guards.is_empty() {
                    drop(guards.swap_remove(which % guards.len()));
                },
                Step::Collect => {
                    let freed = system.collect();
                    prop_assert!(freed <= objects.len());
                }
            }
        }
        drop(guards);
        for (object, value) in objects {
            prop_assert_eq!(object.destroy(&system.enter()).is_ok(), value.is_some());
        }
        system.collect();
        prop_assert_eq!(living.count(), 0);
        for cpu in 0..CPUS {
            prop_assert_eq!(system.stats(cpu).unwrap(), Default::default());
        }
    }
}

#[test]
fn threads_create_call_and_destroy_at_once() {
    const ROUNDS: usize = if cfg!(miri) { 40 } else { 5_000 };
    let (system, living) = (small_system(CPUS, 2_000), Living::default());
    let shared: Vec<_> = (0..4)
        .map(|_| Mutex::new(central(system, &living).unwrap()))
        .collect();
    thread::scope(|s| {
        for cpu in 0..CPUS {
            let (shared, living) = (&shared, living.clone());
            s.spawn(move || {
                for round in 0..ROUNDS {
                    let place = &shared[(round * 7 + cpu) % shared.len()];
                    let object = *place.lock().unwrap();
                    let guard = system.enter_on(cpu);
                    match object.get(&guard) {
                        Ok(rep) => rep.add(1),
                        Err(error) => assert_eq!(error, Error::Deleted),
                    }
                    if round % 3 == cpu && object.destroy(&guard).is_ok() {
                        let make = if round % 2 == 0 { central } else { spread };
                        // On a full table the place keeps a dead reference, which is as good a test.
                        if let Ok(new) = make(system, &living) {
                            *place.lock().unwrap() = new;
                        }
                    }
                    drop(guard);
                    system.poll();
                }
            });
        }
    });
    for place in &shared {
        let _ = place.lock().unwrap().destroy(&system.enter());
    }
    system.collect();
    assert_eq!(living.count(), 0);
}
