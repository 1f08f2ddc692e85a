//! `tests/kit/k42.h` says in C what `libk42/abi` says in Rust: the numbers are the same.

use k42_abi::dispatcher::DispatcherPage;
use k42_abi::{CommId, Error, ProcessId, calls, layout, message};
use std::collections::BTreeMap;
use std::mem::offset_of;

/// The header's numbers, by name without `K42_`.
fn header() -> BTreeMap<String, u64> {
    let path = k42_tests::root().join("tests/kit/k42.h");
    let text = std::fs::read_to_string(path).expect("the header is there");
    text.lines()
        .filter_map(|line| line.strip_prefix("#define K42_")?.split_once(' '))
        .map(|(name, number)| {
            let number = number.trim_end_matches("ul");
            let number = match number.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16),
                None => number.parse(),
            };
            (name.to_string(), number.expect("a number"))
        })
        .collect()
}

#[test]
fn the_header_has_the_numbers_of_the_abi() {
    let error = |error: Error| u64::from(error.code());
    let mut abi: BTreeMap<&str, u64> = BTreeMap::from([
        ("SELECTOR", calls::SELECTOR),
        ("CALLS", calls::NAMES.len() as u64),
        ("ANY", u64::from(CommId::ANY)),
        ("PAGE_SIZE", layout::PAGE_SIZE as u64),
        ("SLOT_SIZE", message::SLOT_SIZE as u64),
        ("PAGE_ENTRY", offset_of!(DispatcherPage, entry) as u64),
        (
            "PAGE_CLIENT_SLOTS",
            offset_of!(DispatcherPage, client_slots) as u64,
        ),
        (
            "PAGE_SERVER_SLOTS",
            offset_of!(DispatcherPage, server_slots) as u64,
        ),
        ("PAGE_COMM_ID", offset_of!(DispatcherPage, comm_id) as u64),
        ("MEMORY", u64::from(ProcessId::MEMORY.0)),
        ("PROCESS", u64::from(ProcessId::PROCESS.0)),
        ("NAME", u64::from(ProcessId::NAME.0)),
        ("KFS", u64::from(ProcessId::KFS.0)),
        ("CONSOLE", u64::from(ProcessId::CONSOLE.0)),
        ("DELETED", error(Error::DELETED)),
        ("DEAD", error(Error::DEAD)),
        ("BUSY", error(Error::BUSY)),
        ("NO_DISPATCHER", error(Error::NO_DISPATCHER)),
        ("NO_METHOD", error(Error::NO_METHOD)),
        ("BAD_HANDLE", error(Error::BAD_HANDLE)),
        ("NO_RIGHT", error(Error::NO_RIGHT)),
        ("BAD_MESSAGE", error(Error::BAD_MESSAGE)),
    ]);
    for (number, name) in calls::NAMES.iter().enumerate() {
        abi.insert(name, number as u64);
    }
    for (name, number) in header() {
        assert_eq!(abi.get(name.as_str()), Some(&number), "{name}");
    }
}
