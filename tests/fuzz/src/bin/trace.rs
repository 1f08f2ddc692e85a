//! Traces: files that are damaged, cut or none at all, and the memory of a system that a hostile program has written to.
#![no_main]

#[path = "../../../../libk42/trace/tests/common/mod.rs"]
#[allow(dead_code, reason = "the package's own tests use more of it")]
mod common;

use common::{Small, file_bytes, file_of, region_bytes, tick};
use k42_trace::decode::Trace;
use k42_trace::{Class, EventHeader, TABLE_TEXT};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

/// Bytes of a file before its table.
const HEADER: usize = 72;

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// Never a trace.
    Foreign(&'a [u8]),
    /// Behind a good header and the table.
    Dressed { big: bool, bytes: &'a [u8] },
    /// A good file of which some bytes are changed, and the end cut off.
    Damaged {
        big: bool,
        patches: Vec<(u16, u8)>,
        cut: u16,
    },
    /// Memory of which some bytes are changed.
    Memory { patches: Vec<(u16, u8)> },
}

struct Good {
    files: [Vec<u8>; 2],
    region: Vec<u8>,
}

/// What a system leaves that has logged something.
fn good() -> &'static Good {
    static GOOD: OnceLock<Good> = OnceLock::new();
    GOOD.get_or_init(|| {
        let (kernel, user) = (Small::new(), Small::new());
        for n in 0..60 {
            let side = if n % 3 == 0 { &kernel } else { &user };
            side.log(
                EventHeader::kind_of(Class::Application, 0, 2),
                [n, n * n],
                tick,
            );
            side.log(EventHeader::kind_of(Class::FileSystem, 3, 3), [n; 3], tick);
        }
        Good {
            files: [false, true].map(|big| file_bytes(&kernel, &user, big)),
            region: region_bytes(&kernel, &user, true),
        }
    })
}

fn patch(bytes: &mut [u8], patches: &[(u16, u8)], from: usize) {
    let room = bytes.len() - from;
    for &(place, value) in patches {
        bytes[from + usize::from(place) % room] ^= value;
    }
}

/// Whatever is read can be shown, and is no more than there was.
fn show(trace: &Trace, length: usize) {
    assert!(trace.events.len() * 8 <= length);
    assert_eq!(trace.lines().count(), trace.events.len() + trace.gaps.len());
}

fuzz_target!(|input: Input| {
    match input {
        Input::Foreign(bytes) => {
            if let Ok(trace) = Trace::parse(bytes) {
                show(&trace, bytes.len());
            }
        }
        Input::Dressed { big, bytes } => {
            let mut file = good().files[usize::from(big)][..HEADER + TABLE_TEXT.len()].to_vec();
            file.extend(bytes);
            let trace = Trace::parse(&file).expect("a good header is believed");
            show(&trace, file.len());
        }
        Input::Damaged { big, patches, cut } => {
            let mut file = good().files[usize::from(big)].clone();
            // Of a header that is damaged little is left to read: most damage comes behind it.
            patch(
                &mut file,
                &patches,
                if cut % 2 == 0 {
                    0
                } else {
                    HEADER + TABLE_TEXT.len()
                },
            );
            file.truncate(file.len() - usize::from(cut) % (file.len() / 2));
            if let Ok(trace) = Trace::parse(&file) {
                show(&trace, file.len());
            }
        }
        Input::Memory { patches } => {
            let mut region = good().region.clone();
            patch(&mut region, &patches, 0);
            if let Ok(file) = file_of(&region) {
                assert!(file.len() <= 2 * region.len());
                let trace = Trace::parse(&file).expect("what the reader of memory writes");
                show(&trace, region.len());
            }
        }
    }
});
