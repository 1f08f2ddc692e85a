//! Random histories, and random damage.
#![cfg(not(loom))]

mod common;

use common::{CLOCK, Small, region_bytes, tick};
use k42_trace::decode::Trace;
use k42_trace::{Class, EventHeader};
use proptest::prelude::*;

/// Logs an event of the table with 1 to 5 arguments.
fn log(buffer: &Small, args: usize, value: u64) {
    let kind = |class, event| EventHeader::kind_of(class, event, args);
    match args {
        1 => buffer.log(kind(Class::Objects, 0), [value], tick),
        2 => buffer.log(kind(Class::Application, 0), [value; 2], tick),
        3 => buffer.log(kind(Class::FileSystem, 3), [value; 3], tick),
        4 => buffer.log(kind(Class::Ipc, 0), [value; 4], tick),
        _ => buffer.log(EventHeader::kind_of(Class::Linux, 0, 5), [value; 5], tick),
    }
}

fn history() -> impl Strategy<Value = Vec<(usize, u64, u64)>> {
    prop::collection::vec((1..=5_usize, any::<u64>(), 0..1_u64 << 30), 0..200)
}

fn written(history: &[(usize, u64, u64)]) -> (Small, Small) {
    let (kernel, user) = (Small::new(), Small::new());
    for (n, &(args, value, pause)) in history.iter().enumerate() {
        CLOCK.with(|clock| clock.set(clock.get() + pause));
        log(if n % 2 == 0 { &kernel } else { &user }, args, value);
    }
    (kernel, user)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 3 } else { 300 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// What is read is the newest part of what was logged, in order, complete, in either byte order.
    #[test]
    fn the_newest_part_comes_back(history in history(), big in any::<bool>()) {
        let (kernel, user) = written(&history);
        let trace = Trace::parse(&region_bytes(&kernel, &user, big)).unwrap();
        prop_assert!(trace.gaps.is_empty());
        for side in 0..2 {
            let logged: Vec<(usize, u64)> =
                history.iter().skip(side).step_by(2).map(|&(args, value, _)| (args, value)).collect();
            let read: Vec<(usize, u64)> = trace
                .events
                .iter()
                .filter(|e| e.side as usize == side)
                .map(|e| (e.args.len(), e.args[0]))
                .collect();
            prop_assert!(logged.ends_with(&read));
            prop_assert!(read.len() >= logged.len().min(12));
        }
    }

    /// Nothing that is done to the bytes makes the decoder panic, or invent more than there is room for.
    #[test]
    fn damage_is_survived(
        history in history(),
        damage in prop::collection::vec((0.0..1.0_f64, any::<u8>()), 0..60),
        cut in 0.0..1.0_f64,
        do_cut in any::<bool>(),
    ) {
        let (kernel, user) = written(&history);
        let mut bytes = region_bytes(&kernel, &user, true);
        let length = bytes.len();
        // The pages' empty parts are of no interest: damage goes to the fields and the rings.
        let places: Vec<usize> =
            (24..80).chain(4096..4112).chain(8192..9216).chain(9216..9232).chain(13312..length).collect();
        for (place, value) in damage {
            bytes[places[(place * places.len() as f64) as usize]] = value;
        }
        if do_cut {
            bytes.truncate((cut * length as f64) as usize);
        }
        if let Ok(trace) = Trace::parse(&bytes) {
            prop_assert!(trace.events.len() * 8 <= length);
            prop_assert!(trace.lines().count() == trace.events.len() + trace.gaps.len());
        }
    }

    /// Bytes that were never a trace.
    #[test]
    fn rubbish_is_survived(mut bytes in prop::collection::vec(any::<u8>(), 4096..6000), dress in any::<bool>()) {
        if dress {
            let (kernel, user) = (Small::new(), Small::new());
            bytes[..80].copy_from_slice(&region_bytes(&kernel, &user, false)[..80]);
        }
        let _ = Trace::parse(&bytes);
    }
}
