//! Random histories, and random damage.
#![cfg(not(loom))]

mod common;

use common::{CLOCK, HEAD, SUB, Small, file_bytes, file_of, region_bytes, tick};
use k42_trace::decode::{Stack, Stream, Table, Trace};
use k42_trace::{Class, EventHeader};
use proptest::prelude::*;

/// Logs an event of the table with 1 to 5 arguments.
fn log(buffer: &Small, args: usize, value: u64) {
    let kind = |class, event| EventHeader::kind_of(class, event, args);
    match args {
        1 => buffer.log(kind(Class::FileSystem, 2), [value], tick),
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

    /// Stacks from outside come back, in order of time and in either byte order; of CPUs that there are, and as deep as a
    /// sub-buffer is long.
    #[test]
    fn stacks_come_back(
        stacks in prop::collection::vec(
            (any::<u64>(), 0..4_u32, prop::collection::vec(any::<u64>(), 0..40)), 0..20),
        kernel in any::<u64>(),
        big in any::<bool>(),
    ) {
        let (kernel_side, user) = written(&[]);
        let region = region_bytes(&kernel_side, &user, big);
        let mut file = Vec::new();
        let stream = Stream::open(&region[..], &mut file).unwrap();
        stream.note_kernel(kernel, &mut file);
        for (time, cpu, addresses) in &stacks {
            let stack = Stack { time: *time, cpu: *cpu, addresses: addresses.clone() };
            stream.note_stack(&stack, &mut file);
        }
        stream.finish(&region[..], &mut file).unwrap();
        let trace = Trace::parse(&file).unwrap();
        let mut expected: Vec<Stack> = stacks
            .into_iter()
            .filter(|(_, cpu, _)| *cpu < trace.cpus)
            .map(|(time, cpu, mut addresses)| {
                addresses.truncate(SUB);
                Stack { time, cpu, addresses }
            })
            .collect();
        expected.sort_by_key(|stack| stack.time);
        prop_assert_eq!(trace.stacks, expected);
        prop_assert_eq!(trace.kernel, Some(kernel));
        prop_assert!(trace.complete && trace.damaged_bytes == 0);
    }

    /// What is read is the newest part of what was logged, in order, complete, in either byte order.
    #[test]
    fn the_newest_part_comes_back(history in history(), big in any::<bool>()) {
        let (kernel, user) = written(&history);
        let trace = Trace::parse(&file_bytes(&kernel, &user, big)).unwrap();
        prop_assert!(trace.gaps.iter().all(|gap| gap.words % 32 == 0 && gap.time == 0));
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

    /// Nothing that is done to the memory makes the reader panic, or write more than there is room for.
    #[test]
    fn a_spoiled_region_is_survived(
        history in history(),
        damage in prop::collection::vec((0.0..1.0_f64, any::<u8>()), 0..60),
        cut in 0.0..1.0_f64,
        do_cut in any::<bool>(),
    ) {
        let (kernel, user) = written(&history);
        let mut bytes = region_bytes(&kernel, &user, true);
        let length = bytes.len();
        // The pages' empty parts are of no interest: damage goes to the fields and the rings.
        let buffer = 4096 + 1024;
        let places: Vec<usize> = (24..80)
            .chain([0, buffer].into_iter().flat_map(|b| {
                (HEAD + b..HEAD + b + 16).chain(HEAD + b + 4096..HEAD + b + buffer)
            }))
            .collect();
        for (place, value) in damage {
            bytes[places[(place * places.len() as f64) as usize]] = value;
        }
        if do_cut {
            bytes.truncate((cut * length as f64) as usize);
        }
        if let Ok(file) = file_of(&bytes) {
            prop_assert!(file.len() <= 2 * length);
            let trace = Trace::parse(&file).unwrap();
            prop_assert!(trace.events.len() * 8 <= length);
            prop_assert!(trace.lines().count() == trace.events.len() + trace.gaps.len());
        }
    }

    /// Nor does what is done to the file.
    #[test]
    fn a_spoiled_file_is_survived(
        history in history(),
        big in any::<bool>(),
        damage in prop::collection::vec((0.0..1.0_f64, any::<u8>()), 0..30),
        cut in 0.0..1.0_f64,
        do_cut in any::<bool>(),
    ) {
        let (kernel, user) = written(&history);
        let whole = file_bytes(&kernel, &user, big);
        let all = Trace::parse(&whole).unwrap();
        let mut bytes = whole.clone();
        // Behind the header, whose damage is an error, and the table, whose damage changes names.
        let chunks = 72 + k42_trace::TABLE_TEXT.len();
        for &(place, value) in &damage {
            let length = bytes.len();
            bytes[chunks + (place * (length - chunks) as f64) as usize] = value;
        }
        if do_cut {
            bytes.truncate((cut * whole.len() as f64) as usize);
        }
        match Trace::parse(&bytes) {
            Ok(trace) => {
                prop_assert!(trace.events.len() * 8 <= bytes.len());
                prop_assert!(trace.lines().count() == trace.events.len() + trace.gaps.len());
                if damage.is_empty() {
                    // What is left is what was there.
                    prop_assert!(trace.events.iter().all(|event| all.events.contains(event)));
                    prop_assert_eq!(trace.complete, bytes.len() == whole.len());
                }
            }
            Err(_) => prop_assert!(bytes.len() < chunks),
        }
    }

    /// Bytes that were never a trace, bare or behind a good header.
    #[test]
    fn rubbish_is_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..6000), dress in any::<bool>()) {
        if dress {
            let (kernel, user) = (Small::new(), Small::new());
            let header = file_bytes(&kernel, &user, false);
            bytes.splice(..0, header[..72 + k42_trace::TABLE_TEXT.len()].iter().copied());
        }
        prop_assert_eq!(Trace::parse(&bytes).is_ok(), dress);
    }

    /// Random words as a table.
    #[test]
    fn random_tables_are_survived(text in "((class|event|other)( [0-9]{1,3}| [a-z]{1,3}(:dec|:x)?){0,3}\n){0,8}") {
        if let Some(table) = Table::parse(&text) {
            for class in table.classes() {
                for event in class.events() {
                    prop_assert!(table.event(class.number, event.number) == Some(event));
                }
            }
        }
    }
}
